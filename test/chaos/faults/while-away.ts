import type { Arena } from '../fault.ts';

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
