import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestLedger, someDenial, someIntent, somePod, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { until } from '#kit/wait.ts';
import { findLogs } from '#ledger/reader.ts';
import { verifyLedger } from '#ledger/verify.ts';

const keeper = testKeeper();
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
const at = (name: string): string => join(temporary.path, '..', name);
const verify = (directory: string) => verifyLedger({ directory, verifierKey: keeper.verifierKey });

/** `crashed`: as a kill leaves it, with partial tiles of several checkpoints and a write-ahead segment. `closed`: after it. */
beforeAll(async () => {
  temporary = await temporaryDirectory();
  const { ledger } = await openTestLedger(temporary.path, keeper);
  await ledger.note({ note: 'leadership', epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' }, won: true });
  const [log] = await findLogs(temporary.path);
  const write = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 10)
      for (const recorded of await Promise.all(
        Array.from({ length: 10 }, (_, k) => ledger.intent(someIntent(n + k), 'write')),
      ))
        if (recorded.ok && recorded.value.seq % 3 !== 0) ledger.outcome(recorded.value, { kind: 'applied', took: 3 });
  };
  const signed = async (): Promise<string> => readFile(join(log?.path as string, 'checkpoint'), 'utf8');
  for (const to of [40, 80, 220]) {
    const before = await signed();
    await write(to === 40 ? 0 : to - 40, to);
    await until(async () => (await signed()) !== before, { timeout: 10_000, why: 'a checkpoint' });
  }
  await write(220, 240);
  await ledger.note({ note: 'era', why: 'settled' });
  await cp(temporary.path, at('crashed'), { recursive: true });
  await rm(join(at('crashed'), 'lock'));
  await ledger.close('done');
  await cp(temporary.path, at('closed'), { recursive: true });
});
afterAll(() => temporary.remove());

async function filesOf(directory: string, which: RegExp): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => which.test(path))
    .sort();
}

const EVIDENCE = /\/(tile\/.*|checkpoint|wal\/\d+|bodies\/\d+)$/;

describe.each(['crashed', 'closed'])('a %s ledger', (state) => {
  it('is ok as it is', async () => {
    const { verdict, findings } = await verify(at(state));
    expect([verdict, findings.filter(({ grade }) => grade !== 'note')]).toEqual(['ok', []]);
  });

  it('is not ok with any bit flipped in any file of evidence', async () => {
    const files = await filesOf(at(state), EVIDENCE);
    expect(files.some((file) => file.includes('/wal/'))).toBe(state === 'crashed');
    expect(files.filter((file) => file.includes('/tile/0/')).length).toBeGreaterThan(1);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), fc.nat({ max: 2 ** 30 }), async (file, where) => {
        const bytes = await readFile(file);
        const bit = where % (bytes.length * 8);
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        // Each line of a pack ends with a line break that is part of no body.
        fc.pre(!file.includes('/bodies/') || bytes[bit >> 3] !== 0x0a);
        await writeFile(file, changed);
        try {
          expect((await verify(at(state))).verdict).not.toBe('ok');
        } finally {
          await writeFile(file, bytes);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('is not ok, or says what is gone, with any file of evidence cut anywhere', async () => {
    const files = await filesOf(at(state), EVIDENCE);
    const { findings: before } = await verify(at(state));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), fc.nat({ max: 2 ** 30 }), async (file, where) => {
        const bytes = await readFile(file);
        await writeFile(file, bytes.subarray(0, where % bytes.length));
        try {
          const { verdict, findings } = await verify(at(state));
          // Emptied leftovers of older checkpoints tell nobody anything, and what is cut from a pack's end may be a line break.
          const leftover = where % bytes.length === 0 && file.includes('.p/');
          const ending = file.includes('/bodies/') && where % bytes.length === bytes.length - 1;
          const said = JSON.stringify(findings) !== JSON.stringify(before);
          if (!leftover && !ending) expect(verdict !== 'ok' || said).toBe(true);
        } finally {
          await writeFile(file, bytes);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('the whole directory', () => {
  it('holds no value of a tenant, whatever the objects look like, byte by byte', async () => {
    const SECRET = 'hunter2';
    const path = at('private');
    const { ledger } = await openTestLedger(path, keeper);
    const keys = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'token', '~', 'a.b', ''), fc.string());
    const values = fc.dictionary(
      keys,
      fc.constantFrom(`${SECRET}-1`, `${SECRET} with words`, Buffer.from(SECRET).toString('base64')),
    );
    const objects = fc.sample(fc.tuple(values, values, values), { numRuns: 60, seed: 7 });
    for (const [n, [annotations, data, settings]] of objects.entries()) {
      const pod = somePod(`web-${n}`);
      const env = Object.entries(settings).map(([, value], k) => ({ name: `E${k}`, value }));
      const [container] = pod.spec.containers as [(typeof pod.spec.containers)[number]];
      const hidden = { ...container, env, args: Object.values(data), command: Object.values(settings) };
      const after = {
        ...pod,
        metadata: { ...pod.metadata, annotations },
        spec: { ...pod.spec, containers: [hidden] },
        data,
      };
      const plain = someIntent(n);
      const kinds = ['core/pods', 'core/configmaps', 'core/secrets', 'core/serviceaccounts'] as const;
      const resource = kinds[n % kinds.length] as (typeof kinds)[number];
      const subresource = resource === 'core/serviceaccounts' ? { subresource: 'token' } : {};
      const request = {
        ...plain.request,
        body: JSON.stringify(after),
        target: { resource, namespace: 'default', name: `web-${n}`, ...subresource },
      };
      const object = { ...after, stringData: data, binaryData: data, status: { token: `${SECRET}-token` } };
      const recorded = await ledger.intent({ ...plain, request, after: object, before: object }, 'write');
      expect(recorded.ok).toBe(true);
      ledger.denial(someDenial(n, { request, after: object, before: object, messages: ['is not allowed'] }));
    }
    await ledger.close('done');
    const needles = [SECRET, Buffer.from(SECRET).toString('base64').slice(0, 9)];
    const files = await filesOf(path, /./);
    expect(files.some((file) => file.includes('/bodies/'))).toBe(true);
    for (const file of files.filter((name) => !name.endsWith('/reserve'))) {
      const bytes = await readFile(file);
      for (const needle of needles) expect([file, bytes.indexOf(needle)]).toEqual([file, -1]);
    }
    expect((await verify(path)).findings.filter(({ code }) => code !== 'epoch' && code !== 'running')).toEqual([]);
  });
});
