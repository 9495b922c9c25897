/** What faults do to a single replica and learn of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { knock, leaseOf } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { RunningManager } from '#local/manager.ts';
import type { Arena, Ended, Fleet, Replica } from '../../fault.ts';

/** Exit codes that a fault may expect; README.md lists them all. */
export const REFUSED_TO_START = 2;
export const LOST_LEADERSHIP = 1;
export const LEDGER_FAILED = 74;

/** Its process; throws where it has none. */
export function running({ name, process }: Replica): RunningManager {
  if (process === undefined) throw new Error(`replica ${name} does not run`);
  return process;
}

/** Ends it in order or with SIGKILL, does something while it is down, and starts it again. */
export async function whileDown(
  { fleet }: Pick<Arena, 'fleet'>,
  replica: Replica,
  work: () => unknown,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  fleet.hold(replica);
  try {
    if (replica.process !== undefined) await fleet.kill(replica, signal);
    await work();
  } finally {
    await fleet.release(replica);
  }
}

/** Follows the ends of processes that nobody asked for, from now on. */
export function endsOf(fleet: Fleet): (timeout?: number) => Promise<Ended> {
  let seen = fleet.ended.length;
  return (timeout = 30_000) =>
    until(
      () => {
        const next = fleet.ended.slice(seen).findIndex(({ wanted }) => !wanted);
        if (next === -1) return undefined;
        seen += next + 1;
        return fleet.ended[seen - 1];
      },
      { timeout, every: 20, why: 'a process to end' },
    );
}

export function expectEnd(ended: Ended, code: number, said: RegExp): void {
  assert.equal(ended.exit.code, code, `it ended with ${ended.exit.signal ?? ended.exit.code}: ${lastOf(ended.said)}`);
  assert.match(ended.said, said);
}

const lastOf = (said: string): string => said.trimEnd().split('\n').slice(-4).join(' | ');

/** What a replica's running process has logged so far; empty between two lives. */
export const saidBy = ({ process }: Replica): string =>
  process === undefined ? '' : readFileSync(process.logFile, 'utf8');

/** Waits until a replica's process says something; whichever process it has by then. */
export function hears(replica: Replica, part: string | RegExp, timeout = 20_000): Promise<string> {
  const line = (): string | undefined =>
    saidBy(replica)
      .split('\n')
      .find((one) => (typeof part === 'string' ? one.includes(part) : part.test(one)));
  return until(line, { timeout, every: 20, why: `replica ${replica.name} to say ${String(part)}` });
}

/** The holder of the Lease, who is another one with each process. */
export const holderNow = async ({ admin }: Pick<Arena, 'admin'>): Promise<string> =>
  (await leaseOf(admin))?.spec?.holderIdentity ?? '';

/** Milliseconds as the table shows them. */
export const shown = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Waits until its caches are full: a follower that can take over at once. */
export async function isReady(replica: Replica): Promise<void> {
  const ready = async (): Promise<boolean> => {
    const { process } = replica;
    const answer = process === undefined ? undefined : await knock(process, '/readyz').catch(() => undefined);
    return answer?.status === 200;
  };
  await until(ready, { timeout: 60_000, why: `replica ${replica.name} to be ready` });
}
