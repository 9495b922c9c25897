/** Disks that are full, read-only, slow or broken below the ledger, and ledgers that are not what they were. */
import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { leaseOf, recordsIn, SHORT_LEASE } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { ANCHOR_ANNOTATION } from '#leader/lease.ts';
import type { Arena, Excuse, Fault, Measured } from '../fault.ts';
import { letGo } from './holds.ts';
import { cutShort, HARMS, newestSegment, tear } from './parts/ledger-files.ts';
import {
  endsOf,
  expectEnd,
  hears,
  holderNow,
  isReady,
  LEDGER_FAILED,
  LOST_LEADERSHIP,
  REFUSED_TO_START,
  shown,
  whileDown,
} from './parts/replicas.ts';
import { readOnly, smallDisk } from './parts/small-disk.ts';

const SHIM = { shim: true } as const;
const LOST: readonly Excuse[] = [
  { finding: 'unrecorded', because: 'the fault took away records of what was written' },
  { finding: 'unverifiable', because: 'the log is not what was signed or announced' },
];

/** The one that leads has a small disk. It gives the lease up on its reserve, so that the other need not wait. */
async function diskFull(arena: Arena): Promise<Measured> {
  const { fleet } = arena;
  const leader = await fleet.leader();
  const replica = fleet.replicas.find(({ name }) => name !== leader.name) ?? leader;
  const disk = await smallDisk(arena, replica);
  try {
    await isReady(replica);
    await fleet.kill(leader, 'SIGTERM');
    assert.equal((await fleet.leader()).name, replica.name);
    await isReady(leader);
    const nextEnd = endsOf(fleet);
    disk.fill();
    const filled = performance.now();
    expectEnd(await nextEnd(), LEDGER_FAILED, /"how":"ledger-failed","why":"full"[\s\S]*"release":"released"/);
    const ended = performance.now();
    assert.equal((await fleet.leader()).name, leader.name, 'the other one does not lead');
    const took = performance.now() - ended;
    expectEnd(await nextEnd(), REFUSED_TO_START, /there is no room on the disk of .*free some/);
    disk.free();
    return { 'ended after': shown(ended - filled), 'the other led after': shown(took) };
  } finally {
    await disk.leave();
  }
}

async function diskReadOnly(arena: Arena): Promise<Measured> {
  const { fleet, shim, say } = arena;
  const replica = await fleet.leader();
  const nextEnd = endsOf(fleet);
  fleet.hold(replica);
  try {
    shim?.set({ writeError: 'EROFS' }, replica);
    const broken = performance.now();
    expectEnd(await nextEnd(), LEDGER_FAILED, /"how":"ledger-failed","why":"EROFS"/);
    const took = performance.now() - broken;
    shim?.set({}, replica);
    const tried = await readOnly(replica.ledgerDir, async () => {
      await fleet.release(replica);
      expectEnd(await nextEnd(), REFUSED_TO_START, /opening the ledger: .*read-only.*mount it/);
      fleet.hold(replica);
    });
    if (!tried) say('only root may make a mount read-only: the start on one was not tried');
    return { 'ended after': shown(took) };
  } finally {
    shim?.set({}, replica);
    await fleet.release(replica);
  }
}

async function syncFails(arena: Arena): Promise<Measured> {
  const { fleet, shim } = arena;
  const replica = await fleet.leader();
  const nextEnd = endsOf(fleet);
  try {
    shim?.set({ syncError: 'EIO' }, replica);
    const broken = performance.now();
    expectEnd(await nextEnd(), LEDGER_FAILED, /"how":"ledger-failed","why":"EIO"/);
    const took = performance.now() - broken;
    expectEnd(await nextEnd(), REFUSED_TO_START, /opening the ledger: .*EIO/);
    return { 'ended after': shown(took) };
  } finally {
    shim?.set({}, replica);
  }
}

/** On a disk that is only slow, everything goes on, later. */
async function slow(arena: Arena): Promise<Measured> {
  const { fleet, shim, load } = arena;
  const replica = await fleet.leader();
  const holder = await holderNow(arena);
  const begun = performance.now();
  try {
    shim?.set({ syncDelay: 200 }, replica);
    await pause(1000);
    await load.settle({ timeout: 45_000 });
    assert.equal(await holderNow(arena), holder, 'leadership changed on a disk that is only slow');
    return { 'as wished after': shown(performance.now() - begun) };
  } finally {
    shim?.set({}, replica);
    load.resume();
  }
}

/** As a process has them that was started without the arena's flags. */
const DEFAULT_LEASE = ['15s', '10s', '2s'].map(
  (duration, at) => `${(SHORT_LEASE[at] ?? '').split('=')[0]}=${duration}`,
);

/** Two syncs stand before each renewal at worst: four seconds, which only the default lease has. */
async function verySlow(arena: Arena, full: boolean): Promise<Measured> {
  const { fleet, shim, load } = arena;
  const replica = await fleet.leader();
  const restart = async (flags: readonly string[]): Promise<void> => {
    fleet.hold(replica);
    await fleet.kill(replica, 'SIGTERM');
    await fleet.release(replica, flags);
    await fleet.leader();
  };
  await restart(DEFAULT_LEASE);
  const holder = await holderNow(arena);
  try {
    shim?.set({ syncDelay: 2000 }, replica);
    await pause(full ? 60_000 : 8000);
    if (full) await load.settle({ timeout: 120_000 });
    assert.equal(await holderNow(arena), holder, 'leadership changed on a disk that is only slow');
    return { held: full ? 'a minute' : '8 s' };
  } finally {
    shim?.set({}, replica);
    await restart(SHORT_LEASE);
    load.resume();
  }
}

/** The process cannot end while its own write hangs in the kernel, but it must say so and let the lease run out. */
async function hangs(arena: Arena): Promise<Measured> {
  const { fleet, shim } = arena;
  const replica = await fleet.leader();
  const nextEnd = endsOf(fleet);
  try {
    shim?.set({ syncDelay: 14_000 }, replica);
    const broken = performance.now();
    const ended = await nextEnd(40_000);
    // A renewal is a record, too: a short lease is lost before the disk is given up.
    const code = ended.exit.code === LOST_LEADERSHIP ? LOST_LEADERSHIP : LEDGER_FAILED;
    expectEnd(ended, code, /"why":"(hang|renew-deadline)","code":/);
    return { 'ended after': shown(performance.now() - broken) };
  } finally {
    shim?.set({}, replica);
  }
}

const harms = Object.entries(HARMS).map(
  ([what, harm]): Fault => ({
    name: `ledger-${what}`,
    group: 'ledger',
    expects: `when its file is ${what} the process ends with 74 and nothing leaves unrecorded; the next one goes on`,
    needs: SHIM,
    excuses: what === 'replaced' ? [] : LOST,
    ends: 1,
    async inflict({ fleet }) {
      const replica = await fleet.leader();
      const nextEnd = endsOf(fleet);
      const harmed = performance.now();
      harm(await newestSegment(replica));
      expectEnd(await nextEnd(), LEDGER_FAILED, /"how":"ledger-failed","why":"gone"/);
      return { 'ended after': shown(performance.now() - harmed) };
    },
  }),
);

interface Told {
  readonly tornBytes?: number;
  readonly damaged?: string;
}

/** The newest log's start record, of a process that has just begun, tells of the one before. */
async function toldOf(ledgerDir: string, log: string): Promise<Told> {
  const starts = (await recordsIn(ledgerDir)).filter(({ type }) => type === 'start');
  for (const { data } of starts) {
    const { previous } = data as { previous?: { items?: readonly { id: string; tornBytes: number }[] } };
    const told = previous?.items?.find(({ id }) => id === log);
    if (told !== undefined) return told;
  }
  return {};
}

const logOf = (segment: string): string => basename(dirname(dirname(segment)));

/** Kills it, hurts the end of its newest segment, and gives what the next process says of that log. */
async function afterPowerCut(
  arena: Arena,
  hurt: (segment: string) => number,
): Promise<Told & { readonly bytes: number }> {
  const replica = await arena.fleet.leader();
  let [bytes, log] = [0, ''];
  const work = async (): Promise<void> => {
    const segment = await newestSegment(replica);
    log = logOf(segment);
    bytes = hurt(segment);
  };
  await whileDown(arena, replica, work, 'SIGKILL');
  await arena.fleet.leader();
  return { bytes, ...(await toldOf(replica.ledgerDir, log)) };
}

/** What was being written was acknowledged to nobody: nothing is missing. */
async function torn(arena: Arena): Promise<Measured> {
  const { bytes, tornBytes, damaged } = await afterPowerCut(arena, (segment) => tear(segment, arena.draw));
  assert.equal(tornBytes, bytes, 'the next process does not tell of the torn group');
  assert.equal(damaged, undefined, 'a torn group is no damage');
  return { torn: `${bytes} bytes` };
}

/** The books say what is missing, and that it is. */
async function cut(arena: Arena): Promise<Measured> {
  const { bytes, tornBytes = 0 } = await afterPowerCut(arena, (segment) => cutShort(segment, arena.draw));
  assert.ok(tornBytes > 0, 'the next process does not tell of the group that was cut short');
  return { lost: `${bytes} bytes` };
}

const PUT_BACK = 'finding a ledger that was put back';

/** The machine was set back to a snapshot of itself, the cluster was not. */
async function rolledBack(arena: Arena): Promise<Measured> {
  const { fleet } = arena;
  const replica = await fleet.leader();
  const { ledgerDir } = replica;
  const older = `${ledgerDir}.older`;
  cpSync(ledgerDir, older, { recursive: true });
  const copied = await anchored(arena);
  const ahead = async (): Promise<boolean> => (await anchored(arena)) > copied + 20;
  await until(ahead, { timeout: 30_000, why: 'the Lease to tell of more records than the copy has' });
  const work = (): void => {
    rmSync(ledgerDir, { recursive: true });
    renameSync(older, ledgerDir);
  };
  await whileDown(arena, replica, work, 'SIGKILL');
  await fleet.leader();
  await hears(replica, PUT_BACK);
  const note = (await recordsIn(ledgerDir)).findLast(({ data }) => data.note === 'rolled-back')?.data;
  const { anchor, found } = (note ?? {}) as { anchor?: { size: number }; found?: number };
  assert.ok(anchor !== undefined && found !== undefined && found < anchor.size, 'the ledger does not tell of it');
  // Nobody knows what had been decided.
  const released = await letGo(arena, replica);
  return { 'records missing': anchor.size - found, 'holds let go': released.length };
}

/** How many records the Lease tells of. */
async function anchored({ admin }: Arena): Promise<number> {
  const text = (await leaseOf(admin))?.metadata?.annotations?.[ANCHOR_ANNOTATION] ?? '{}';
  return (JSON.parse(text) as { size?: number }).size ?? 0;
}

export const LEDGER_FAULTS: readonly Fault[] = [
  {
    name: 'disk-full',
    group: 'disk',
    expects: 'it hands over and ends with 74, does not start while there is no room, and goes on once there is',
    needs: { shim: true, replicas: 2 },
    ends: 10,
    inflict: diskFull,
  },
  {
    name: 'disk-read-only',
    group: 'disk',
    expects: 'it ends with 74, says on a start what is wrong, and goes on once it can write',
    needs: SHIM,
    ends: 10,
    inflict: diskReadOnly,
  },
  {
    name: 'disk-sync-fails',
    group: 'disk',
    expects: 'the first EIO of fdatasync is final: it ends with 74; nothing unsynced was ever sent',
    needs: SHIM,
    ends: 10,
    inflict: syncFails,
  },
  {
    name: 'disk-slow',
    group: 'disk',
    expects: 'an fdatasync of 200 ms delays writes and neither loses leadership nor work',
    needs: SHIM,
    inflict: slow,
  },
  {
    name: 'disk-very-slow',
    group: 'disk',
    expects: 'an fdatasync of 2 s loses no leadership with the default lease',
    needs: SHIM,
    inflict: verySlow,
  },
  {
    name: 'disk-hangs',
    group: 'disk',
    expects: 'a disk that does not answer ends it, at the latest after 10 s, or when the lease could not be renewed',
    needs: SHIM,
    ends: 1,
    inflict: hangs,
  },
  ...harms,
  {
    name: 'ledger-torn',
    group: 'ledger',
    expects: 'a group torn by a power cut is cut off and told; no record is missing',
    needs: SHIM,
    inflict: torn,
  },
  {
    name: 'ledger-cut-short',
    group: 'ledger',
    expects: 'an acknowledged group that a lying disk lost is told; the join names what was written by it',
    needs: SHIM,
    excuses: LOST,
    inflict: cut,
  },
  {
    name: 'ledger-rolled-back',
    group: 'ledger',
    expects: 'an older copy is noticed by the Lease, recorded, and what takes away waits for a person',
    needs: SHIM,
    excuses: [...LOST, { finding: 'epochs', because: 'the leaderships of the lost records are lost with them' }],
    inflict: rolledBack,
  },
];
