import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { FlattenedSign } from 'jose';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { openBundle, readBundle, signBundle, type Trust } from './bundle.ts';
import { newKeyPair, type PublicJwk, verifyingKeys } from './keys.ts';
import { BundleError } from './manifest.ts';

const directory = mkdtempSync(join(tmpdir(), 'comptroller-bundle-'));
const bundle = join(directory, 'bundle');
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(bundle, { recursive: true, force: true });
  cpSync('policies/build', bundle, { recursive: true });
});

const author = newKeyPair('author', 'EdDSA');
const approver = newKeyPair('approver', 'ES256');
const NOW = Date.parse('2026-11-20T12:00:00Z');
function trust(over: Partial<Omit<Trust, 'keys'>> & { keys?: PublicJwk[] } = {}): Trust {
  const { keys = [author.publicJwk, approver.publicJwk], ...rest } = over;
  return { minVersion: 1, quorum: 1, now: NOW, ...rest, keys: verifyingKeys(keys) };
}
async function fault(given: Trust = trust()): Promise<string> {
  try {
    await openBundle(bundle, given);
    return 'none';
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return error.fault;
  }
}
const read = (name: string): Buffer => readFileSync(join(bundle, name));
const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(bundle, name), content);

describe('signatures', () => {
  test.each([author, approver])('one of a configured key opens the bundle', async ({ key, publicJwk }) => {
    await signBundle(bundle, key, publicJwk.kid, { now: NOW });
    const { id, manifest } = await openBundle(bundle, trust());
    expect(id).toEqual({ version: manifest.version, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test('none, nobody known, or one under another name do not', async () => {
    expect(await fault()).toBe('missing');
    await signBundle(bundle, newKeyPair('stranger', 'EdDSA').key, 'stranger');
    expect(await fault()).toBe('signature');
    await signBundle(bundle, newKeyPair('thief', 'EdDSA').key, 'author');
    expect(await fault()).toBe('signature');
    await signBundle(bundle, author.key, 'approver');
    expect(await fault()).toBe('signature');
  });

  test('signing again replaces the own signature and keeps the others', async () => {
    await signBundle(bundle, author.key, 'author', { expires: NOW - 1 });
    await signBundle(bundle, approver.key, 'approver');
    await signBundle(bundle, author.key, 'author');
    expect((JSON.parse(read('signatures.json').toString()) as { signatures: unknown[] }).signatures.length).toBe(2);
    expect(await fault(trust({ quorum: 2 }))).toBe('none');
  });

  test('one key that signs twice is one', async () => {
    await signBundle(bundle, author.key, 'author');
    const { signatures } = JSON.parse(read('signatures.json').toString()) as { signatures: object[] };
    write('signatures.json', JSON.stringify({ signatures: [...signatures, ...signatures] }));
    expect(await fault(trust({ quorum: 2 }))).toBe('signature');
  });

  test('an expired one activates nothing', async () => {
    await signBundle(bundle, author.key, 'author', { expires: NOW + 1000 });
    expect(await fault()).toBe('none');
    expect(await fault(trust({ now: NOW + 1000 }))).toBe('expired');
  });

  test('a signature of another type over the same bytes is none', async () => {
    const jws = await new FlattenedSign(read('manifest.json'))
      .setProtectedHeader({ alg: 'EdDSA', kid: 'author' })
      .sign(author.key);
    write('signatures.json', JSON.stringify({ signatures: [{ protected: jws.protected, signature: jws.signature }] }));
    expect(await fault()).toBe('signature');
  });

  test.each([
    ['malformed', '{'],
    ['malformed', '{"signatures":{}}'],
    ['malformed', JSON.stringify({ signatures: Array.from({ length: 17 }, () => ({})) })],
    ['signature', '{"signatures":[null,1,{},{"protected":"x","signature":"y"},{"protected":1,"signature":2}]}'],
    ['too-large', ' '.repeat(70_000)],
  ])('odd signature files: %s', async (expected, content) => {
    write('signatures.json', content);
    expect(await fault()).toBe(expected);
  });

  test('an older version is refused, the same and a newer one are not', async () => {
    await signBundle(bundle, author.key, 'author');
    const { id } = await openBundle(bundle, trust());
    expect(await fault(trust({ minVersion: id.version }))).toBe('none');
    expect(await fault(trust({ minVersion: id.version + 1 }))).toBe('version');
  });
});

test('a signature in another spelling of its last character is none', async () => {
  await signBundle(bundle, author.key, 'author');
  const { signatures } = JSON.parse(read('signatures.json').toString()) as { signatures: { signature: string }[] };
  const [first] = signatures;
  const signature = first?.signature ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet[alphabet.indexOf(signature.at(-1) ?? '') ^ 1];
  const other = `${signature.slice(0, -1)}${last}`;
  expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
  write('signatures.json', Buffer.from(JSON.stringify({ signatures: [{ ...first, signature: other }] })));
  expect(await fault()).toBe('signature');
});

test('no byte of any file can change unnoticed', async () => {
  await signBundle(bundle, author.key, 'author');
  const files = ['manifest.json', 'policy.wasm', 'data.json', 'selftest.json', 'signatures.json'];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (name, place, flip) => {
        const whole = read(name);
        const changed = Buffer.from(whole);
        const at = place % whole.length;
        changed[at] = (changed[at] ?? 0) ^ flip;
        write(name, changed);
        try {
          // White space in the signatures' file means nothing; all else has to be noticed.
          const same = name === 'signatures.json' && isSameJson(whole, changed);
          expect(await fault()).toEqual(same ? 'none' : expect.not.stringMatching(/^none$/));
        } finally {
          write(name, whole);
        }
      },
    ),
    { numRuns: 150 },
  );
});

function isSameJson(a: Buffer, b: Buffer): boolean {
  try {
    return JSON.stringify(JSON.parse(a.toString())) === JSON.stringify(JSON.parse(b.toString()));
  } catch {
    return false;
  }
}

test('manifests that are odd name their field', async () => {
  const { manifest } = await readBundle(bundle);
  for (const [field, value] of Object.entries({
    format: 1,
    entrypoint: 'x',
    version: 0,
    input: null,
    opa: [],
    files: 'x',
  })) {
    write('manifest.json', JSON.stringify({ ...manifest, [field]: value }));
    await expect(readBundle(bundle)).rejects.toThrow(`manifest.json: ${field} is`);
  }
  write(
    'manifest.json',
    JSON.stringify({ ...manifest, files: { ...manifest.files, 'data.json': { sha256: 'x', size: 1 } } }),
  );
  await expect(readBundle(bundle)).rejects.toThrow('files["data.json"]');
});

describe('configured keys', () => {
  test('must be public, Ed25519 or P-256, and of different names', () => {
    expect(() => verifyingKeys([])).toThrow('none is configured');
    expect(() => verifyingKeys([author.privateJwk as PublicJwk])).toThrow('private part');
    expect(() => verifyingKeys([author.publicJwk, author.publicJwk])).toThrow('same kid');
    expect(() => verifyingKeys([{ ...author.publicJwk, kid: '../x' }])).toThrow('kid');
  });
});
