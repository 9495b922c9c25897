import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import { known } from './known.ts';
import { caFact, fileFacts, ownerOf, processFact } from './local.ts';

let directory: string;
const at = (...path: string[]): string => join(directory, ...path);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doctor-local-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function config(...more: string[]) {
  const flags = [`--kubeconfig=${at('kubeconfig')}`, `--state-dir=${at('state')}`, ...more];
  const command = loadConfig(flags, { readFile: () => '', controllers: CONTROLLERS });
  if (command.kind !== 'run') throw new Error(command.kind);
  return command.config;
}
const withCa = (cert: string, key: string) => config(`--keeper-ca-cert-file=${cert}`, `--keeper-ca-key-file=${key}`);

describe('the CA', () => {
  test('with its key, with the key of another, with no key, and with what is none', async () => {
    const [one, two] = [await throwawayCa(directory), await throwawayCa(directory, { name: 'two' })];
    const matches = async (key: string) => (await caFact(withCa(one.certFile, key))).matches;
    expect(await matches(one.keyFile)).toEqual({ ok: true, value: true });
    expect(await matches(two.keyFile)).toEqual({ ok: true, value: false });
    expect(await matches(at('absent'))).toEqual({ ok: false, why: `${at('absent')}: ENOENT` });
    writeFileSync(at('junk'), 'hunter2');
    expect(await matches(at('junk'))).toEqual({ ok: true, value: false });
    expect((await caFact(withCa(one.certFile, one.keyFile))).certificate).toMatchObject({ ca: true });
  });

  test('what is no certificate is said without what it is', async () => {
    writeFileSync(at('junk'), 'hunter2');
    expect(await known(() => caFact(withCa(at('junk'), at('junk'))))).toEqual({
      ok: false,
      why: `${at('junk')} holds no PEM certificate`,
    });
    expect(await known(() => caFact(config()))).toMatchObject({ ok: false });
  });
});

describe('files', () => {
  test('are all that is named, all that lies in the state, and where they lie', () => {
    mkdirSync(at('state', 'keeper'), { recursive: true });
    writeFileSync(at('state', 'keeper', 'checkpoint.key'), '');
    chmodSync(at('state', 'keeper', 'checkpoint.key'), 0o640);
    mkdirSync(at('bundle'));
    writeFileSync(at('bundle', 'data.json'), '');
    const files = fileFacts(
      config(`--policy-bundle=${at('bundle')}`, `--policy-key=${at('key')}`),
      at('config.yaml'),
      at('admin'),
    );
    const told = files.map(
      ({ path, care, needed }) => `${path.replace(directory, '')} ${care}${needed ? '' : ' maybe'}`,
    );
    expect(told).toEqual([
      '/config.yaml trusted',
      '/kubeconfig trusted',
      '/admin secret',
      '/bundle trusted',
      '/key trusted',
      '/state secret maybe',
      '/state/keeper secret maybe',
      '/state/ledger secret maybe',
      '/state/ledger/keys secret maybe',
      '/state/keeper/checkpoint.key secret maybe',
      '/bundle/data.json trusted',
      ' trusted',
    ]);
    const stats = new Map(files.map(({ path, stat }) => [path, stat]));
    expect(stats.get(at('state', 'keeper', 'checkpoint.key'))).toMatchObject({
      ok: true,
      value: { mode: 0o640, directory: false },
    });
    expect(stats.get(at('kubeconfig'))).toEqual({ ok: true, value: undefined });
    expect(ownerOf(at('state'))).toBe(process.getuid?.());
    expect(ownerOf(at('absent'))).toBe(process.getuid?.());
  });
});

describe('the process', () => {
  test('is none without a status, and that of the status where it lives', () => {
    expect(processFact(config())).toBeUndefined();
    mkdirSync(at('state'));
    const row = { identity: 'reader', user: 'u', serial: 's', turn: 1, generation: null };
    const times = { notAfter: '2026-11-21T12:00:00Z', renewsAt: '2026-11-21T06:00:00Z' };
    const status = { version: 1, pid: process.pid, written: '', identities: [{ ...row, ...times }] };
    writeFileSync(at('state', 'identities.json'), JSON.stringify(status));
    expect(processFact(config())).toEqual({
      pid: process.pid,
      identities: [
        {
          identity: 'reader',
          notAfter: Date.parse(times.notAfter),
          renewsAt: Date.parse(times.renewsAt),
          generation: undefined,
        },
      ],
    });
  });
});
