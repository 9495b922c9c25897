import type { Arena, Excuse } from '../fault.ts';

export const KILLED_API_SERVER: Excuse = {
  finding: 'unseen',
  because: 'an API server that is killed has done what it had no time to write into its audit log',
};

/**
 * Lets nobody through to an API server before it is ready again, as a load balancer with health checks does: one that
 * starts refuses everybody until it has read its roles, which is no fault of theirs.
 */
export async function whileAway({ between }: Pick<Arena, 'between'>, act: () => Promise<void>): Promise<void> {
  between.refuse();
  try {
    await act();
  } finally {
    between.pass();
  }
}
