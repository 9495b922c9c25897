import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { nothing, type Patch, type Plan, type Write } from '#core/plan.ts';
import type { Matcher } from '#core/selector.ts';
import { seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import { DESIRED_REPLICAS, desiredReplicas } from './annotations.ts';
import { desiredOf, isActiveSet, isBehind, isRolling, sizeOf } from './bounds.ts';
import { type Listed, podsRun } from './claim.ts';
import { activeOld, activeOrLatest, everyone, type Family } from './family.ts';
import { outdated } from './history.ts';
import { isUnkept, type Learnt, wasUnkept } from './learnt.ts';
import { creation, noted } from './newest.ts';
import { notMade, UNFIT, UNRECOGNISED } from './outcomes.ts';
import { rollback, rollbackTo } from './rollback.ts';
import { scalePatch, smallerFirst } from './scale.ts';
import { emptied, isSaturated, proportional, rollDown, rollUp, type Target } from './sizes.ts';
import { isComplete } from './status.ts';

const REST = nothing('rest');
/** Nobody wakes a Deployment for the pods of a ReplicaSet that is not its own: it looks again. */
const WAIT_FOR_ORPHANS = nothing('wait', { requeueAfter: seconds(10) });

/** What a step looks at beside the Deployment and its ReplicaSets. */
interface Around {
  readonly view: View<Listed>;
  readonly selector: Matcher;
  readonly learnt: Learnt;
}

/**
 * The next step of a Deployment, one kind of write at a time; what it writes is in the view of the next run. Without a
 * write there is only the status left to see to.
 */
export function nextStep(deployment: Deployment, family: Family, around: Around): Plan {
  const { learnt } = around;
  const note = family.newest && noted(deployment, family.newest, family.old);
  if (note !== undefined && !isUnkept(note, learnt)) return chain('annotate', [note]);
  const wished = rollbackTo(deployment);
  if (deployment.spec.paused === true) {
    // What a rollback would go back to is kept until it is done.
    const kept = wished === undefined ? [() => cleaned(deployment, family)] : [];
    return firstOf([() => sized(deployment, family, learnt), ...kept]);
  }
  if (wished !== undefined) {
    // Made for its revision alone: upstream fills it at once, beside the old pods also where it recreates.
    const first = family.newest === undefined ? created(deployment, family, around, 'empty') : REST;
    return first.chains.length > 0 ? first : rollback(deployment, family, wished);
  }
  const resized = isResized(deployment, family, learnt) ? sized(deployment, family, learnt) : REST;
  if (resized !== REST) return resized;
  switch (deployment.spec.strategy?.type ?? 'RollingUpdate') {
    case 'RollingUpdate':
      return rolled(deployment, family, around);
    case 'Recreate':
      return recreated(deployment, family, around);
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

/** One that would not be recognised is not made: the next run would make another, and leave its pods to nobody. */
function created(deployment: Deployment, family: Family, { selector, learnt }: Around, empty?: 'empty'): Plan {
  const write = creation(deployment, family, empty);
  if (!selector.matches(write.object.metadata?.labels)) return notMade(deployment, write, UNFIT);
  if (learnt.futile !== undefined) return notMade(deployment, write, UNRECOGNISED);
  return chain('create-replica-set', [write]);
}

/** Somebody changed the size: an active ReplicaSet was scaled for another one. */
const isResized = (deployment: Deployment, family: Family, learnt: Learnt): boolean =>
  everyone(family).some((one) => isOutdated(deployment, one, learnt));

/**
 * Follows a change of size, or keeps a paused Deployment's pods as many as wished. Where upstream finds nothing to do it
 * stops there, for ever, since its annotations stay outdated: the size of the only active ReplicaSet is right by itself,
 * or a Recreate has several. Here the annotation is set right in the first case, and the rollout goes on in both.
 */
export function sized(deployment: Deployment, family: Family, learnt: Learnt): Plan {
  const scaled = (targets: readonly Target[], annotates: (target: Target) => boolean): Plan =>
    chain('scale', scalePatches(deployment, targets, annotates, learnt));
  const only = activeOrLatest(family);
  if (only !== undefined) {
    const all = { replicaSet: only, replicas: desiredOf(deployment) };
    return scaled([all], ({ replicaSet }) => isOutdated(deployment, replicaSet, learnt));
  }
  if (isSaturated(deployment, family.newest) && !isBehind(family.newest)) return scaled(emptied(family), () => false);
  if (!isRolling(deployment)) return REST;
  return scaled(proportional(deployment, family), () => true);
}

/** It was scaled for another size than the wished one, and may be told so. */
function isOutdated(deployment: Deployment, replicaSet: ReplicaSet, learnt: Learnt): boolean {
  const desired = desiredOf(deployment);
  const noted = isActiveSet(replicaSet) ? desiredReplicas(replicaSet) : undefined;
  return (noted ?? desired) !== desired && !wasUnkept(replicaSet, DESIRED_REPLICAS, String(desired), learnt);
}

/** `annotates`: whether a patch is worth it for the annotations alone. */
function scalePatches(
  deployment: Deployment,
  targets: readonly Target[],
  annotates: (target: Target) => boolean,
  learnt: Learnt,
): readonly Patch[] {
  return smallerFirst(targets).flatMap((target) => {
    const patch = scalePatch(deployment, target, annotates(target) ? undefined : 'resize');
    return patch === undefined || isUnkept(patch, learnt) ? [] : [patch];
  });
}

function rolled(deployment: Deployment, family: Family, around: Around): Plan {
  const { newest } = family;
  if (newest === undefined) return created(deployment, family, around);
  return firstOf([
    () => resize('roll', deployment, [rollUp(deployment, family, newest)]),
    () => resize('roll', deployment, rollDown(deployment, family, newest)),
    () => cleanedWhenComplete(deployment, family),
  ]);
}

function recreated(deployment: Deployment, family: Family, around: Around): Plan {
  const { view } = around;
  if (activeOld(family).length > 0) return resize('roll', deployment, emptied(family));
  if (podsRun(family.old, view)) return REST;
  // Not its own, but of an earlier version for all it knows: two at once are what a Recreate is to prevent.
  if (podsRun(family.orphans, view)) return WAIT_FOR_ORPHANS;
  const { newest } = family;
  if (newest === undefined) return created(deployment, family, around);
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
