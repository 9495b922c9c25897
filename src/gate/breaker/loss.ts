import type { Job, Node, Pod } from '#core/k8s/types.gen.ts';
import { isReady, isTerminal } from '#core/pod.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { weightOf } from '#core/weight.ts';
import type { Pending } from '../work.ts';
import type { Lookup } from './lookup.ts';
import { bounded, MOST, whole } from './numbers.ts';
import { freeOfCharge } from './rollout.ts';
import { loweredReplicas, podsThatGo } from './scale.ts';

/** What one write takes away. */
export interface Loss {
  readonly weight: number;
  /** Whether it takes away at all, be it of no weight: that waits, too, where its root is held. */
  readonly destructive: boolean;
}

const NONE: Loss = { weight: 0, destructive: false };

/** A node whose pods cannot be looked up counts as full. */
const PODS_OF_A_NODE = 110;

/**
 * The weights that the writes of one plan take away, index by index. They are looked at together: whether a rollout
 * keeps its availability is said by all that it deletes at once.
 */
export function lossesOf(writes: readonly Pending[], lookup: Lookup, wall: Ms): readonly Loss[] {
  const free = freeOfCharge(writes, lookup, wall);
  return writes.map((pending) => {
    const loss = lossOf(pending, lookup);
    return free.has(pending) ? { ...loss, weight: 0 } : loss;
  });
}

function lossOf(pending: Pending, lookup: Lookup): Loss {
  const { write, request, after } = pending;
  const { resource, subresource } = request.target;
  switch (write.verb) {
    case 'delete':
      return deletion(resource, objectOf(pending, lookup));
    case 'deletecollection':
      return { weight: bounded((whole(write.expected) ?? MOST) * weightOf(resource)), destructive: true };
    case 'create':
      return resource === 'core/pods' && subresource === 'eviction'
        ? deletion(resource, objectOf(pending, lookup))
        : NONE;
    case 'effect':
      return NONE;
    default:
      return subresource === 'status' ? NONE : change(resource, objectOf(pending, lookup), after, pending, lookup);
  }
}

/** What the cache shows under the same uid is more than what a plan knows, which may be metadata only. */
function objectOf({ request, before }: Pending, lookup: Lookup): ApiObject | undefined {
  const { resource, namespace, name, uid } = request.target;
  const cached = name === undefined ? undefined : lookup.get(resource, { namespace, name });
  return cached !== undefined && (uid === undefined || cached.metadata?.uid === uid) ? cached : before;
}

/** What ends already is lost already. */
function deletion(resource: Resource, object: ApiObject | undefined): Loss {
  if (object?.metadata?.deletionTimestamp !== undefined) return NONE;
  return { weight: weightOfObject(resource, object), destructive: true };
}

function weightOfObject(resource: Resource, object: ApiObject | undefined): number {
  if (resource === 'core/pods') return podWeight(object);
  return resource === 'batch/jobs' && isFinished(object) ? 0 : weightOf(resource);
}

/** A Job that is done is as little lost as a pod that is: else a busy cluster's clean-up would be held. */
function isFinished(job: Job | undefined): boolean {
  return listOf(job?.status?.conditions).some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
}

/** A pod that is not known beyond its metadata counts as ready. */
function podWeight(pod: Pod | undefined): number {
  if (pod?.status === undefined) return 1;
  return isReady(pod) && !isTerminal(pod) ? 1 : 0;
}

function change(
  resource: Resource,
  before: ApiObject | undefined,
  after: ApiObject | undefined,
  { request }: Pending,
  lookup: Lookup,
): Loss {
  const lowered = loweredReplicas(before, after);
  const scaled =
    lowered === undefined ? 0 : podsThatGo(resource, before?.metadata?.uid ?? request.target.uid, lowered, lookup);
  const tainted = resource === 'core/nodes' ? evicted(before, after, request.target.name, lookup) : 0;
  const released = losesFinalizer(before, after) ? deletion(resource, before).weight : 0;
  const weight = bounded(scaled + tainted + released);
  return { weight, destructive: weight > 0 };
}

function losesFinalizer(before: ApiObject | undefined, after: ApiObject | undefined): boolean {
  const kept: ReadonlySet<unknown> = new Set(listOf(after?.metadata?.finalizers));
  return after !== undefined && listOf(before?.metadata?.finalizers).some((finalizer) => !kept.has(finalizer));
}

/** The ready pods of a node that gets a taint that evicts. */
function evicted(before: Node | undefined, after: Node | undefined, name: string | undefined, lookup: Lookup): number {
  const had: ReadonlySet<string> = new Set(evicting(before));
  if (!evicting(after).some((taint) => !had.has(taint))) return 0;
  const pods = name === undefined ? undefined : lookup.onNode(name);
  if (pods === undefined) return PODS_OF_A_NODE;
  return pods.filter((pod) => pod.metadata?.deletionTimestamp === undefined && podWeight(pod) > 0).length;
}

function evicting(node: Node | undefined): readonly string[] {
  return listOf(node?.spec?.taints).flatMap((taint) =>
    taint?.effect === 'NoExecute' ? [JSON.stringify([taint.key, taint.value ?? ''])] : [],
  );
}

/** Answers and plans are hostile: a list may be none. */
function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}
