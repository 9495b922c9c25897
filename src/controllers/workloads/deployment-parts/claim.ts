import { type Claimant, ownedBy } from '#core/claim.ts';
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { isTerminal } from '#core/pod.ts';
import type { Matcher } from '#core/selector.ts';
import type { View } from '#core/view.ts';
import { isBehind } from './bounds.ts';

export type Listed = 'apps/deployments' | 'apps/replicasets' | 'core/pods';

export const claimantOf = (deployment: Deployment): Claimant => ({ resource: 'apps/deployments', object: deployment });

/** Of a Deployment's ReplicaSets: which it has, which it must take or give up first. */
export interface Claims {
  readonly own: readonly ReplicaSet[];
  readonly orphans: readonly ReplicaSet[];
  readonly strays: readonly ReplicaSet[];
}

/** Sorts the ReplicaSets that are ours or nobody's. Who is being deleted neither takes nor gives up any. */
export function claimsOf(deployment: Deployment, selector: Matcher, view: View<Listed>): Claims {
  const { namespace = '', deletionTimestamp } = deployment.metadata ?? {};
  const matches = ({ metadata }: ReplicaSet) => selector.matches(metadata?.labels);
  const owned = ownedBy(claimantOf(deployment), 'apps/replicasets', view);
  const leaving = deletionTimestamp !== undefined;
  const isFree = (one: ReplicaSet) => one.metadata?.deletionTimestamp === undefined && matches(one);
  return {
    own: owned.filter(matches),
    orphans: leaving ? [] : view.orphans('apps/replicasets', namespace).filter(isFree),
    strays: leaving ? [] : owned.filter((one) => !matches(one)),
  };
}

/**
 * Whether a pod of one of these still runs, or one of them believes so, or has not heard yet that it shall have none, and
 * may be making one: then a Recreate must wait.
 */
export function podsRun(replicaSets: readonly ReplicaSet[], view: View<Listed>): boolean {
  return replicaSets.some(
    (replicaSet) =>
      (replicaSet.status?.replicas ?? 0) > 0 ||
      isBehind(replicaSet) ||
      ownedBy({ resource: 'apps/replicasets', object: replicaSet }, 'core/pods', view).some((pod) => !isTerminal(pod)),
  );
}
