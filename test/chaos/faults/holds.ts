/** The person on call, at the door of the replica that leads: sees what the breaker holds, and lets it go. */
import { knock } from '#kit/manager.ts';
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
