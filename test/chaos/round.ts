/** One fault, once: hurt, wait until all is as wished, read the books. */

import { until } from '#kit/wait.ts';
import type { OpenArena } from './arena.ts';
import type { Draw, Ended, Fault, Measured } from './fault.ts';
import { stolenSince, ticksNow } from './stolen.ts';

export interface Round {
  /** Milliseconds that hurting took, and milliseconds from then on until everything was as wished. */
  readonly hurt: number;
  readonly recovery: number | undefined;
  readonly measured: Measured;
  /** How often processes ended by themselves. */
  readonly ends: number;
  /** Findings that an excuse of the fault covers. */
  readonly excused: ReadonlyMap<string, number>;
  readonly writes: number;
  /** One line each; empty when every expectation held. */
  readonly complaints: readonly string[];
}

const RECOVERY = 60_000;

/** Of a fault that nothing could be done to. */
export const notBegun = (why: string): Round => ({
  hurt: 0,
  recovery: undefined,
  measured: {},
  ends: 0,
  excused: new Map(),
  writes: 0,
  complaints: [why],
});

export async function inflict(fault: Fault, arena: OpenArena, draw: Draw, full: boolean): Promise<Round> {
  const before = arena.fleet.ended.length;
  const [begun, ticks] = [performance.now(), ticksNow()];
  let [measured, hurt]: [Measured, number] = [{}, 0];
  let recovery: number | undefined;
  const complaints: string[] = [];
  let books: Awaited<ReturnType<OpenArena['auditing']['books']>> | undefined;
  try {
    measured = await fault.inflict(arena.with(draw), full);
    const healed = performance.now();
    hurt = healed - begun;
    await arena.load.settle({ timeout: fault.recovery ?? RECOVERY });
    recovery = performance.now() - healed;
    await everyReplicaRuns(arena);
    books = await arena.auditing.books(fault.excuses);
    complaints.push(...books.complaints);
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  }
  const ended = arena.fleet.ended.slice(before).filter(({ wanted }) => !wanted);
  if (ended.length > (fault.ends ?? 0)) complaints.push(...ended.map(saidAtTheEnd));
  arena.load.resume();
  return {
    hurt,
    recovery,
    measured: { ...measured, ...tellStolen(stolenSince(ticks, ticksNow())) },
    ends: ended.length,
    excused: books?.excused ?? new Map(),
    writes: books?.writes ?? 0,
    complaints,
  };
}

/** Worth a word where it is more than what any machine loses. */
const tellStolen = (share: number): Measured =>
  share < 0.1 ? {} : { 'processors taken away': `${(share * 100).toFixed(0)} %` };

/** A replica that is being started again and again would be seen by its ends; one that is not started at all by this. */
async function everyReplicaRuns({ fleet }: OpenArena): Promise<void> {
  await until(() => fleet.replicas.every(({ process }) => process !== undefined), {
    timeout: 20_000,
    why: 'every replica to have a process',
  });
  await fleet.leader();
}

function saidAtTheEnd({ replica, exit, said }: Ended): string {
  const last = said.trimEnd().split('\n').slice(-3).join(' | ');
  return `replica ${replica} ended by itself with ${exit.signal ?? exit.code}: ${last}`;
}
