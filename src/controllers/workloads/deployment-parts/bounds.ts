import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { scaledValue } from '#core/scaled.ts';

export const desiredOf = ({ spec }: Deployment): number => spec.replicas ?? 1;
export const isRolling = ({ spec }: Deployment): boolean =>
  (spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** How many pods more than wished, and how many less, a rolling update may have. */
interface Bounds {
  readonly surge: number;
  readonly unavailable: number;
}

/**
 * Both at once, for where rounding brings both to 0 one pod may be unavailable: a surge might not work because of a
 * quota, and nothing would ever move. What is malformed the API server refuses; here it counts as 0.
 */
function boundsOf(deployment: Deployment): Bounds {
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {};
  const desired = desiredOf(deployment);
  const surge = scaledValue(maxSurge, desired, 'up') ?? 0;
  const unavailable = scaledValue(maxUnavailable, desired, 'down') ?? 0;
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Pods above the wished number; 0 unless it rolls. */
export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? boundsOf(deployment).surge : 0;
}

/** Pods that may be missing, at most all; 0 unless it rolls. */
export function maxUnavailable(deployment: Deployment): number {
  const desired = desiredOf(deployment);
  if (!isRolling(deployment) || desired === 0) return 0;
  return Math.min(boundsOf(deployment).unavailable, desired);
}

export const minAvailable = (deployment: Deployment): number => desiredOf(deployment) - maxUnavailable(deployment);

export const sizeOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 1;
export const isActiveSet = (replicaSet: ReplicaSet): boolean => sizeOf(replicaSet) > 0;
export const sum = (replicaSets: readonly ReplicaSet[], count: (one: ReplicaSet) => number): number =>
  replicaSets.reduce((total, one) => total + count(one), 0);

/** Its status tells of an earlier spec: what it does for that one may not be over. */
export const isBehind = ({ metadata, status }: ReplicaSet): boolean =>
  (status?.observedGeneration ?? 0) < (metadata?.generation ?? 0);

/**
 * Available pods that will still be there: after a ReplicaSet was scaled down its status still counts, for a moment,
 * pods that are about to go. Upstream counts those too, and may then take more than may be missing.
 */
export const availableOf = (replicaSet: ReplicaSet): number =>
  Math.min(replicaSet.status?.availableReplicas ?? 0, sizeOf(replicaSet));

/**
 * Available pods that are certain to stay: none of a ReplicaSet that has not told of its latest size. It may have heard of a
 * smaller one before, and be deleting pods that its status counts.
 */
export const certainOf = (replicaSet: ReplicaSet): number => (isBehind(replicaSet) ? 0 : availableOf(replicaSet));
