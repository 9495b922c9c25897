import { appendFile, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestLedger, realClock, someIntent, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { lockIn } from './lock.ts';
import { lookAtNewest } from './look.ts';
import { parseVerifierKey } from './note.ts';
import { findLogs } from './reader.ts';

const keeper = testKeeper();
const key = parseVerifierKey(keeper.verifierKey);
const epoch = { lease: 'uid', transitions: 3, holder: 'host_1' };
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = temporary.path;
});
afterEach(() => temporary.remove());

/** A ledger in which a bundle became active and a reign began; closed again. */
async function written(version: number): Promise<string> {
  const { ledger } = await openTestLedger(directory, keeper);
  await ledger.note({ note: 'bundle', bundle: { version, digest: 'd' }, activated: true });
  await ledger.note({ note: 'leadership', epoch, won: true });
  await ledger.intent(someIntent(1), 'write');
  await ledger.close('test');
  return ledger.origin.slice(-10);
}

const look = () => lookAtNewest(directory, [key]);

describe('a look at the newest log', () => {
  it('finds none where there is none', async () => {
    expect(await look()).toBeUndefined();
  });

  it('tells size, bundle and reign of a log that is whole', async () => {
    const id = await written(7);
    expect(await look()).toEqual({ id, size: 5, bundleVersion: 7, holder: 'host_1' });
  });

  it('sees a running process, also what no checkpoint covers yet', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await ledger.note({ note: 'leadership', epoch, won: true });
    const found = await look();
    expect(found).toMatchObject({ id: ledger.origin.slice(-10), holder: 'host_1' });
    expect(found?.wrong).toBeUndefined();
    await ledger.close('test');
  });

  it('carries the highest version over from the logs before, and takes the newest of several', async () => {
    const first = await written(9);
    const { ledger } = await openTestLedger(directory, keeper);
    await ledger.close('test');
    const past = new Date(Date.now() - 60_000);
    await utimes(join(directory, first, 'checkpoint'), past, past);
    expect(await look()).toMatchObject({ id: ledger.origin.slice(-10), bundleVersion: 9 });
  });

  it.each([
    [
      'a key of another',
      async () => lookAtNewest(directory, [parseVerifierKey(testKeeper('other').verifierKey)]),
      /^its checkpoint: /,
    ],
    ['no key', async () => lookAtNewest(directory, []), /there is no key/],
    [
      'a checkpoint that was changed',
      async (log: string) => {
        const path = join(log, 'checkpoint');
        await writeFile(path, (await readFile(path, 'utf8')).replace('\n5\n', '\n4\n'));
        return look();
      },
      /^its checkpoint: signature is wrong/,
    ],
    [
      'a tile that was changed',
      async (log: string) => {
        await writeFile(join(log, 'tile/0/000.p/5'), Buffer.alloc(5 * 32, 7));
        return look();
      },
      /do not have the root/,
    ],
    [
      'a tile that was cut',
      async (log: string) => {
        await writeFile(join(log, 'tile/0/000.p/5'), '');
        return look();
      },
      /missing or malformed/,
    ],
  ])('%s is wrong', async (_, changed, wrong) => {
    await written(7);
    const [log] = await findLogs(directory);
    expect((await changed(log?.path as string))?.wrong).toMatch(wrong);
  });

  it('what cannot be read does not end the look', async () => {
    await written(7);
    const [log] = await findLogs(directory);
    await appendFile(join(log?.path as string, 'tile/entries/000.p/5'), 'x');
    expect(await look()).toMatchObject({ size: 5, bundleVersion: 0 });
  });
});

describe('the lock', () => {
  it('is free, held, or of a process that is gone', async () => {
    expect(await lockIn(directory, realClock)).toBe('free');
    const { ledger } = await openTestLedger(directory, keeper);
    expect(await lockIn(directory, realClock)).toBe('held');
    const path = join(directory, 'lock');
    const holder = JSON.parse(await readFile(path, 'utf8')) as { started: string };
    await ledger.close('test');
    expect(await lockIn(directory, realClock)).toBe('free');
    await writeFile(path, JSON.stringify({ ...holder, started: '1' }));
    expect(await lockIn(directory, realClock)).toBe('abandoned');
  });
});
