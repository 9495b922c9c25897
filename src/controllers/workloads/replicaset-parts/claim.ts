import { type Claimant, ownedBy } from '#core/claim.ts';
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { isActive, isTerminating } from '#core/pod.ts';
import type { Matcher } from '#core/selector.ts';
import type { View } from '#core/view.ts';

export type Listed = 'apps/replicasets' | 'core/pods';

/** Of a ReplicaSet's pods: which it has, which it must take or give up first. */
export interface Claims {
  /** Active, ours, and the selector matches. */
  readonly active: readonly Pod[];
  /** On their way out, ours, and the selector matches. */
  readonly terminating: readonly Pod[];
  /** Active orphans that the selector matches. */
  readonly orphans: readonly Pod[];
  /** Active, ours, but the selector does not match any more. */
  readonly strays: readonly Pod[];
}

/** Sorts the pods that are ours or nobody's. Who is being deleted neither takes nor gives up pods. */
export function claimsOf(replicaSet: ReplicaSet, selector: Matcher, view: View<Listed>): Claims {
  const { namespace = '', deletionTimestamp } = replicaSet.metadata ?? {};
  const matches = (pod: Pod) => selector.matches(pod.metadata?.labels);
  const owned = ownedPods(replicaSet, view);
  const leaving = deletionTimestamp !== undefined;
  return {
    active: owned.filter((pod) => isActive(pod) && matches(pod)),
    terminating: owned.filter((pod) => isTerminating(pod) && matches(pod)),
    orphans: leaving ? [] : view.orphans('core/pods', namespace).filter((pod) => isActive(pod) && matches(pod)),
    strays: leaving ? [] : owned.filter((pod) => isActive(pod) && !matches(pod)),
  };
}

export const claimantOf = (replicaSet: ReplicaSet): Claimant => ({ resource: 'apps/replicasets', object: replicaSet });

/** The pods whose controller reference names this ReplicaSet in every part, in its own namespace. */
export function ownedPods(replicaSet: ReplicaSet, view: View<Listed>): readonly Pod[] {
  return ownedBy(claimantOf(replicaSet), 'core/pods', view);
}
