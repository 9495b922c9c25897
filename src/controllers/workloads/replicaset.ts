import { claimPatches, confirmFor, isClaim, isDone } from '#core/claim.ts';
import { afterClaims, claimPlan, memoryAfter, remembered, sortClaims } from '#core/claim-memory.ts';
import { allow, defineController, type Input, requires } from '#core/controller.ts';
import type { ReplicaSet } from '#core/k8s/types.gen.ts';
import { nothing, type Outcomes, type Plan } from '#core/plan.ts';
import { selectorOf } from '#core/selector.ts';
import { type Claims, claimantOf, claimsOf, type Listed } from './replicaset-parts/claim.ts';
import { BURST, creations, deletions, hasLabels, surplusOf } from './replicaset-parts/manage.ts';
import { eventsOf, type Failure, failureOf, NO_FAILURE, nextLook, statusPatch } from './replicaset-parts/status.ts';
import { wakesFor } from './replicaset-parts/wakes.ts';

type ReplicaSetInput = Input<Listed, ReplicaSet>;

/** A run either claims pods, or makes and deletes them, or writes the status; what it writes is in the view of the next. */
export const replicaset = defineController({
  name: 'replicaset',
  upstreamRole: 'replicaset-controller',
  does: 'Keeps the wished number of pods of each ReplicaSet.',
  events: true,
  rbac: [
    allow('apps/replicasets', 'get', 'list', 'watch'),
    allow('apps/replicasets/status', 'patch'),
    allow('core/pods', 'list', 'watch', 'create', 'patch', 'delete'),
    requires('apps', 'replicasets/finalizers', ['update'], 'pods carry an owner reference with blockOwnerDeletion'),
  ],
  loops: [
    {
      queue: 'replicaset',
      key: 'apps/replicasets',
      on: { 'core/pods': wakesFor },
      workers: 5,
      workersFlag: 'concurrent-replicaset-syncs',
      reconcile,
      settle,
    },
  ],
});

function reconcile(input: ReplicaSetInput): Plan {
  const { object: replicaSet, view, now } = input;
  if (replicaSet === undefined) return nothing('gone');
  const selector = selectorOf(replicaSet.spec.selector);
  if (selector === undefined) return nothing('invalid-selector');
  const claims = claimsOf(replicaSet, selector, view);
  const known = remembered(input.memory);
  const { first, beside } = sortClaims(known, claimPatches(claimantOf(replicaSet), 'core/pods', claims));
  if (first.length > 0) return claimPlan(claimantOf(replicaSet), first);

  const surplus = replicaSet.metadata?.deletionTimestamp === undefined ? surplusOf(replicaSet, claims.active) : 0;
  if (surplus < 0 && !hasLabels(replicaSet)) return statusPlan(input, replicaSet, claims, NO_LABELS);
  const pods = [
    ...creations(replicaSet, -surplus),
    ...deletions(replicaSet, claims.active, surplus, view, now.wall),
    ...beside,
  ];
  if (pods.length === 0) {
    return { ...statusPlan(input, replicaSet, claims, NO_FAILURE), ...memoryAfter(known, false, []) };
  }
  return {
    reason: surplus < 0 ? 'scale-up' : surplus > 0 ? 'scale-down' : 'claim-again',
    chains: pods.map((write) => [write]),
    spread: surplus < 0 ? 'slow-start' : 'parallel',
    events: [],
    ...confirmFor(claimantOf(replicaSet), beside),
  };
}

/** Follows writes on pods. A status that was written without any needs no settling. */
function settle(input: ReplicaSetInput, outcomes: Outcomes, plan: Plan): Plan {
  const { object: replicaSet, view } = input;
  const onPods = outcomes.flat().filter(({ write }) => write.reason !== 'status');
  if (replicaSet === undefined || onPods.length === 0) return nothing('settled');
  const selector = selectorOf(replicaSet.spec.selector);
  if (selector === undefined || onPods.every(({ kind }) => kind === 'stale')) return nothing('stale');

  const claimed = onPods.filter(isClaim);
  if (plan.reason === 'claim') return afterClaims(input.memory, claimed);
  const memory = memoryAfter(remembered(input.memory), false, claimed);
  const managed = onPods.filter((outcome) => !isClaim(outcome));
  const more = claimed.some(isDone) || (managed.length >= BURST && managed.every(({ kind }) => kind === 'applied'));
  return {
    ...statusPlan(input, replicaSet, claimsOf(replicaSet, selector, view), failureOf(managed)),
    events: eventsOf(replicaSet, managed),
    ...memory,
    ...(more && { next: 'again' }),
  };
}

const NO_LABELS: Failure = { kind: 'failed', reason: 'FailedCreate', message: 'unable to create pods, no labels' };

function statusPlan({ now }: ReplicaSetInput, replicaSet: ReplicaSet, claims: Claims, failure: Failure): Plan {
  const patch = statusPatch(replicaSet, claims, failure, now.wall);
  const look = nextLook(replicaSet, claims.active, now.wall);
  if (patch === undefined) return nothing('in-order', look);
  return { reason: 'status', chains: [[patch]], events: [], ...look };
}
