import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '#config/config.ts';
import { certificate } from '#kit/doctor.ts';
import { openTestLedger, realClock, testKeeper } from '#kit/ledger.ts';
import { signBundle } from '#policy/bundle.ts';
import { newKeyPair, writeKey } from '#policy/keys.ts';
import { bundleFact, ledgerFact, lookFact } from './books.ts';

const SHIPPED = join(import.meta.dirname, '../../../policies/build');
const highest = { ok: true, value: 3 } as const;
let directory: string;
let bundle: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doctor-books-'));
  bundle = at('bundle');
  cpSync(SHIPPED, bundle, { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const pair = newKeyPair('signer', 'EdDSA');
function fact(keys: readonly string[] = [at('key.json')]) {
  return bundleFact({ policy: { bundle, keys } } as unknown as Config, highest, realClock);
}

describe('the bundle', () => {
  beforeEach(async () => {
    writeKey(at('key.json'), pair.publicJwk, false);
    await signBundle(bundle, pair.key, 'signer');
  });

  test('that is shipped, once signed, verifies and passes its self-test', async () => {
    const { loaded } = await fact();
    expect(loaded).toMatchObject({
      ok: true,
      version: expect.any(Number),
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  }, 30_000);

  test('with a changed file, and one that a stranger signed, are named as what they are', async () => {
    const stranger = newKeyPair('stranger', 'EdDSA');
    writeKey(at('stranger.json'), stranger.publicJwk, false);
    expect((await fact([at('stranger.json')])).loaded).toMatchObject({ ok: false, fault: 'signature' });
    appendFileSync(join(bundle, 'data.json'), ' ');
    expect((await fact()).loaded).toMatchObject({ ok: false, fault: 'digest' });
    rmSync(bundle, { recursive: true });
    expect((await fact()).loaded).toMatchObject({ ok: false, fault: 'missing' });
  });

  test('without keys is no fact', async () => {
    await expect(fact([])).rejects.toThrow('none is configured');
  });
});

describe('the ledger', () => {
  const keeper = testKeeper();

  test('that is not there yet has room where it will be', async () => {
    const where = at('not/there');
    const none = { ok: false, why: 'no keeper' } as const;
    expect(await lookFact(where, none)).toBeUndefined();
    expect(await ledgerFact(where, undefined, none, realClock)).toEqual({
      freeBytes: expect.any(Number),
      lock: 'free',
    });
  });

  test("is checked by the running keeper's key, else by the one beside it", async () => {
    const { ledger } = await openTestLedger(at('ledger'), keeper);
    await ledger.close('test');
    const running = {
      ok: true,
      value: { certificate: certificate(), checkpointKey: testKeeper('other').verifierKey },
    } as const;
    const none = { ok: false, why: 'no keeper' } as const;
    const beside = await ledgerFact(at('ledger'), await lookFact(at('ledger'), none), none, realClock);
    expect(beside.log).toEqual({ id: ledger.origin.slice(-10), size: 2, trust: 'beside' });
    const other = await ledgerFact(at('ledger'), await lookFact(at('ledger'), running), running, realClock);
    expect(other.log).toMatchObject({ trust: 'keeper', wrong: expect.stringContaining('its checkpoint') });
  });
});
