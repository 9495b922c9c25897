import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import {
  openTestLedger,
  realClock,
  recordsIn,
  someDenial,
  someIntent,
  someWish,
  temporaryDirectory,
  testKeeper,
} from '#kit/ledger.ts';
import { soon } from '#kit/soon.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { Checkpoints, IDLE_CHECKPOINT } from './checkpoints.ts';
import { type Disk, realDisk, type SegmentFile } from './files.ts';
import { LANE_CAPS } from './lanes.ts';
import { leafHash } from './merkle.ts';
import type { Ledger } from './port.ts';
import { Publisher } from './publisher.ts';
import { claimedAnchor, findLogs, segmentsOf } from './reader.ts';
import { needRoom, RESERVE_BYTES } from './reserve.ts';
import { verifyLedger } from './verify.ts';

const keeper = testKeeper();
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = temporary.path;
});
afterEach(() => temporary.remove());

const check = async () => (await verifyLedger({ directory, verifierKey: keeper.verifierKey })).verdict;
const logPath = async (): Promise<string> => (await findLogs(directory))[0]?.path as string;
const epoch = { lease: 'lease-uid', transitions: 1, holder: 'here' };
/** Writes belong to a leadership that the log tells of. */
const lead = (ledger: Ledger) => ledger.note({ note: 'leadership', epoch, won: true });
const applied = { kind: 'applied', status: 201, took: 5 } as const;

/** The real disk with a hand on its calls. */
function handledDisk(hand: Partial<Pick<SegmentFile, 'write' | 'sync' | 'present'>>): Disk {
  return {
    createSegment: async (path) => {
      const file = await realDisk.createSegment(path);
      return {
        ...file,
        write: (bytes) => (hand.write ?? file.write)(bytes),
        sync: () => (hand.sync ?? file.sync)(),
        present: () => (hand.present ?? file.present)(),
      };
    },
  };
}

/** Fails from the moment it is armed. */
function trouble(code: string, times = Number.POSITIVE_INFINITY) {
  const armed = { on: false, left: times };
  const fails = (): boolean => armed.on && armed.left-- > 0;
  return { armed, fails, error: Object.assign(new Error(code), { code }) };
}

describe('an intent', () => {
  it('is durable when it is answered, and its Audit-ID commits to its record', async () => {
    let synced = 0;
    const holds: PromiseWithResolvers<void>[] = [];
    const disk = handledDisk({
      sync: async () => {
        if (synced++ > 0) {
          const hold = Promise.withResolvers<void>();
          holds.push(hold);
          await hold.promise;
        }
      },
    });
    const { ledger } = await openTestLedger(directory, keeper, { disk });
    let answered = false;
    const asked = ledger.intent(someIntent(1), 'write').then((recorded) => {
      answered = true;
      return recorded;
    });
    await soon(() => expect(holds).toHaveLength(1));
    expect(answered).toBe(false);
    expect(ledger.anchor().size).toBe(1);
    holds[0]?.resolve();
    const recorded = await asked;
    expect(ledger.anchor().size).toBe(2);
    const [segment] = await segmentsOf(await logPath());
    const bytes = await readFile(segment?.path as string);
    const from = bytes.lastIndexOf('{"data":{"attempt"');
    const entry = bytes.subarray(from);
    const [, seq, hash] = (recorded.ok ? recorded.value.auditId : '').split('-');
    expect(seq).toBe('1');
    expect(leafHash(entry).toString('hex')).toMatch(new RegExp(`^${hash}`));
    expect(recorded.ok && recorded.value.auditId.length).toBeLessThanOrEqual(64);
  });

  it('shares one sync with all that came in the same turn, or while one was under way', async () => {
    let syncs = 0;
    const file = handledDisk({});
    const disk: Disk = {
      createSegment: async (path) => {
        const real = await file.createSegment(path);
        return {
          ...real,
          sync: () => {
            syncs += 1;
            return real.sync();
          },
        };
      },
    };
    const { ledger } = await openTestLedger(directory, keeper, { disk });
    await lead(ledger);
    syncs = 0;
    const all = await Promise.all(Array.from({ length: 300 }, (_, n) => ledger.intent(someIntent(n), 'write')));
    expect(all.every(({ ok }) => ok)).toBe(true);
    expect(syncs).toBe(1);
    await ledger.close('done');
    expect(await check()).toBe('ok');
  });

  it('says who, what, why and what was decided, without the bytes', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    const recorded = await ledger.intent(someIntent(5), 'write');
    if (recorded.ok) ledger.outcome(recorded.value, { ...applied, uid: 'pod-uid', resourceVersion: '12' });
    await ledger.close('done');
    const [, intent, outcome, stop] = await recordsIn(directory);
    expect(intent?.data).toMatchObject({
      controller: 'replicaset',
      user: 'comptroller:replicaset',
      certificate: { serial: '01' },
      epoch: { transitions: 1 },
      verb: 'create',
      group: '',
      version: 'v1',
      resource: 'pods',
      namespace: 'default',
      derivedName: true,
      method: 'POST',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      cause: { reason: 'scale-up', trigger: { kind: 'ReplicaSet' } },
      verdict: { allow: true, bundle: { version: 3 }, by: 'policy' },
      attempt: 1,
    });
    expect(outcome?.data).toMatchObject({ intent: 1, kind: 'applied', status: 201, uid: 'pod-uid' });
    expect(stop?.type).toBe('stop');
  });

  it('of a secret keeps neither values nor a digest that could be guessed', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data: { k: 'aHVudGVyMg==' },
      type: 'Opaque',
    };
    const wish = someWish(1);
    const request = {
      ...wish.request,
      body: JSON.stringify(secret),
      target: { resource: 'core/secrets', namespace: 'default', name: 's' },
    } as const;
    await ledger.intent(someIntent(1, { request, after: secret }), 'write');
    await ledger.close('done');
    const intent = (await recordsIn(directory))[1];
    expect(intent?.data.digest).toMatch(/^hmac-sha256:/);
    const body = await readFile(join(await logPath(), 'bodies', '000000'), 'utf8');
    expect(body).not.toMatch(/aHVudGVyMg|"k"|"data"|Opaque/);
    expect(body).toMatch(/"name":"s"/);
  });

  it('that does not fit is refused alone', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await lead(ledger);
    const huge = Array.from({ length: 400 }, (_, n) => '\u0001'.repeat(200) + n);
    const wild = someIntent(1, {
      verdict: { ...someIntent(1).verdict, rules: huge, warnings: huge },
      key: '\u0001'.repeat(100_000),
      writeId: 'é'.repeat(90_000),
    });
    const recorded = await ledger.intent(wild, 'write');
    expect(recorded.ok || recorded.code === 'GATE_LEDGER_TOO_LARGE').toBe(true);
    ledger.denial(someDenial(1, { ...wild, messages: huge, code: 'GATE_POLICY_DENIED' }));
    expect((await ledger.intent(someIntent(2), 'write')).ok).toBe(true);
    await ledger.close('done');
    const denial = (await recordsIn(directory)).find(({ type }) => type === 'denial');
    expect(denial?.data.messages).toMatchObject({ count: 400, sha256: expect.any(String) });
    expect(await check()).toBe('ok');
  });
});

describe('the lanes', () => {
  it('let a lease pass whatever waits', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    const writes = Array.from({ length: 4000 }, (_, n) => ledger.intent(someIntent(n), 'write'));
    await writes[0];
    const lease = await ledger.intent(someIntent(9999), 'lease');
    expect(lease.ok && lease.value.seq).toBeLessThan(3 * LANE_CAPS.groupRecords);
    await Promise.all(writes);
    await ledger.close('done');
  }, 30_000);

  it('are bounded, and a full one says that it is busy', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    const events = Array.from({ length: LANE_CAPS.event + 1 }, (_, n) => ledger.intent(someIntent(n), 'event'));
    expect(await events.at(-1)).toEqual({ ok: false, code: 'GATE_LEDGER_BUSY' });
    expect((await ledger.intent(someIntent(9999), 'write')).ok).toBe(true);
    await Promise.all(events);
    await ledger.close('done');
  }, 30_000);
});

describe('a failing disk', () => {
  it.each(['write', 'sync'] as const)('is final at the first error of %s', async (call) => {
    const { armed, fails, error } = trouble('EIO', 1);
    const file = {} as Partial<SegmentFile>;
    const disk: Disk = {
      createSegment: async (path) => {
        Object.assign(file, await realDisk.createSegment(path));
        const real = { ...file } as SegmentFile;
        return {
          ...real,
          [call]: (bytes: Buffer) =>
            fails() ? Promise.reject(error) : (real[call] as (b: Buffer) => Promise<void>)(bytes),
        };
      },
    };
    const { ledger } = await openTestLedger(directory, keeper, { disk });
    armed.on = true;
    const refused = { ok: false, code: 'GATE_LEDGER_FAILED' };
    expect(await Promise.all([ledger.intent(someIntent(1), 'write'), ledger.intent(someIntent(2), 'lease')])).toEqual([
      refused,
      refused,
    ]);
    expect(await ledger.failure).toBe('EIO');
    expect(await ledger.intent(someIntent(3), 'lease')).toEqual(refused);
    expect(await ledger.note({ note: 'era', why: 'x' })).toEqual(refused);
    await ledger.close('failed');
    expect(await readdir(directory)).not.toContain('lock');
  });

  it.each([
    ['EROFS', /the file system of \S+ is read-only; .*mount it for writing/],
    ['EIO', /the disk of \S+ fails \(EIO\); .*to a disk that works/],
    ['ENOSPC', /there is no room on the disk of \S+ .*free some/],
    ['EDQUOT', /there is no room on the disk of \S+ .*free some/],
    ['EACCES', /belongs to another user; run chown/],
    ['EMFILE', /opening the ledger: \S+ cannot be used \(EMFILE\)/],
  ])('that answers %s to the first file says what helps, and no path of its own', async (code, says) => {
    const error = Object.assign(new Error(`${code}: a call, open '/some/where'`), { code });
    const disk = { createSegment: () => Promise.reject(error) };
    const refused = openTestLedger(directory, keeper, { disk });
    await expect(refused).rejects.toThrow(says);
    await expect(refused).rejects.not.toThrow('/some/where');
    expect(await readdir(directory)).not.toContain('lock');
  });

  it('that has no more room than the reserve begins nothing', async () => {
    const left = (bytes: number) => async () => ({ bavail: bytes / 4096, bsize: 4096 });
    await expect(needRoom(directory, left(RESERVE_BYTES - 4096))).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(needRoom(directory, left(RESERVE_BYTES))).resolves.toBeUndefined();
  });

  it('that hangs is given up, and the ledger can still be closed', async () => {
    const clock = fakeClock();
    let hangs = false;
    const disk: Disk = {
      createSegment: async (path) => {
        const real = await realDisk.createSegment(path);
        return { ...real, sync: () => (hangs ? new Promise<void>(() => {}) : real.sync()) };
      },
    };
    const { ledger } = await openTestLedger(directory, keeper, { disk, clock });
    hangs = true;
    const asked = ledger.intent(someIntent(1), 'write');
    await new Promise((resume) => setImmediate(resume));
    const waits = ledger.intent(someIntent(2), 'lease');
    clock.advance(10_000);
    expect(await asked).toEqual({ ok: false, code: 'GATE_LEDGER_FAILED' });
    expect((await waits).ok).toBe(false);
    expect(await ledger.failure).toBe('hang');
    await ledger.close('failed');
  });

  it.each([
    ['is deleted', (path: string) => unlink(path)],
    [
      'is replaced',
      async (path: string) => {
        await rename(path, `${path}.old`);
        await writeFile(path, '');
      },
    ],
  ])('is noticed when the file %s although writing goes on', async (_, harm) => {
    const { ledger } = await openTestLedger(directory, keeper);
    expect((await ledger.intent(someIntent(1), 'write')).ok).toBe(true);
    const segments = await segmentsOf(await logPath());
    await harm(segments.at(-1)?.path as string);
    expect(await ledger.intent(someIntent(2), 'write')).toEqual({ ok: false, code: 'GATE_LEDGER_FAILED' });
    expect(await ledger.failure).toBe('gone');
    await ledger.close('failed');
  });

  it('is noticed also when nothing is written', async () => {
    const clock = fakeClock();
    const { ledger } = await openTestLedger(directory, keeper, { clock });
    await rm(await logPath(), { recursive: true });
    clock.advance(1000);
    expect(await ledger.failure).toBe('gone');
    await ledger.close('failed');
  });

  it('that is full takes what is vital from the reserve, and nothing else', async () => {
    const { armed, fails, error } = trouble('ENOSPC', 1);
    const disk: Disk = {
      createSegment: async (path) => {
        const real = await realDisk.createSegment(path);
        return {
          ...real,
          write: (bytes) =>
            fails() ? real.write(bytes.subarray(0, 20)).then(() => Promise.reject(error)) : real.write(bytes),
        };
      },
    };
    const { ledger } = await openTestLedger(directory, keeper, { disk });
    await lead(ledger);
    const before = await ledger.intent(someIntent(0), 'write');
    armed.on = true;
    const [write, lease] = await Promise.all([
      ledger.intent(someIntent(1), 'write'),
      ledger.intent(someIntent(2), 'lease'),
    ]);
    expect(write).toEqual({ ok: false, code: 'GATE_LEDGER_FAILED' });
    expect(lease.ok).toBe(true);
    expect(await ledger.failure).toBe('full');
    expect(await readdir(directory)).not.toContain('reserve');
    expect((await ledger.intent(someIntent(3), 'write')).ok).toBe(false);
    if (before.ok) ledger.outcome(before.value, applied);
    await ledger.close('full');
    expect((await recordsIn(directory)).map(({ type }) => type)).toEqual([
      'start',
      'note',
      'intent',
      'intent',
      'outcome',
      'stop',
    ]);
    expect(await check()).toBe('ok');
  });

  it('that is full tries once more for each group: the reserve may have been given for another one', async () => {
    const error = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    const answers = [true, false, true, false];
    let armed = false;
    const disk: Disk = {
      createSegment: async (path) => {
        const real = await realDisk.createSegment(path);
        const write = (bytes: Buffer) => (armed && answers.shift() ? Promise.reject(error) : real.write(bytes));
        return { ...real, write };
      },
    };
    const { ledger } = await openTestLedger(directory, keeper, { disk });
    await lead(ledger);
    armed = true;
    expect((await ledger.intent(someIntent(1), 'lease')).ok).toBe(true);
    expect(await ledger.failure).toBe('full');
    expect((await ledger.intent(someIntent(2), 'lease')).ok).toBe(true);
    expect(answers).toEqual([]);
    await ledger.close('full');
    expect(await check()).toBe('ok');
  });

  it('that cannot take the start record opens nothing', async () => {
    const error = Object.assign(new Error('EROFS'), { code: 'EROFS' });
    const disk = handledDisk({ write: () => Promise.reject(error) });
    await expect(openTestLedger(directory, keeper, { disk })).rejects.toThrow(/did not take the start record/);
    expect(await readdir(directory)).not.toContain('lock');
  });
});

describe('checkpoints', () => {
  it('come a second after a change', async () => {
    const clock = fakeClock();
    const { ledger } = await openTestLedger(directory, keeper, { clock });
    expect((await claimedAnchor(await logPath()))?.size).toBe(1);
    await ledger.intent(someIntent(1), 'write');
    clock.advance(1000);
    await soon(async () => expect((await claimedAnchor(await logPath()))?.size).toBe(2));
    await ledger.close('done');
  });

  it('are due after an hour without a change: that proves that nothing happened', async () => {
    const clock = fakeClock();
    await mkdir(directory, { recursive: true });
    const publisher = new Publisher(directory, 'comptroller.dev/ledger/test/0123456789', keeper.sign);
    const checkpoints = new Checkpoints(publisher, directory, clock);
    expect(await checkpoints.publish()).toBe('signed');
    clock.advance(IDLE_CHECKPOINT - 1);
    expect(checkpoints.due()).toBe(false);
    clock.advance(1);
    expect(checkpoints.due()).toBe(true);
    expect(await checkpoints.publish()).toBe('signed');
    expect(checkpoints.due()).toBe(false);
  });

  it('that the keeper does not sign are tried again; nothing is lost meanwhile', async () => {
    const clock = fakeClock();
    const telemetry = recordingTelemetry();
    let refuse = false;
    const sign = (body: string) => (refuse ? Promise.reject(new Error('away')) : keeper.sign(body));
    const { ledger } = await openTestLedger(directory, keeper, { clock, sign, ...telemetry });
    await lead(ledger);
    refuse = true;
    await ledger.intent(someIntent(1), 'write');
    clock.advance(1000);
    await soon(() => expect(telemetry.counts.get('ledger_failures_total{why=unsigned}')).toBe(1));
    expect((await ledger.intent(someIntent(2), 'write')).ok).toBe(true);
    refuse = false;
    await soon(async () => {
      clock.advance(1000);
      expect((await claimedAnchor(await logPath()))?.size).toBe(4);
    });
    await ledger.close('done');
    expect(await check()).toBe('ok');
  });

  it('leave no segments behind, and only the tiles that readers need', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await Promise.all(Array.from({ length: 700 }, (_, n) => ledger.intent(someIntent(n), 'write')));
    await ledger.close('done');
    const path = await logPath();
    expect(await segmentsOf(path)).toEqual([]);
    expect(await readdir(join(path, 'tile', 'entries'))).toEqual(expect.arrayContaining(['000', '001']));
    expect((await claimedAnchor(path))?.size).toBe(702);
  });
});

describe('denials', () => {
  it('that are equal are one record and a count', async () => {
    const clock = fakeClock();
    const { ledger } = await openTestLedger(directory, keeper, { clock });
    for (let n = 0; n < 50; n += 1) ledger.denial(someDenial(1));
    ledger.denial(someDenial(2));
    await soon(() => expect(ledger.anchor().size).toBe(3));
    const step = () => {
      clock.advance(2000);
      expect(ledger.anchor().size).toBeGreaterThan(3);
    };
    // By this clock a disk that takes ten seconds hangs: five steps must not come within one real write.
    await soon(step, 250);
    await ledger.close('done');
    const records = await recordsIn(directory);
    expect(records.filter(({ type }) => type === 'denial')).toHaveLength(2);
    expect(records.find(({ type }) => type === 'denials')?.data).toMatchObject({
      denial: 1,
      count: 49,
      code: 'GATE_POLICY_DENIED',
    });
  });

  it('that are repeated before the first is durable are counted also when the ledger closes right then', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    for (let n = 0; n < 5; n += 1) ledger.denial(someDenial(1));
    await ledger.close('done');
    const records = await recordsIn(directory);
    expect(records.filter(({ type }) => type === 'denial')).toHaveLength(1);
    expect(records.find(({ type }) => type === 'denials')?.data).toMatchObject({ denial: 1, count: 4 });
    expect(await check()).toBe('ok');
  });

  it('hold messages without what looks like a credential', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl';
    ledger.denial(someDenial(1, { messages: [`the token ${token} is long`, 'plain words stay'] }));
    await ledger.close('done');
    const text = JSON.stringify(await recordsIn(directory));
    expect(text).not.toContain(token);
    expect(text).toContain('plain words stay');
  });

  it('survive a restart until the same write is allowed', async () => {
    const first = await openTestLedger(directory, keeper);
    first.ledger.denial(someDenial(1));
    first.ledger.denial(someDenial(2));
    await first.ledger.close('done');
    const second = await openTestLedger(directory, keeper);
    expect(second.lastDenials.map(({ writeId }) => writeId)).toEqual([someWish(1).writeId, someWish(2).writeId]);
    expect(second.lastDenials[0]).toMatchObject({
      code: 'GATE_POLICY_DENIED',
      rules: ['pod-security-baseline/privileged'],
    });
    await second.ledger.intent(someIntent(1), 'write');
    await second.ledger.close('done');
    const third = await openTestLedger(directory, keeper);
    expect(third.lastDenials.map(({ writeId }) => writeId)).toEqual([someWish(2).writeId]);
    await third.ledger.close('done');
  });
});

describe('a restart', () => {
  it('knows open intents, the highest policy version, the last epoch and every earlier log', async () => {
    const epoch = { lease: 'l', transitions: 4, holder: 'a' };
    const first = await openTestLedger(directory, keeper);
    await first.ledger.note({ note: 'bundle', bundle: { version: 9, digest: 'x' }, activated: true });
    await first.ledger.note({ note: 'leadership', epoch, won: true });
    const done = await first.ledger.intent(someIntent(1, { epoch }), 'write');
    const lost = await first.ledger.intent(someIntent(2, { epoch }), 'write');
    const none = await first.ledger.intent(someIntent(3, { epoch }), 'write');
    if (done.ok) first.ledger.outcome(done.value, applied);
    if (lost.ok) first.ledger.outcome(lost.value, { kind: 'unknown', took: 5 });
    await first.ledger.close('done');
    const second = await openTestLedger(directory, keeper);
    expect(second.openIntents.map(({ auditId }) => auditId)).toEqual(
      [lost, none].map((each) => each.ok && each.value.auditId),
    );
    expect(second.openIntents[0]).toMatchObject({
      verb: 'create',
      resource: 'core/pods',
      namespace: 'default',
      derivedName: true,
      timeout: 10_000,
    });
    expect(second.bundleVersion).toBe(9);
    expect(second.lastEpoch).toEqual(epoch);
    expect(second.previous).toMatchObject([{ origin: first.ledger.origin, size: 9, stopped: true, signed: true }]);
    await second.ledger.close('done');
    expect(await check()).toBe('ok');
  });

  it('tells an anchor that is ahead, or of another tree, from its own', async () => {
    const first = await openTestLedger(directory, keeper);
    for (let n = 0; n < 10; n += 1) await first.ledger.intent(someIntent(n), 'write');
    const anchor = first.ledger.anchor();
    await first.ledger.intent(someIntent(11), 'write');
    await first.ledger.close('done');
    const { ledger, checkAnchor } = await openTestLedger(directory, keeper);
    expect(await checkAnchor(anchor)).toBe('consistent');
    expect(await checkAnchor({ ...anchor, size: anchor.size - 1 })).toBe('forked');
    expect(await checkAnchor({ ...anchor, size: 500 })).toBe('rolled-back');
    expect(await checkAnchor({ ...anchor, origin: `${anchor.origin.slice(0, -10)}aaaaaaaaaa` })).toBe('other-replica');
    await ledger.close('done');
  });

  it('has a directory that keeps its id, also where it is put back to an older copy', async () => {
    const first = await openTestLedger(directory, keeper);
    await first.ledger.close('done');
    const older = `${directory}-older`;
    await cp(directory, older, { recursive: true });
    const second = await openTestLedger(directory, keeper);
    const anchor = second.ledger.anchor();
    await second.ledger.close('done');
    await rm(directory, { recursive: true });
    await rename(older, directory);
    const third = await openTestLedger(directory, keeper);
    expect(second.directoryId).toMatch(/^[a-f0-9]{16}$/);
    expect([first.directoryId, third.directoryId]).toEqual([second.directoryId, second.directoryId]);
    expect(await third.checkAnchor(anchor)).toBe('other-replica');
    await third.ledger.close('done');
    await rm(join(directory, 'id'));
    await mkdir(join(directory, 'id'));
    await expect(openTestLedger(directory, keeper)).rejects.toThrow();
    await rm(join(directory, 'id'), { recursive: true });
    await writeFile(join(directory, 'id'), 'not an id');
    const fourth = await openTestLedger(directory, keeper);
    expect(fourth.directoryId).toMatch(/^[a-f0-9]{16}$/);
    await fourth.ledger.close('done');
  });

  it('does not sign for a log that was changed, and says so', async () => {
    const first = await openTestLedger(directory, keeper);
    await first.ledger.intent(someIntent(1), 'write');
    await first.ledger.close('done');
    const path = await logPath();
    const bundle = join(path, 'tile', 'entries', '000.p', '3');
    await writeFile(bundle, (await readFile(bundle, 'latin1')).replace('"scale-up"', '"scale-UP"'), 'latin1');
    await rm(join(path, 'state.json'));
    const telemetry = recordingTelemetry();
    const { ledger, previous } = await openTestLedger(directory, keeper, telemetry);
    expect(previous[0]?.damaged).toMatch(/root/);
    expect(telemetry.lines.some(({ level }) => level === 'error')).toBe(true);
    await ledger.close('done');
    expect(await check()).toBe('broken');
  });
});

describe('the directory', () => {
  it('is private, with private files, and keeps the digest key out of the logs', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await ledger.intent(someIntent(1), 'write');
    await ledger.close('done');
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
    expect((await readdir(join(directory, 'keys'))).length).toBe(1);
  });

  it('that others may read is refused with the remedy', async () => {
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o755);
    await expect(openTestLedger(directory, keeper)).rejects.toThrow(/mode 755.*chmod 700/);
  });

  it('is one process alone; a dead holder gives way', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await expect(openTestLedger(directory, keeper)).rejects.toThrow(/held by another process/);
    const lock = join(directory, 'lock');
    const holder = JSON.parse(await readFile(lock, 'utf8')) as { started: string };
    await ledger.close('done');
    await writeFile(lock, JSON.stringify({ ...holder, started: `${Number(holder.started) - 1}` }));
    const again = await openTestLedger(directory, keeper);
    await again.ledger.close('done');
  });

  it('taken over by another ends the ledger', async () => {
    const clock = fakeClock();
    const { ledger } = await openTestLedger(directory, keeper, { clock });
    await rm(join(directory, 'lock'));
    await writeFile(join(directory, 'lock'), '{}');
    clock.advance(1000);
    expect(await ledger.failure).toBe('lock');
    await ledger.close('failed');
  });
});

describe('the clock', () => {
  it('that goes back leaves a record of it', async () => {
    const clock = fakeClock();
    const { ledger } = await openTestLedger(directory, keeper, { clock });
    await lead(ledger);
    await ledger.intent(someIntent(1), 'write');
    clock.advance(10);
    clock.jump(-5000);
    await ledger.intent(someIntent(2), 'write');
    await ledger.close('done');
    const records = await recordsIn(directory);
    expect(records[3]).toMatchObject({ type: 'note', data: { note: 'clock-jump', by: -5000 } });
    expect(await check()).toBe('ok');
  });
});

describe('outcomes', () => {
  it('are one at most for each attempt', async () => {
    const { log, meter, lines } = recordingTelemetry();
    const { ledger } = await openTestLedger(directory, keeper, { log, meter, clock: realClock });
    const recorded = await ledger.intent(someIntent(1), 'write');
    if (!recorded.ok) throw new Error('refused');
    ledger.outcome(recorded.value, applied);
    ledger.outcome(recorded.value, applied);
    await ledger.close('done');
    expect((await recordsIn(directory)).filter(({ type }) => type === 'outcome')).toHaveLength(1);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});
