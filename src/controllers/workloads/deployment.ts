import { claimPatches, confirmFor, isClaim, isDone } from '#core/claim.ts';
import { afterClaims, claimPlan, memoryAfter, remembered, sortClaims } from '#core/claim-memory.ts';
import { allow, defineController, type Input, requires } from '#core/controller.ts';
import { warning } from '#core/events.ts';
import type { Deployment } from '#core/k8s/types.gen.ts';
import { ownerWakes } from '#core/owner-wakes.ts';
import { patchOf } from '#core/patch.ts';
import { nothing, type Outcome, type Outcomes, type Plan } from '#core/plan.ts';
import { refOf, splitKey } from '#core/ref.ts';
import { selectorOf } from '#core/selector.ts';
import { claimantOf, claimsOf, type Listed } from './deployment-parts/claim.ts';
import { familyOf } from './deployment-parts/family.ts';
import { changed, isUnrecognised, learntFrom, learntOf, memoryWith, stillOfUse } from './deployment-parts/learnt.ts';
import { eventsOf, makes, reportOf } from './deployment-parts/outcomes.ts';
import { statusPlan } from './deployment-parts/status.ts';
import { nextStep } from './deployment-parts/steps.ts';
import { wakesForPod } from './deployment-parts/wakes.ts';

type DeploymentInput = Input<Listed, Deployment>;

/** A run claims ReplicaSets, takes one step of a rollout, or writes the status; what it writes is in the view of the next. */
export const deployment = defineController({
  name: 'deployment',
  upstreamRole: 'deployment-controller',
  does: 'Rolls the pods of each Deployment over to its template, by ReplicaSets.',
  events: true,
  rbac: [
    allow('apps/deployments', 'get', 'list', 'watch', 'patch'),
    allow('apps/deployments/status', 'patch'),
    allow('apps/replicasets', 'list', 'watch', 'create', 'patch', 'delete'),
    allow('core/pods', 'list', 'watch'),
    requires(
      'apps',
      'deployments/finalizers',
      ['update'],
      'ReplicaSets carry an owner reference with blockOwnerDeletion',
    ),
  ],
  loops: [
    {
      queue: 'deployment',
      key: 'apps/deployments',
      on: {
        'apps/replicasets': (old, now, view) => ownerWakes('apps/deployments', old, now, view),
        'core/pods': wakesForPod,
      },
      workers: 5,
      workersFlag: 'concurrent-deployment-syncs',
      reconcile,
      settle,
    },
  ],
});

function reconcile(input: DeploymentInput): Plan {
  const { object, view, now } = input;
  if (object === undefined) return nothing('gone');
  const selector = selectorOf(object.spec.selector);
  if (selector === undefined) return nothing('invalid-selector');
  if (selector.empty) return selectsAll(object);
  const claims = claimsOf(object, selector, view);
  const known = remembered(input.memory);
  const { first, beside } = sortClaims(known, claimPatches(claimantOf(object), 'apps/replicasets', claims));
  if (first.length > 0) return claimPlan(claimantOf(object), first);

  const family = familyOf(object, claims);
  const leaving = object.metadata?.deletionTimestamp !== undefined;
  const learnt = stillOfUse(learntFrom(input.memory), object, family, view);
  const step = leaving ? nothing('leaving') : nextStep(object, family, { view, selector, learnt });
  if (step.chains.length + beside.length > 0) {
    const chains = [...step.chains, ...beside.map((claim) => [claim])];
    return { ...step, chains, ...confirmFor(claimantOf(object), beside) };
  }
  const report = leaving ? COUNT : reportOf(object, step, [], { view, isStrange: () => false });
  const memory = memoryWith(input.memory, memoryAfter(known, false, []), learnt);
  return { ...statusPlan(object, family, report, now.wall), events: step.events, ...memory };
}

function selectsAll(object: Deployment): Plan {
  const message = 'This deployment is selecting all pods. A non-empty selector is required.';
  const events = [warning(refOf('apps/deployments', object), 'SelectingAll', message)];
  const { metadata, status = {} } = object;
  if ((status.observedGeneration ?? 0) >= (metadata?.generation ?? 0)) return nothing('selects-all', { events });
  const after = { ...object, status: { ...status, observedGeneration: metadata?.generation ?? 0 } };
  const patch = patchOf({
    resource: 'apps/deployments',
    before: object,
    after,
    reason: 'status',
    subresource: 'status',
  });
  return { reason: 'selects-all', chains: patch === undefined ? [] : [[patch]], events };
}

/** Follows writes on ReplicaSets and the Deployment. A status that was written without any needs no settling. */
function settle(input: DeploymentInput, outcomes: Outcomes, plan: Plan): Plan {
  const work = outcomes.flat().filter(({ write }) => write.reason !== 'status');
  const object = freshOf(input);
  const selector = object && selectorOf(object.spec.selector);
  if (object === undefined || selector === undefined || work.length === 0) return nothing('settled');
  if (work.every(({ kind }) => kind === 'stale')) return nothing('stale');
  const claimed = work.filter(isClaim);
  const before = learntFrom(input.memory);
  if (plan.reason === 'claim') {
    const after = afterClaims(input.memory, claimed);
    return { ...after, ...memoryWith(input.memory, after, before) };
  }

  const asked = input.object ?? object;
  const isStrange = (outcome: Outcome) => isUnrecognised(asked, selector, outcome);
  const done = work.filter((outcome) => !isClaim(outcome));
  const learnt = learntOf(before, asked, selector, done);
  const memory = memoryWith(input.memory, memoryAfter(remembered(input.memory), false, claimed), learnt);
  const events = eventsOf(object, done, isStrange);
  if (plan.reason === 'rollback') return nothing('settled', { events, ...memory });
  const moved = done.some((one) => makes(one) && isDone(one) && changed(one) && !isStrange(one));
  // With what it learnt the next run goes on, where this one would only have asked once more.
  const again = claimed.some(isDone) || moved || [...learnt.unkept].some((one) => !before.unkept.has(one));
  const family = familyOf(object, claimsOf(object, selector, input.view));
  return {
    ...statusPlan(object, family, reportOf(object, plan, done, { view: input.view, isStrange }), input.now.wall),
    events,
    ...memory,
    ...(again && { next: 'again' }),
  };
}

const COUNT = { mode: 'count' } as const;

/** As it is after the writes; undefined when it is gone, or another of its name came. */
function freshOf({ object, key, view }: DeploymentInput): Deployment | undefined {
  const found = view.get('apps/deployments', splitKey(key));
  return found?.metadata?.uid === object?.metadata?.uid ? found : undefined;
}
