import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import { openTestLedger, recordsIn, someIntent, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import type { Said } from '#kit/ledger-writer.ts';
import { soon } from '#kit/soon.ts';
import { checkpointBody } from './checkpoint.ts';
import { type Disk, realDisk } from './files.ts';
import type { Anchor, Ledger } from './port.ts';
import { claimedAnchor, findLogs, segmentsOf } from './reader.ts';
import { verifyLedger } from './verify.ts';

const WRITER = join(import.meta.dirname, '../../test/kit/ledger-writer.ts');
const keeper = testKeeper();
const epoch = { lease: 'lease-uid', transitions: 1, holder: 'here' };
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = temporary.path;
});
afterEach(() => temporary.remove());

const lead = (ledger: Ledger) => ledger.note({ note: 'leadership', epoch, won: true });
const onlyLog = async (at = directory): Promise<string> => (await findLogs(at))[0]?.path as string;
const check = (at = directory) => verifyLedger({ directory: at, verifierKey: keeper.verifierKey });
const codes = async (at = directory) => (await check(at)).findings.map(({ code }) => code);

/** The directory as it lies there now, with its process gone. */
async function crashed(): Promise<string> {
  const path = join(directory, '..', 'crashed');
  await cp(directory, path, { recursive: true });
  await rm(join(path, 'lock'));
  return path;
}

/** Writes until so many intents are durable, then dies at once. */
async function killedAfter(count: number): Promise<Extract<Said, { say: 'durable' }>[]> {
  const writer = fork(WRITER, [directory, keeper.verifierKey], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const durable: Extract<Said, { say: 'durable' }>[] = [];
  writer.on('message', (said: Said) => {
    if (said.say === 'sign') void keeper.sign(said.body).then((lines) => writer.send(lines, () => {}));
    if (said.say === 'durable') durable.push(said);
    if (durable.length === count) writer.kill('SIGKILL');
  });
  const [code, signal] = await once(writer, 'exit');
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  return durable;
}

describe('a killed process', () => {
  it('leaves every acknowledged intent, open where it has no outcome, and a lock that gives way', async () => {
    const durable = await killedAfter(300);
    expect(await readdir(directory)).toContain('lock');
    const { ledger, openIntents, previous } = await openTestLedger(directory, keeper);
    const open = new Set(openIntents.map(({ auditId }) => auditId));
    for (const { auditId, answered } of durable) expect([auditId, open.has(auditId)]).toEqual([auditId, !answered]);
    expect(previous).toMatchObject([{ stopped: false, signed: true }]);
    for (const { auditId } of openIntents)
      await ledger.note({ note: 'resolved', auditId, as: 'not-applied', how: 'killed' });
    await ledger.close('done');
    const again = await openTestLedger(directory, keeper);
    expect(again.openIntents).toEqual([]);
    await again.ledger.close('done');
    expect(await check()).toMatchObject({ verdict: 'ok' });
  });
});

describe('a stale lock', () => {
  it('is taken over by one of many that try at once', async () => {
    await killedAfter(1);
    const outcomes = Array.from({ length: 5 }, async () => {
      const writer = fork(WRITER, [directory, keeper.verifierKey], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
      const errors: Buffer[] = [];
      writer.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
      const ended = once(writer, 'exit').then(() => Buffer.concat(errors).toString());
      const opened = new Promise<ChildProcess>((resolve) => {
        writer.on('message', (said: Said) => {
          if (said.say === 'sign') void keeper.sign(said.body).then((lines) => writer.send(lines, () => {}));
          if (said.say === 'opened') resolve(writer);
        });
      });
      return { writer, ended, result: await Promise.race([opened, ended]) };
    });
    const all = await Promise.all(outcomes);
    const winners = all.filter(({ result }) => typeof result !== 'string');
    for (const { result } of all) if (typeof result === 'string') expect(result).toMatch(/held by another process/);
    for (const { writer, ended } of winners) {
      writer.kill('SIGKILL');
      await ended;
    }
    expect(winners).toHaveLength(1);
  }, 20_000);
});

describe('a power failure', () => {
  it('that takes every tile which was not synced loses nothing that the segments hold', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await lead(ledger);
    await Promise.all(Array.from({ length: 700 }, (_, n) => ledger.intent(someIntent(n), 'write')));
    const log = await onlyLog();
    await soon(async () => expect((await claimedAnchor(log))?.size).toBe(702));
    const copy = await crashed();
    await ledger.close('done');
    await rm(join(await onlyLog(copy), 'tile'), { recursive: true });
    expect(await check(copy)).toMatchObject({ verdict: 'ok', logs: [{ size: 702, signed: true }] });
    expect(await codes(copy)).toContain('tiles-behind');
    const next = await openTestLedger(copy, keeper);
    expect(next.previous).toMatchObject([{ size: 702, signed: true }]);
    expect(next.previous[0]?.damaged).toBeUndefined();
    expect(next.openIntents).toHaveLength(700);
    await next.ledger.close('done');
    expect(await codes(copy)).toEqual(['running']);
  });

  it.each([
    ['empties them', () => Buffer.alloc(0)],
    [
      'leaves zeros',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 512), Buffer.alloc(Math.max(0, bytes.length - 512))]),
    ],
    ['cuts them', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ])('that %s does not either', async (_, harm) => {
    const { ledger } = await openTestLedger(directory, keeper);
    await lead(ledger);
    await Promise.all(Array.from({ length: 300 }, (_, n) => ledger.intent(someIntent(n), 'write')));
    const log = await onlyLog();
    await soon(async () => expect((await claimedAnchor(log))?.size).toBe(302));
    const copy = await crashed();
    await ledger.close('done');
    for (const file of await readdir(join(await onlyLog(copy), 'tile'), { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name);
      if (file.isFile()) await writeFile(path, harm(await readFile(path)));
    }
    expect(await check(copy)).toMatchObject({ verdict: 'ok', logs: [{ size: 302, signed: true }] });
    const next = await openTestLedger(copy, keeper);
    expect(next.previous).toMatchObject([{ size: 302, signed: true }]);
    expect(next.previous[0]?.damaged).toBeUndefined();
    await next.ledger.close('done');
    expect(await check(copy)).toMatchObject({ verdict: 'ok' });
  });
});

describe('logs of a directory', () => {
  const verdict = (version: number) => {
    const draft = someIntent(version);
    return { ...draft, verdict: { ...draft.verdict, bundle: { version, digest: 'ab'.repeat(32) } } };
  };
  /** A process from its start to its end in order, whose last intent got no outcome where `open` says so. */
  const process = async (version: number, at: number, more: { open?: boolean; by?: typeof keeper } = {}) => {
    const { ledger } = await openTestLedger(directory, more.by ?? keeper, { clock: fakeClock(at) });
    await lead(ledger);
    const recorded = await ledger.intent(verdict(version), 'write');
    if (!recorded.ok) throw new Error('not recorded');
    if (more.open !== true) ledger.outcome(recorded.value, { kind: 'applied', status: 201, took: 5 });
    await ledger.close('done');
  };
  const NOON = Date.UTC(2026, 0, 1, 12);

  it('I16: follow each other as they were begun, whatever their clocks said', async () => {
    await process(1, NOON + 3_600_000);
    await process(2, NOON, { open: true });
    const third = await openTestLedger(directory, keeper, { clock: fakeClock(NOON + 7_200_000) });
    expect(third.bundleVersion).toBe(2);
    expect(third.openIntents).toHaveLength(1);
    expect(third.previous.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    await third.ledger.close('done');
    expect(
      (await recordsIn(directory)).flatMap(({ type, data }) => (type === 'start' ? [data.ordinal] : [])).sort(),
    ).toEqual([1, 2, 3]);
  });

  it.each([
    ['with what it saved of them', false],
    ['without', true],
  ])('I16: count under a new checkpoint key as well, %s', async (_, forgotten) => {
    await process(4, NOON, { open: true });
    const held = await claimedAnchor(await onlyLog());
    if (forgotten) await rm(join(await onlyLog(), 'state.json'));
    const next = testKeeper();
    const opened = await openTestLedger(directory, next);
    expect(opened).toMatchObject({ bundleVersion: 4, previous: [{ signed: false, otherKey: true, stopped: true }] });
    expect(opened.previous[0]?.damaged).toBeUndefined();
    expect(opened.openIntents).toHaveLength(1);
    expect(await opened.checkAnchor(held as Anchor)).toBe('consistent');
    await opened.ledger.close('done');
    const verifierKey = `${keeper.verifierKey}\n${next.verifierKey}`;
    expect(await verifyLedger({ directory, verifierKey })).toMatchObject({ verdict: 'ok' });
  });

  it('are damaged where another key signed what they do not hold', async () => {
    await process(4, NOON);
    const [, second = ''] = (await recordsIn(directory)).map(({ prev }) => prev);
    const log = await onlyLog();
    const claimed = (await claimedAnchor(log)) as Anchor;
    const other = testKeeper();
    const body = checkpointBody({ ...claimed, root: second });
    await writeFile(join(log, 'checkpoint'), `${body}\n${await other.sign(body)}`);
    const next = await openTestLedger(directory, keeper);
    expect(next.previous).toMatchObject([
      { signed: false, damaged: 'its records do not have the root that was signed' },
    ]);
    expect(next.bundleVersion).toBe(4);
    await next.ledger.close('done');
  });
});

describe('a checkpoint that cannot be read', () => {
  it('is damage, not a log that was never begun', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await ledger.close('done');
    await writeFile(join(await onlyLog(), 'checkpoint'), 'torn');
    const next = await openTestLedger(directory, keeper);
    expect(next.previous).toMatchObject([{ size: 0, signed: false, damaged: 'checkpoint: malformed' }]);
    await next.ledger.close('done');
  });
});

describe('segments', () => {
  it('go when a later one has begun and full tiles hold them; what is left is enough to recover', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await lead(ledger);
    const rules = Array.from({ length: 12 }, (_, n) => `${'r'.repeat(500)}${n}`);
    const big = (n: number) => someIntent(n, { verdict: { ...someIntent(n).verdict, rules, warnings: rules } });
    const log = await onlyLog();
    for (let n = 0; n < 3000; n += 500)
      await Promise.all(Array.from({ length: 500 }, (_, at) => ledger.intent(big(n + at), 'write')));
    await soon(async () => expect((await segmentsOf(log))[0]?.first).toBeGreaterThan(0));
    const copy = await crashed();
    await ledger.close('done');
    expect(await check(copy)).toMatchObject({ verdict: 'ok', logs: [{ size: 3002 }] });
    const [left] = await segmentsOf(await onlyLog(copy));
    await rm(join(await onlyLog(copy), 'tile', 'entries', '011.p'), { recursive: true, force: true });
    expect(left?.first).toBeLessThan(11 * 256);
    const next = await openTestLedger(copy, keeper);
    expect(next.previous).toMatchObject([{ size: 3002, signed: true }]);
    expect(next.previous[0]?.damaged).toBeUndefined();
    await next.ledger.close('done');
    expect(await check(copy)).toMatchObject({ verdict: 'ok' });
    expect(await check()).toMatchObject({ verdict: 'ok', findings: [] });
  }, 60_000);
});

describe('a slow keeper', () => {
  it('cannot bring an older checkpoint back, nor hold up the lock', async () => {
    const clock = fakeClock();
    const late: (() => void)[] = [];
    let slow = false;
    const sign = async (body: string): Promise<string> => {
      const lines = await keeper.sign(body);
      if (slow) await new Promise<void>((resume) => late.push(resume));
      return lines;
    };
    const { ledger } = await openTestLedger(directory, keeper, { clock, sign });
    await lead(ledger);
    slow = true;
    await ledger.intent(someIntent(1), 'write');
    clock.advance(1000);
    await soon(() => expect(late).toHaveLength(1));
    const lock = join(directory, 'lock');
    const touched = () => stat(lock).then(({ mtimeMs }) => mtimeMs);
    const before = await touched();
    await soon(async () => {
      clock.advance(1000);
      expect(await touched()).toBeGreaterThan(before);
    });
    slow = false;
    await ledger.intent(someIntent(2), 'write');
    const log = await onlyLog();
    await soon(async () => {
      clock.advance(1000);
      expect((await claimedAnchor(log))?.size).toBe(4);
    });
    const newest = await readFile(join(log, 'checkpoint'), 'utf8');
    for (const resume of late) resume();
    await new Promise((resume) => setImmediate(resume));
    expect(await readFile(join(log, 'checkpoint'), 'utf8')).toBe(newest);
    await ledger.close('done');
    expect(await check()).toMatchObject({ verdict: 'ok', findings: [] });
  });
});

describe('the end', () => {
  it('stands behind everything that was asked for before it, and nothing comes after', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await lead(ledger);
    const first = await ledger.intent(someIntent(0), 'write');
    const asked = Array.from({ length: 100 }, (_, n) => ledger.intent(someIntent(n + 1), n % 2 ? 'write' : 'event'));
    if (first.ok) ledger.outcome(first.value, { kind: 'applied', took: 1 });
    const closed = ledger.close('done');
    expect(await ledger.intent(someIntent(200), 'lease')).toEqual({ ok: false, code: 'GATE_LEDGER_FAILED' });
    await closed;
    expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true);
    const records = await recordsIn(directory);
    expect(records).toHaveLength(105);
    expect(records.at(-1)?.type).toBe('stop');
    expect(await check()).toMatchObject({ verdict: 'ok', logs: [{ stopped: true, open: 100 }] });
  });
});

describe('a lock', () => {
  it('is held on a full disk for as long as what is vital is still written, and through the end', async () => {
    const clock = fakeClock();
    const holds: PromiseWithResolvers<void>[] = [];
    let full = false;
    let slow = false;
    const disk: Disk = {
      createSegment: async (path) => {
        const real = await realDisk.createSegment(path);
        const write = async (bytes: Buffer): Promise<void> => {
          if (full) {
            full = false;
            throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          }
          if (slow) {
            const hold = Promise.withResolvers<void>();
            holds.push(hold);
            await hold.promise;
          }
          await real.write(bytes);
        };
        return { ...real, write };
      },
    };
    const { ledger } = await openTestLedger(directory, keeper, { clock, disk });
    await lead(ledger);
    const touched = () => stat(join(directory, 'lock')).then(({ mtimeMs }) => mtimeMs);
    const isTouched = async (): Promise<void> => {
      const before = await touched();
      await soon(async () => {
        clock.advance(1000);
        expect(await touched()).not.toBe(before);
      });
    };
    full = true;
    expect((await ledger.intent(someIntent(1), 'lease')).ok).toBe(true);
    expect(await ledger.failure).toBe('full');
    await isTouched();
    slow = true;
    const closed = ledger.close('full');
    await soon(() => expect(holds).toHaveLength(1));
    await isTouched();
    slow = false;
    for (const { resolve } of holds) resolve();
    await closed;
    expect(await readdir(directory)).not.toContain('lock');
  });
});
