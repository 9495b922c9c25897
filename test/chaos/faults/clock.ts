/** Wall clocks that go by an hour, under who leads and under who follows. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Job } from '#core/k8s/types.gen.ts';
import { finishedJob } from '#kit/jobs.ts';
import { recordsIn } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { LEASE_SECONDS } from '../arena.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { holderNow, shown } from './parts/replicas.ts';

const HOUR = 3_600_000;
/** Longer than the renew deadline of an arena, and than its lease: whoever could not renew has lost by then. */
const LONG_ENOUGH = LEASE_SECONDS * 1000 + 500;
/** What a look once a second and the two clocks may differ by. */
const TOLERANCE = 5000;

/** It goes on leading and working through the jump and back, and says so. */
async function leaderJumps(arena: Arena, by: number, full: boolean): Promise<Measured> {
  const { fleet, shim, load } = arena;
  const leader = await fleet.leader();
  const holder = await holderNow(arena);
  const jobs = await finishedJobs(arena);
  try {
    for (const clock of full ? [by, -by, by] : [by]) {
      shim?.set({ clock }, leader);
      await pause(full ? 20_000 : LONG_ENOUGH);
      await load.settle();
      load.resume();
      assert.equal(await holderNow(arena), holder, 'leadership did not survive the jump');
      await jobs.stillThere(clock);
    }
  } finally {
    shim?.set({}, leader);
  }
  const back = performance.now();
  await jobs.goneInTime();
  const gone = performance.now() - back;
  assert.equal(await holderNow(arena), holder, 'leadership did not survive the jump back');
  await toldOf(leader, [by, -by]);
  return { 'TTL of a second kept after': shown(gone) };
}

/** Two finished Jobs: one to be deleted in a second, one in two hours. */
async function finishedJobs({ admin, draw }: Arena) {
  const id = draw.int(0, 1e9);
  const [soon, late] = ['soon', 'late'].map((name) => ({ namespace: 'default', name: `${name}-${id}` })) as [At, At];
  await finishedJob(admin, late, 7200);
  return {
    /** By the wall clock that Comptroller has, nothing is due but what is. */
    async stillThere(clock: number): Promise<void> {
      assert.ok(!ends(await admin.get('batch/jobs', late)), 'a Job was deleted before its TTL was over by any clock');
      // Set back by an hour it is not due: the timer that is set now must not be the one that counts in the end.
      if (clock < 0 && (await admin.get('batch/jobs', soon)) === undefined) await finishedJob(admin, soon, 1);
    },
    async goneInTime(): Promise<void> {
      if ((await admin.get('batch/jobs', soon)) === undefined) await finishedJob(admin, soon, 1);
      const gone = async (): Promise<boolean> => ends(await admin.get('batch/jobs', soon));
      await until(gone, {
        timeout: 15_000,
        why: 'a Job to be deleted a second after its end, by the clock that is right',
      });
      await admin.delete('batch/jobs', late);
    },
  };
}

interface At {
  readonly namespace: string;
  readonly name: string;
}

/** Deleted, or on its way. */
const ends = (job: Job | undefined): boolean => job === undefined || job.metadata?.deletionTimestamp !== undefined;

/** The ledger has a note of each jump. */
async function toldOf({ ledgerDir }: Replica, jumps: readonly number[]): Promise<void> {
  const told = async (): Promise<boolean> => {
    const notes = (await recordsIn(ledgerDir)).filter(({ data }) => data.note === 'clock-jump');
    return jumps.every((jump) => notes.some(({ data }) => Math.abs(Number(data.by) - jump) < TOLERANCE));
  };
  await until(told, { timeout: 10_000, why: `notes of jumps by ${jumps.join(' and ')} ms` });
}

/** Who only follows takes nothing by its wrong clock; it leads in time where the leader ends, and works. */
async function followerJumps(arena: Arena, by: number): Promise<Measured> {
  const { fleet, shim, load } = arena;
  const leader = await fleet.leader();
  const holder = await holderNow(arena);
  const follower = fleet.replicas.find(({ name }) => name !== leader.name);
  assert.ok(follower !== undefined, 'nobody follows');
  try {
    shim?.set({ clock: by }, follower);
    await pause(LONG_ENOUGH);
    assert.equal(await holderNow(arena), holder, 'the follower took the Lease by its clock');
    fleet.hold(leader);
    await fleet.kill(leader);
    const killed = performance.now();
    assert.equal((await fleet.leader()).name, follower.name);
    const took = performance.now() - killed;
    await load.settle();
    load.resume();
    const holderThen = await holderNow(arena);
    shim?.set({}, follower);
    await pause(LONG_ENOUGH);
    assert.equal(await holderNow(arena), holderThen, 'leadership did not survive the jump back');
    return { 'took over after': shown(took) };
  } finally {
    shim?.set({}, follower);
    await fleet.release(leader);
  }
}

const WAYS = { ahead: HOUR, behind: -HOUR } as const;

export const CLOCK_FAULTS: readonly Fault[] = Object.entries(WAYS).flatMap(([way, by]): readonly Fault[] => [
  {
    name: `clock-${way}-leading`,
    group: 'clock',
    expects: `an hour ${way} and back costs no leadership, no object before its time and no write outside the lease`,
    needs: { shim: true, replicas: 2 },
    inflict: (arena, full) => leaderJumps(arena, by, full),
  },
  {
    name: `clock-${way}-following`,
    group: 'clock',
    expects: `a follower that is an hour ${way} takes nothing, and takes over in time when the leader ends`,
    needs: { shim: true, replicas: 2 },
    // Only one that wins by a clock that is behind seems to have won too early.
    excuses: by < 0 ? [{ finding: 'epochs', because: 'clocks an hour apart do not tell who was first' }] : [],
    inflict: (arena) => followerJumps(arena, by),
  },
]);
