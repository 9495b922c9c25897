import type { Node } from '#core/k8s/types.gen.ts';
import type { DeleteCollection } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { weightOf } from '#core/weight.ts';
import type { Pending } from '../work.ts';
import type { Lookup } from './lookup.ts';
import { bounded, listOf, MOST, whole } from './numbers.ts';
import { freeOfCharge } from './rollout.ts';
import { isWorkload, loweredReplicas, podsThatGo } from './scale.ts';
import { PODS_OF_A_NODE, podWeight, runningOn, type Worth, worthOf } from './worth.ts';

/** What one write takes away. */
export interface Loss extends Worth {
  /** Whether it takes away at all, be it of no weight: that waits, too, where its root is held. */
  readonly destructive: boolean;
}

/** A write and what it is charged for. */
export interface Charge {
  readonly pending: Pending;
  readonly loss: Loss;
  /** Whether its owner's rollout wishes to interrupt that much. */
  readonly rolls: boolean;
}

const NOTHING: Worth = { weight: 0, follows: 0 };
const NONE: Loss = { ...NOTHING, destructive: false };

/**
 * The weights that the writes of one plan take away, index by index. They are looked at together: whether a rollout
 * keeps its availability is said by all that it deletes at once, and a pod whose end a status tells of is lost by that,
 * not by its deletion right after. So a deletion that fails gives nothing back: the pod serves nobody any more.
 */
export function lossesOf(writes: readonly Pending[], lookup: Lookup, wall: Ms): readonly Loss[] {
  const free = freeOfCharge(writes, lookup, wall);
  let ended: string | undefined;
  return writes.map((pending) => {
    const loss = lossOf(pending, lookup);
    const { uid, subresource } = pending.request.target;
    const again = uid !== undefined && uid === ended && pending.write.verb === 'delete';
    ended = subresource === 'status' && loss.weight > 0 ? uid : undefined;
    return again || free.has(pending) ? { ...loss, ...NOTHING } : loss;
  });
}

function lossOf(pending: Pending, lookup: Lookup): Loss {
  const { write, request, after } = pending;
  const { resource, subresource } = request.target;
  switch (write.verb) {
    case 'delete':
      return deletion(pending, lookup, write.propagation === 'Orphan');
    case 'deletecollection':
      return { ...collection(write, lookup), destructive: true };
    case 'create':
      return resource === 'core/pods' && subresource === 'eviction' ? deletion(pending, lookup) : NONE;
    case 'effect':
      return NONE;
    default:
      if (subresource === 'status') return ending(resource, objectOf(pending, lookup), after);
      return change(objectOf(pending, lookup), pending, lookup);
  }
}

/** What the cache shows under the same uid is more than what a plan knows, which may be metadata only. */
function objectOf({ request, before }: Pending, lookup: Lookup): ApiObject | undefined {
  const { resource, namespace, name, uid } = request.target;
  const cached = name === undefined ? undefined : lookup.get(resource, { namespace, name });
  return cached !== undefined && (uid === undefined || cached.metadata?.uid === uid) ? cached : before;
}

/** What ends already is lost already. */
function deletion(pending: Pending, lookup: Lookup, orphans = false): Loss {
  const { resource, name, uid } = pending.request.target;
  const object = objectOf(pending, lookup);
  if (object?.metadata?.deletionTimestamp !== undefined) return NONE;
  const lost = { resource, name, uid: uid ?? object?.metadata?.uid, object, orphans };
  return { ...worthOf(lost, lookup), destructive: true };
}

/** Of the namespace's workloads the dearest, as many as are expected to go: which of them a selector means is not known. */
function collection({ resource, namespace, propagation, expected }: DeleteCollection, lookup: Lookup): Worth {
  const count = whole(expected) ?? MOST;
  const own = count * (resource === 'core/nodes' ? PODS_OF_A_NODE : weightOf(resource));
  if (!isWorkload(resource) || propagation === 'Orphan') return { weight: bounded(own), follows: 0 };
  const found = (lookup.inNamespace(resource, namespace) ?? []).filter(
    ({ metadata }) => metadata?.deletionTimestamp === undefined,
  );
  const follows = found
    .map((object) => {
      const { name, uid } = object.metadata ?? {};
      return worthOf({ resource, name, uid, object, orphans: false }, lookup).follows;
    })
    .sort((a, b) => b - a)
    .slice(0, count)
    .reduce((sum, one) => sum + one, 0);
  const weight = bounded(own + follows);
  return { weight, follows: Math.min(weight, follows) };
}

/** A status by which a pod serves no more: who writes that first and deletes then has taken it away all the same. */
function ending(resource: Resource, before: ApiObject | undefined, after: ApiObject | undefined): Loss {
  if (resource !== 'core/pods' || before?.metadata?.deletionTimestamp !== undefined) return NONE;
  const weight = Math.max(0, podWeight(before) - podWeight(after));
  return { weight, follows: 0, destructive: weight > 0 };
}

function change(before: ApiObject | undefined, pending: Pending, lookup: Lookup): Loss {
  const { request, after } = pending;
  const { resource, name, uid } = request.target;
  const lowered = loweredReplicas(before, after);
  const scaled = lowered === undefined ? 0 : podsThatGo(resource, before?.metadata?.uid ?? uid, lowered, lookup);
  const tainted = resource === 'core/nodes' ? evicted(before, after, name, lookup) : 0;
  const end = losesFinalizer(before, after) ? deletion(pending, lookup) : NONE;
  // What belongs to it does not go with its finalizer.
  const weight = bounded(scaled + tainted + end.weight - end.follows);
  return { weight, follows: 0, destructive: weight > 0 };
}

function losesFinalizer(before: ApiObject | undefined, after: ApiObject | undefined): boolean {
  const kept: ReadonlySet<unknown> = new Set(listOf(after?.metadata?.finalizers));
  return after !== undefined && listOf(before?.metadata?.finalizers).some((finalizer) => !kept.has(finalizer));
}

/** The pods of a node that gets a taint that evicts. */
function evicted(before: Node | undefined, after: Node | undefined, name: string | undefined, lookup: Lookup): number {
  const had: ReadonlySet<string> = new Set(evicting(before));
  return evicting(after).some((taint) => !had.has(taint)) ? (runningOn(name, lookup) ?? PODS_OF_A_NODE) : 0;
}

function evicting(node: Node | undefined): readonly string[] {
  return listOf(node?.spec?.taints).flatMap((taint) =>
    taint?.effect === 'NoExecute' ? [JSON.stringify([taint.key, taint.value ?? ''])] : [],
  );
}
