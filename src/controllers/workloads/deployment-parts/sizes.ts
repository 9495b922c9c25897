import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { annotationOf, DESIRED_REPLICAS, maxReplicas, parseInt64 } from './annotations.ts';
import {
  availableOf,
  certainOf,
  desiredOf,
  isActiveSet,
  isRolling,
  maxSurge,
  minAvailable,
  sizeOf,
  sum,
} from './bounds.ts';
import { activeOld, bySize, everyone, type Family } from './family.ts';

/** How large a ReplicaSet shall be. */
export interface Target {
  readonly replicaSet: ReplicaSet;
  readonly replicas: number;
}

/**
 * The size of the ReplicaSet with the new template, which has `current` pods, among `total` in all: as large as the
 * surge allows, at most the Deployment's size.
 */
export function newestSize(deployment: Deployment, current: number, total: number): number {
  const desired = desiredOf(deployment);
  if (!isRolling(deployment)) return desired;
  const room = desired + maxSurge(deployment) - total;
  return room <= 0 ? current : current + Math.min(room, desired - current);
}

/** What the next step of a rolling update makes of the new ReplicaSet; undefined when it stays. */
export function rollUp(deployment: Deployment, family: Family, newest: ReplicaSet): Target | undefined {
  const [size, desired] = [sizeOf(newest), desiredOf(deployment)];
  const replicas = size > desired ? desired : newestSize(deployment, size, sum(everyone(family), sizeOf));
  return replicas === size ? undefined : { replicaSet: newest, replicas };
}

/**
 * What the next step of a rolling update makes of the old ReplicaSets. First those pods go that are not available, as
 * many as may be missing beside the new ones that are not there yet; then available ones, as many as are more than enough.
 * Only for the latter it must be certain who stays: what is not available is given up first by the ReplicaSet as well.
 */
export function rollDown(deployment: Deployment, family: Family, newest: ReplicaSet): readonly Target[] {
  const least = minAvailable(deployment);
  const all = everyone(family);
  const spare = sum(all, sizeOf) - least - (sizeOf(newest) - availableOf(newest));
  if (spare <= 0) return [];
  const cleaned = takeFrom(activeOld(family).map(asIs), spare, ({ replicaSet, replicas }) =>
    Math.max(0, replicas - availableOf(replicaSet)),
  );
  const lowered = takeFrom(cleaned, sum(all, certainOf) - least, ({ replicas }) => replicas);
  return lowered.filter(({ replicaSet, replicas }) => replicas !== sizeOf(replicaSet));
}

const asIs = (replicaSet: ReplicaSet): Target => ({ replicaSet, replicas: sizeOf(replicaSet) });

/** Takes `count` pods in all, from each in turn at most what it can spare. */
function takeFrom(targets: readonly Target[], count: number, spare: (target: Target) => number): readonly Target[] {
  let left = Math.max(0, count);
  return targets.map((target) => {
    const taken = Math.min(left, spare(target));
    left -= taken;
    return { ...target, replicas: target.replicas - taken };
  });
}

/** Old ones that a Recreate empties before anything new starts. */
export function emptied(family: Family): readonly Target[] {
  return activeOld(family).map((replicaSet) => ({ replicaSet, replicas: 0 }));
}

/** The new ReplicaSet has all pods, they are available, and the annotation agrees that these are all. */
export function isSaturated(deployment: Deployment, newest: ReplicaSet | undefined): newest is ReplicaSet {
  const desired = desiredOf(deployment);
  return (
    newest !== undefined &&
    sizeOf(newest) === desired &&
    notedSize(newest) === desired &&
    (newest.status?.availableReplicas ?? 0) === desired
  );
}

/** As Go reads it here, other than where a change of size is looked for: signs are fine, and 32 bits of it count. */
function notedSize(replicaSet: ReplicaSet): number | undefined {
  const noted = parseInt64(annotationOf(replicaSet, DESIRED_REPLICAS) ?? '');
  return noted === undefined ? undefined : Number(BigInt.asIntN(32, noted));
}

/**
 * Every active ReplicaSet grown or shrunk by its share, in the midst of a rollout: so a change of size neither hastens
 * nor slows it. What rounding leaves goes to the largest.
 */
export function proportional(deployment: Deployment, family: Family): readonly Target[] {
  const active = everyone(family).filter(isActiveSet);
  const allowed = desiredOf(deployment) > 0 ? desiredOf(deployment) + maxSurge(deployment) : 0;
  const change = allowed - sum(active, sizeOf);
  if (change === 0) return active.map(asIs);
  const ordered = [...active].sort(bySize(change > 0 ? 'newer' : 'older'));
  const shared = shareOut(deployment, ordered, change, (part) => part);
  if (shared.reduce((total, { replicas }) => total + replicas, 0) <= allowed) return shared;
  // Annotations that somebody wrote can ask for more than all: then no share may go against the direction.
  return shareOut(deployment, ordered, change, (part) => (change > 0 ? Math.max(0, part) : Math.min(0, part)));
}

function shareOut(
  deployment: Deployment,
  ordered: readonly ReplicaSet[],
  change: number,
  bound: (part: number) => number,
): readonly Target[] {
  let given = 0;
  const targets = ordered.map((replicaSet) => {
    const part = bound(proportionOf(deployment, replicaSet, change, given));
    given += part;
    return { replicaSet, replicas: sizeOf(replicaSet) + part };
  });
  return targets.map((target, at) =>
    at === 0 ? { ...target, replicas: Math.max(0, target.replicas + change - given) } : target,
  );
}

/** One ReplicaSet's part of a change of which `given` is given out already. */
export function proportionOf(deployment: Deployment, replicaSet: ReplicaSet, change: number, given: number): number {
  if (sizeOf(replicaSet) === 0 || change === 0 || change === given) return 0;
  const part = fractionOf(deployment, replicaSet);
  return change > 0 ? Math.min(part, change - given) : Math.max(part, change - given);
}

/** By how much its size would change if it kept its share of the whole. */
function fractionOf(deployment: Deployment, replicaSet: ReplicaSet): number {
  const size = sizeOf(replicaSet);
  if (desiredOf(deployment) === 0) return -size;
  const before = maxReplicas(replicaSet) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (desiredOf(deployment) + maxSurge(deployment))) / before) - size;
}
