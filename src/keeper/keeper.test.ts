import 'reflect-metadata';
import { createPublicKey, generateKeyPairSync, verify, webcrypto, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import { newRequest } from '../identity/certificate.ts';
import { raiseGeneration } from '../identity/generations.ts';
import { connectKeeper } from './client.ts';
import type { Keeper } from './port.ts';
import { type KeeperOptions, type RunningKeeper, startKeeper } from './server/start.ts';
import { spawnKeeper } from './spawn.ts';

const HOUR = 3_600_000;
const ROOT = Buffer.alloc(32, 7).toString('base64');
const OTHER_ROOT = Buffer.alloc(32, 8).toString('base64');
const body = (size: number, root = ROOT, origin = 'a1'): string =>
  `comptroller.dev/ledger/${origin}\n${size}\n${root}\n`;

let directory: string;
let options: KeeperOptions;
let keeper: RunningKeeper | undefined;
let client: Keeper | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keeper-'));
  const ca = await throwawayCa(directory, { life: 12 * HOUR });
  options = {
    socket: join(directory, 'run/keeper.sock'),
    caCert: ca.certFile,
    caKey: ca.keyFile,
    stateDir: join(directory, 'state'),
    mode: 'comptroller',
    now: Date.now,
  };
});

afterEach(async () => {
  client?.close();
  await keeper?.close();
  keeper = undefined;
  client = undefined;
  rmSync(directory, { recursive: true });
});

async function start(over: Partial<KeeperOptions> = {}): Promise<Keeper> {
  keeper = await startKeeper({ ...options, ...over });
  client = await connectKeeper(options.socket);
  return client;
}

async function restart(): Promise<Keeper> {
  client?.close();
  await keeper?.close();
  return start();
}

const days = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / HOUR;

describe('issuing', () => {
  it('takes subject, groups, usages and life from the profile', async () => {
    const { csr } = await newRequest();
    const { certificate } = await (await start()).issue({ profile: 'replicaset', csr, lifetime: HOUR });
    const leaf = new X509Certificate(certificate);
    expect(leaf.subject.split('\n')).toEqual([
      'CN=comptroller:replicaset',
      'O=comptroller:replicaset:g1',
      'O=comptroller:controllers',
    ]);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(leaf.ca).toBe(false);
    expect(days(leaf.validFrom, leaf.validTo)).toBeCloseTo(1 + 5 / 60, 2);
    expect(leaf.serialNumber.length).toBe(34);
  });

  it.each([
    ['of kind rsa', { kind: 'rsa' as const }],
    ['of kind ec', { kind: 'ec' as const }],
    ['that the CA calls by another digest than we would', { keyId: 'ab'.repeat(20) }],
  ])('signs with a CA key %s', async (_, how) => {
    const ca = await throwawayCa(directory, { ...how, name: 'other' });
    const asked = await start({ caCert: ca.certFile, caKey: ca.keyFile });
    const { certificate } = await asked.issue({ profile: 'reader', csr: (await newRequest()).csr, lifetime: HOUR });
    const authority = new X509Certificate((await asked.about()).ca);
    expect(new X509Certificate(certificate).verify(authority.publicKey)).toBe(true);
    expect(new X509Certificate(certificate).checkIssued(authority)).toBe(true);
  });

  it('never lives longer than the profile allows, nor than the CA', async () => {
    const asked = await start();
    const { csr } = await newRequest();
    const { certificate } = await asked.issue({ profile: 'leader', csr, lifetime: 1000 * HOUR });
    const { validTo } = new X509Certificate(certificate);
    expect(Date.parse(validTo)).toBeLessThanOrEqual(Date.parse(new X509Certificate((await asked.about()).ca).validTo));
    const long = await throwawayCa(directory, { life: 1000 * HOUR, name: 'long' });
    await keeper?.close();
    const other = await start({ caCert: long.certFile, caKey: long.keyFile });
    const clipped = new X509Certificate(
      (await other.issue({ profile: 'leader', csr, lifetime: 1000 * HOUR })).certificate,
    );
    expect(days(clipped.validFrom, clipped.validTo)).toBeLessThanOrEqual(24 + 5 / 60 + 0.01);
  });

  it('ignores the subject that the request asks for', async () => {
    const keys = (await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ])) as never;
    const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
    const csr = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=admin, O=system:masters',
      keys,
      signingAlgorithm,
    });
    const { certificate } = await (await start()).issue({
      profile: 'reader',
      csr: csr.toString('pem'),
      lifetime: HOUR,
    });
    expect(new X509Certificate(certificate).subject).not.toContain('masters');
  });

  it('gives the stock user and no group in mode upstream', async () => {
    const asked = await start({ mode: 'upstream' });
    const { certificate } = await asked.issue({ profile: 'replicaset', csr: (await newRequest()).csr, lifetime: HOUR });
    expect(new X509Certificate(certificate).subject).toBe('CN=system:serviceaccount:kube-system:replicaset-controller');
  });

  it('refuses an unknown profile', async () => {
    const { csr } = await newRequest();
    for (const profile of ['admin', 'constructor', '__proto__', 'secrets']) {
      await expect((client ?? (await start())).issue({ profile, csr, lifetime: HOUR })).rejects.toThrow(
        /the field profile/,
      );
    }
  });

  it('refuses an RSA key and another curve', async () => {
    const asked = await start();
    const rsa = {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    };
    for (const algorithm of [rsa, { name: 'ECDSA', namedCurve: 'P-384' }]) {
      const keys = (await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify'])) as never;
      const signingAlgorithm = { name: algorithm.name, hash: 'SHA-256' };
      const csr = (await Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm })).toString(
        'pem',
      );
      await expect(asked.issue({ profile: 'reader', csr, lifetime: HOUR })).rejects.toThrow(/P-256/);
    }
  });

  it('refuses a request that its own key did not sign', async () => {
    const { csr } = await newRequest();
    const der = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    der[der.length - 3] = (der[der.length - 3] ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    await expect((await start()).issue({ profile: 'reader', csr: forged, lifetime: HOUR })).rejects.toThrow(
      /not signed by its own key/,
    );
  });

  it('refuses what is no request, too long, or without a life', async () => {
    const asked = await start();
    const { csr } = await newRequest();
    await expect(asked.issue({ profile: 'reader', csr: 'hello', lifetime: HOUR })).rejects.toThrow(/PKCS#10/);
    await expect(asked.issue({ profile: 'reader', csr: `${csr}${' '.repeat(5000)}`, lifetime: HOUR })).rejects.toThrow(
      /it must be issue/,
    );
    await expect(asked.issue({ profile: 'reader', csr, lifetime: -1 })).rejects.toThrow(/it must be issue/);
  });

  it('carries a raised generation from the next certificate on, and never goes back', async () => {
    const asked = await start();
    const groups = async (): Promise<string> =>
      new X509Certificate(
        (await asked.issue({ profile: 'reader', csr: (await newRequest()).csr, lifetime: HOUR })).certificate,
      ).subject;
    expect(await groups()).toContain('comptroller:reader:g1');
    expect(raiseGeneration(options.stateDir, 'reader')).toBe(2);
    expect(await groups()).toContain('comptroller:reader:g2');
    rmSync(join(options.stateDir, 'generations.json'));
    await expect(groups()).rejects.toThrow(/went back/);
  });
});

describe('starting', () => {
  it('refuses a CA key that others can read, and says how to mend it', async () => {
    chmodSync(options.caKey, 0o644);
    await expect(start()).rejects.toThrow(
      `${options.caKey}: its mode is 0644, so that others can reach it; run: chmod 0600 ${options.caKey}`,
    );
  });

  it('refuses a key of another CA', async () => {
    const other = await throwawayCa(directory, { name: 'other' });
    await expect(start({ caKey: other.keyFile })).rejects.toThrow(/not the key of/);
  });

  it('refuses a key that is no key without saying what is in it', async () => {
    writeFileSync(options.caKey, 'hunter2');
    const refusal = await start().catch((error: Error) => error.message);
    expect(refusal).toMatch(/must be an unencrypted PEM private key/);
    expect(refusal).not.toContain('hunter2');
  });

  it('refuses a directory that others may enter', async () => {
    await start();
    await keeper?.close();
    chmodSync(options.stateDir, 0o755);
    await expect(start()).rejects.toThrow(/chmod 0700/);
  });

  it('refuses to be the second keeper on a socket', async () => {
    await start();
    await expect(startKeeper(options)).rejects.toThrow(/another keeper lives there/);
  });

  it('keeps its checkpoint key private, and across starts', async () => {
    const first = (await (await start()).about()).checkpointKey;
    expect(statSync(join(options.stateDir, 'checkpoint.key')).mode & 0o777).toBe(0o600);
    expect(statSync(options.socket).mode & 0o777).toBe(0o600);
    expect((await (await restart()).about()).checkpointKey).toBe(first);
  });
});

describe('signing checkpoints', () => {
  it('signs the note as C2SP says', async () => {
    const asked = await start();
    const line = await asked.signCheckpoint(body(5));
    const parts = /^\u2014 (\S+) (\S+)\n$/.exec(line);
    // The key's base64 may hold a plus itself.
    const [, name, hash, key = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec((await asked.about()).checkpointKey) ?? [];
    const signature = Buffer.from(parts?.[2] ?? '', 'base64');
    const raw = Buffer.from(key, 'base64').subarray(1);
    const publicKey = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
      format: 'jwk',
    });
    expect(parts?.[1]).toBe(name);
    expect(signature.subarray(0, 4).toString('hex')).toBe(hash);
    expect(verify(null, Buffer.from(body(5)), publicKey, signature.subarray(4))).toBe(true);
  });

  it('goes forwards only, and shows one view of one origin', async () => {
    const asked = await start();
    await asked.signCheckpoint(body(5));
    await asked.signCheckpoint(body(5));
    await expect(asked.signCheckpoint(body(4))).rejects.toThrow(/below 5/);
    await expect(asked.signCheckpoint(body(5, OTHER_ROOT))).rejects.toThrow(/another root/);
    await asked.signCheckpoint(body(6, OTHER_ROOT));
    await asked.signCheckpoint(body(1, ROOT, 'a2'));
  });

  it('remembers how far it went across an orderly restart', async () => {
    await (await start()).signCheckpoint(body(5));
    const again = await restart();
    await expect(again.signCheckpoint(body(4))).rejects.toThrow(/below 5/);
    await again.signCheckpoint(body(6));
  });

  it('signs nothing more for an origin after a crash, because it does not know how far it went', async () => {
    const spawned = await spawnKeeper(options);
    const before = await connectKeeper(options.socket);
    await before.signCheckpoint(body(5));
    before.close();
    process.kill(spawned.pid, 'SIGKILL');
    await spawned.exited;
    const asked = await start();
    await expect(asked.signCheckpoint(body(6))).rejects.toThrow(/crashed; start a new log/);
    await asked.signCheckpoint(body(1, ROOT, 'a2'));
  });

  it.each([
    ['a foreign origin', `example.com/log\n1\n${ROOT}\n`],
    ['an origin without a name', `comptroller.dev/ledger/\n1\n${ROOT}\n`],
    ['a size with a sign', `comptroller.dev/ledger/a\n+1\n${ROOT}\n`],
    ['a size with a leading zero', `comptroller.dev/ledger/a\n01\n${ROOT}\n`],
    ['a short root', 'comptroller.dev/ledger/a\n1\nAAAA\n'],
    ['a fourth line', `comptroller.dev/ledger/a\n1\n${ROOT}\nmore\n`],
    ['no last line feed', `comptroller.dev/ledger/a\n1\n${ROOT}`],
    ['an empty body', ''],
  ])('refuses %s', async (_, bad) => {
    await expect((await start()).signCheckpoint(bad)).rejects.toThrow(/signing a checkpoint/);
  });
});

describe('the socket', () => {
  async function say(words: string): Promise<string> {
    await start();
    const socket = connect(options.socket);
    socket.write(words);
    return text(socket);
  }

  it.each([
    ['what is not JSON', 'hello\n'],
    ['an unknown word', '{"id":1,"op":"export-key"}\n'],
    ['a field too many', '{"id":1,"op":"about","x":1}\n'],
    ['a line over the cap', 'x'.repeat(20_000)],
  ])('cuts off who sends %s', async (_, words) => {
    expect(JSON.parse(await say(words))).toMatchObject({ id: 0, ok: false });
  });

  it('never answers with a private key', async () => {
    await start();
    const socket = connect(options.socket);
    socket.end('{"id":1,"op":"about"}\n');
    expect(await text(socket)).not.toContain('PRIVATE');
  });
});

describe('the client', () => {
  it('goes on with a keeper that was restarted with the same keys', async () => {
    const asked = await start();
    await keeper?.close();
    keeper = await startKeeper(options);
    await expect.poll(() => asked.signCheckpoint(body(9)).catch(() => 'not yet')).toMatch(/^\u2014/);
  });

  it('refuses a keeper whose keys changed', async () => {
    const asked = await start();
    await keeper?.close();
    const other = await throwawayCa(directory, { name: 'other' });
    keeper = await startKeeper({ ...options, caCert: other.certFile, caKey: other.keyFile });
    await expect
      .poll(() => asked.signCheckpoint(body(9)).catch((error: Error) => error.message))
      .toMatch(/its keys changed/);
    await expect(asked.issue({ profile: 'reader', csr: 'x', lifetime: 1 })).rejects.toThrow(/its keys changed/);
  });

  it('says where no keeper is', async () => {
    await expect(connectKeeper(join(directory, 'nobody.sock'))).rejects.toThrow(
      /ENOENT; check that comptroller keeper runs/,
    );
  });
});

describe('the process', () => {
  it('lives as long as the pipe from its parent, answers, and ends in order', async () => {
    const spawned = await spawnKeeper(options);
    client = await connectKeeper(options.socket);
    const { csr } = await newRequest();
    const { certificate } = await client.issue({ profile: 'serviceaccount', csr, lifetime: HOUR });
    expect(certificate).toContain('BEGIN CERTIFICATE');
    await spawned.stop();
    expect(await spawned.exited).toBe(0);
  });

  it('says why it cannot start', async () => {
    chmodSync(options.caKey, 0o640);
    await expect(spawnKeeper(options)).rejects.toThrow(/its mode is 0640/);
    writeFileSync(options.caKey, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
    chmodSync(options.caKey, 0o600);
    await expect(spawnKeeper(options)).rejects.toThrow(/not the key of/);
  });
});
