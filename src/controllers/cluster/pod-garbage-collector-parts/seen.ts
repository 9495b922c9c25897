import type { Derive } from '#core/controller.ts';
import type { Blast } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './candidates.ts';

/** Uids of nodes whose end was watched, by name, oldest first. */
export type Seen = Map<string, string>;

/** More nodes than a cluster has: what is forgotten counts as not watched. */
export const MOST_SEEN = 10_000;

/** Watches nodes end: what is known of why their pods are to go. */
export const nodesEnding: Derive<unknown> = {
  initial: (): Seen => new Map(),
  fold(state, resource, old, now) {
    const { name, uid } = (now ?? old)?.metadata ?? {};
    if (resource !== 'core/nodes' || name === undefined || uid === undefined) return [];
    const seen = state as Seen;
    seen.delete(name);
    if (now === undefined) seen.set(name, uid);
    const oldest = seen.keys().next();
    if (seen.size > MOST_SEEN && !oldest.done) seen.delete(oldest.value);
    return [];
  },
};

/**
 * Each node is a cause of its own: that one with many pods ended does not hold what another one left. A node that was
 * deleted before anybody watched is known by its name only, and nothing speaks for that end.
 */
export function blastOf(name: string, view: View<Listed>, seen: Seen | undefined): Blast {
  const node = view.get('core/nodes', { name });
  if (node !== undefined) return { root: refOf('core/nodes', node), evidence: 'absent' };
  const uid = seen?.get(name);
  return {
    root: { resource: 'core/nodes', name, ...(uid !== undefined && { uid }) },
    evidence: uid === undefined ? 'absent' : 'owner-deleted-seen',
  };
}
