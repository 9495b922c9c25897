import { getCondition, removeCondition, setCondition } from '#core/condition.ts';
import { normal, warning } from '#core/events.ts';
import { jsonEqual } from '#core/json.ts';
import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '#core/k8s/types.gen.ts';
import { refusal, wentThrough } from '#core/outcome.ts';
import { patchOf } from '#core/patch.ts';
import type { Outcome, Patch, PlannedEvent } from '#core/plan.ts';
import { isAvailable, isReady, nextAvailabilityChange } from '#core/pod.ts';
import { refOf } from '#core/ref.ts';
import { carrying } from '#core/selector.ts';
import { type Ms, seconds } from '#core/time.ts';
import type { Claims } from './claim.ts';

/** What the condition ReplicaFailure shall say. */
export type Failure =
  | { readonly kind: 'none' }
  /** Nothing is known of the last try (its answer was lost, it was not made): what the status says stays. */
  | { readonly kind: 'open' }
  | { readonly kind: 'failed'; readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string };

export const NO_FAILURE: Failure = { kind: 'none' };

/** The write that brings the status up to date; undefined when it is. */
export function statusPatch(replicaSet: ReplicaSet, claims: Claims, failure: Failure, wall: Ms): Patch | undefined {
  const old = replicaSet.status;
  const { conditions: _, ...counts } = countsOf(replicaSet, claims, wall);
  const conditions = conditionsAfter(old?.conditions, failure, wall);
  if (isSame(old, counts, conditions)) return undefined;
  const { conditions: __, ...others } = old ?? { replicas: 0 };
  const status: ReplicaSetStatus = { ...others, ...counts, ...(conditions.length > 0 && { conditions }) };
  return patchOf({
    resource: 'apps/replicasets',
    before: replicaSet,
    after: { ...replicaSet, status },
    reason: 'status',
    subresource: 'status',
  });
}

function countsOf(replicaSet: ReplicaSet, { active, terminating }: Claims, wall: Ms): ReplicaSetStatus {
  const template = carrying(replicaSet.spec.template?.metadata?.labels);
  const generation = replicaSet.metadata?.generation;
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => template.matches(pod.metadata?.labels)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, minReady(replicaSet), wall)).length,
    terminatingReplicas: terminating.length,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
}

/** The API leaves out counts that are zero, except `terminatingReplicas`. */
function isSame(
  old: ReplicaSetStatus | undefined,
  now: ReplicaSetStatus,
  conditions: readonly ReplicaSetCondition[],
): boolean {
  return (
    old !== undefined &&
    (old.replicas ?? 0) === now.replicas &&
    (old.fullyLabeledReplicas ?? 0) === now.fullyLabeledReplicas &&
    (old.readyReplicas ?? 0) === now.readyReplicas &&
    (old.availableReplicas ?? 0) === now.availableReplicas &&
    old.terminatingReplicas === now.terminatingReplicas &&
    old.observedGeneration === now.observedGeneration &&
    jsonEqual(old.conditions ?? [], conditions)
  );
}

function minReady(replicaSet: ReplicaSet): number {
  return replicaSet.spec.minReadySeconds ?? 0;
}

const FAILURE = 'ReplicaFailure';

/**
 * As upstream, the first failure stays until all went well: its text must not change with each try, or each try would
 * write the status and so cause the next. A refusal of ours does replace another text, and is replaced: it changes only
 * when someone acts.
 */
function conditionsAfter(
  conditions: readonly ReplicaSetCondition[] | undefined,
  failure: Failure,
  wall: Ms,
): readonly ReplicaSetCondition[] {
  if (failure.kind === 'open') return conditions ?? [];
  if (failure.kind === 'none') return removeCondition(conditions, FAILURE);
  const { reason, message } = failure;
  const current = getCondition(conditions, FAILURE);
  if (current?.reason === reason && !isRefusal(message) && !isRefusal(current.message ?? '')) return conditions ?? [];
  return setCondition<ReplicaSetCondition>(conditions, { type: FAILURE, status: 'True', reason, message }, wall);
}

function isRefusal(message: string): boolean {
  return message.startsWith('refused');
}

/** What the writes on pods say about the condition: a refusal of ours first, for only it tells whom to ask. */
export function failureOf(outcomes: readonly Outcome[]): Failure {
  const told = outcomes.filter((outcome) => refusal(outcome) !== undefined);
  const failed = told.find(({ kind }) => kind === 'denied') ?? told[0];
  if (failed === undefined) return outcomes.every(wentThrough) ? NO_FAILURE : { kind: 'open' };
  const message = refusal(failed) as string;
  return failed.write.verb === 'create'
    ? { kind: 'failed', reason: 'FailedCreate', message }
    : { kind: 'failed', reason: 'FailedDelete', message: `unable to delete pods: ${message}` };
}

/** Upstream's events: one for each pod made or deleted, one for each distinct failure. */
export function eventsOf(replicaSet: ReplicaSet, outcomes: readonly Outcome[]): readonly PlannedEvent[] {
  const regarding = refOf('apps/replicasets', replicaSet);
  const done: PlannedEvent[] = [];
  const failed = new Map<string, PlannedEvent>();
  for (const outcome of outcomes) {
    const creates = outcome.write.verb === 'create';
    if (outcome.kind === 'applied') {
      const name = nameOf(outcome);
      if (name === undefined) continue;
      done.push(
        creates
          ? normal(regarding, 'SuccessfulCreate', `Created pod: ${name}`)
          : normal(regarding, 'SuccessfulDelete', `Deleted pod: ${name}`),
      );
      continue;
    }
    const why = refusal(outcome);
    if (why === undefined) continue;
    const event = creates
      ? warning(regarding, 'FailedCreate', `Error creating: ${why}`)
      : warning(regarding, 'FailedDelete', `Error deleting: ${why}`);
    failed.set(event.message, event);
  }
  return [...done, ...failed.values()];
}

/** The pod that was made or deleted; undefined where nothing had to be done (its namespace ends, it was gone). */
function nameOf(outcome: Extract<Outcome, { kind: 'applied' }>): string | undefined {
  if (outcome.benign) return undefined;
  return outcome.write.verb === 'delete' ? outcome.write.ref.name : outcome.object?.metadata?.name;
}

/** When to look again, because a ready pod becomes available by mere passing of time. */
export function nextLook(replicaSet: ReplicaSet, active: readonly Pod[], wall: Ms): { requeueAfter?: Ms } {
  const least = minReady(replicaSet);
  const ready = active.filter(isReady);
  if (least <= 0 || ready.every((pod) => isAvailable(pod, least, wall))) return {};
  return { requeueAfter: nextAvailabilityChange(ready, least, wall) ?? seconds(least) };
}
