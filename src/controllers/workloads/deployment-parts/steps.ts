import type { Deployment } from '#core/k8s/types.gen.ts';
import { nothing, type Plan, type Write } from '#core/plan.ts';
import { seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import { desiredReplicas } from './annotations.ts';
import { desiredOf, isActiveSet, isRolling, sizeOf } from './bounds.ts';
import { type Listed, podsRun } from './claim.ts';
import { activeOld, activeOrLatest, everyone, type Family } from './family.ts';
import { outdated } from './history.ts';
import { creation, noted } from './newest.ts';
import { rollback, rollbackTo } from './rollback.ts';
import { scalePatch, smallerFirst } from './scale.ts';
import { emptied, isSaturated, proportional, rollDown, rollUp, type Target } from './sizes.ts';
import { isComplete } from './status.ts';

const REST = nothing('rest');
/** Nobody wakes a Deployment for the pods of a ReplicaSet that is not its own: it looks again. */
const WAIT_FOR_ORPHANS = nothing('wait', { requeueAfter: seconds(10) });

/**
 * The next step of a Deployment, one kind of write at a time; what it writes is in the view of the next run. Without a
 * write there is only the status left to see to.
 */
export function nextStep(deployment: Deployment, family: Family, view: View<Listed>): Plan {
  const note = family.newest && noted(deployment, family.newest, family.old);
  if (note !== undefined) return chain('annotate', [note]);
  if (deployment.spec.paused === true) {
    return firstOf([() => sized(deployment, family), () => cleaned(deployment, family)]);
  }
  const wished = rollbackTo(deployment);
  if (wished !== undefined) {
    // Made for its revision alone: upstream fills it at once, beside the old pods also where it recreates.
    return family.newest === undefined ? created(deployment, family, 'empty') : rollback(deployment, family, wished);
  }
  const resized = isResized(deployment, family) ? sized(deployment, family) : REST;
  if (resized !== REST) return resized;
  switch (deployment.spec.strategy?.type ?? 'RollingUpdate') {
    case 'RollingUpdate':
      return rolled(deployment, family);
    case 'Recreate':
      return recreated(deployment, family, view);
    default:
      return REST;
  }
}

function firstOf(steps: readonly (() => Plan)[]): Plan {
  for (const step of steps) {
    const plan = step();
    if (plan !== REST) return plan;
  }
  return REST;
}

const chain = (reason: string, writes: readonly Write[]): Plan =>
  writes.length === 0 ? REST : { reason, chains: [writes], events: [] };
const chains = (reason: string, writes: readonly Write[]): Plan =>
  writes.length === 0 ? REST : { reason, chains: writes.map((write) => [write]), events: [] };

const created = (deployment: Deployment, family: Family, empty?: 'empty'): Plan =>
  chain('create-replica-set', [creation(deployment, family, empty)]);

/** Somebody changed the size: an active ReplicaSet was scaled for another one. */
function isResized(deployment: Deployment, family: Family): boolean {
  return everyone(family)
    .filter(isActiveSet)
    .some((one) => (desiredReplicas(one) ?? desiredOf(deployment)) !== desiredOf(deployment));
}

/**
 * Follows a change of size, or keeps a paused Deployment's pods as many as wished. Where upstream finds nothing to do it
 * stops there, for ever, since its annotations stay outdated: the size of the only active ReplicaSet is right by itself,
 * or a Recreate has several. Here the annotation is set right in the first case, and the rollout goes on in both.
 */
function sized(deployment: Deployment, family: Family): Plan {
  const only = activeOrLatest(family);
  if (only !== undefined)
    return scaled(deployment, [{ replicaSet: only, replicas: desiredOf(deployment) }], isOutdated);
  if (isSaturated(deployment, family.newest)) return scaled(deployment, emptied(family), () => false);
  if (!isRolling(deployment)) return REST;
  return scaled(deployment, proportional(deployment, family), () => true);
}

const isOutdated = (deployment: Deployment, { replicaSet }: Target): boolean =>
  isActiveSet(replicaSet) && (desiredReplicas(replicaSet) ?? desiredOf(deployment)) !== desiredOf(deployment);

/** `annotates`: whether a patch is worth it for the annotations alone. */
function scaled(
  deployment: Deployment,
  targets: readonly Target[],
  annotates: (deployment: Deployment, target: Target) => boolean,
): Plan {
  const writes = smallerFirst(targets).flatMap(
    (target) => scalePatch(deployment, target, annotates(deployment, target) ? undefined : 'resize') ?? [],
  );
  return chain('scale', writes);
}

function rolled(deployment: Deployment, family: Family): Plan {
  const { newest } = family;
  if (newest === undefined) return created(deployment, family);
  return firstOf([
    () => resize('roll', deployment, [rollUp(deployment, family, newest)]),
    () => resize('roll', deployment, rollDown(deployment, family, newest)),
    () => cleanedWhenComplete(deployment, family),
  ]);
}

function recreated(deployment: Deployment, family: Family, view: View<Listed>): Plan {
  if (activeOld(family).length > 0) return resize('roll', deployment, emptied(family));
  if (podsRun(family.old, view)) return REST;
  // Not its own, but of an earlier version for all it knows: two at once are what a Recreate is to prevent.
  if (podsRun(family.orphans, view)) return WAIT_FOR_ORPHANS;
  const { newest } = family;
  if (newest === undefined) return created(deployment, family);
  const all = { replicaSet: newest, replicas: desiredOf(deployment) };
  return firstOf([
    () => resize('roll', deployment, sizeOf(newest) === all.replicas ? [] : [all]),
    () => cleanedWhenComplete(deployment, family),
  ]);
}

function resize(reason: string, deployment: Deployment, targets: readonly (Target | undefined)[]): Plan {
  return chains(
    reason,
    targets.flatMap((target) => (target && scalePatch(deployment, target, 'resize')) ?? []),
  );
}

const cleaned = (deployment: Deployment, family: Family): Plan => chains('clean-up', outdated(deployment, family));

const cleanedWhenComplete = (deployment: Deployment, family: Family): Plan =>
  isComplete(deployment, deployment.status ?? {}) ? cleaned(deployment, family) : REST;
