/** The person on call, at the door of the replica that leads: sees what the breaker holds, and lets it go. */
import { knock } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { Arena, Replica } from '../fault.ts';

export interface SeenHold {
  readonly id: string;
  readonly state: string;
  readonly scope: string;
  readonly reason: string;
}

interface Books {
  readonly holds: readonly SeenHold[];
  /** What people let go and what is left of it. */
  readonly grants: readonly { readonly left: number }[];
}

/** Throws where that replica does not lead, or cannot read its books. */
export async function readBooks({ cluster }: Pick<Arena, 'cluster'>, { name, process }: Replica): Promise<Books> {
  if (process === undefined) throw new Error(`asking ${name} for its holds: it does not run`);
  const { status, body } = await knock(process, '/breaker', cluster.adminKeys);
  if (status !== 200) throw new Error(`asking ${name} for its holds: ${status} ${body.slice(0, 300)}`);
  return JSON.parse(body) as Books;
}

/** Lets go what an open hold asked for; gives the status of the answer. */
export async function release(
  { cluster }: Pick<Arena, 'cluster'>,
  { name, process }: Replica,
  id: string,
): Promise<number> {
  if (process === undefined) throw new Error(`releasing a hold of ${name}: it does not run`);
  const body = JSON.stringify({ id, reason: 'the fault harness has looked' });
  return (await knock(process, '/breaker/release', cluster.adminKeys, body)).status;
}

/** Lets go every hold that is open at the replica that leads; gives them, and throws where one is refused. */
export async function releaseOpen(arena: Pick<Arena, 'cluster'>, leader: Replica): Promise<readonly SeenHold[]> {
  const open = (await readBooks(arena, leader)).holds.filter(({ state }) => state === 'open');
  for (const { id } of open) {
    const status = await release(arena, leader, id);
    // 202: done, and not kept in the cluster yet.
    if (status !== 200 && status !== 202) throw new Error(`releasing the hold ${id}: ${status}`);
  }
  return open;
}

/** The same, once there is one: where something must be held. */
export function letGo(arena: Pick<Arena, 'cluster'>, leader: Replica): Promise<readonly SeenHold[]> {
  const held = async (): Promise<readonly SeenHold[] | undefined> => {
    const released = await releaseOpen(arena, leader);
    return released.length > 0 ? released : undefined;
  };
  return until(held, { timeout: 20_000, every: 200, why: 'the breaker to hold what a person must look at' });
}
