import type { OwnerReference } from '#core/k8s/types.gen.ts';
import type { Enqueue } from '#core/plan.ts';
import { type ApiObject, type Resource, shortName } from '#core/resource.ts';
import { fall, recall } from './blast.ts';
import {
  absentKey,
  dropNode,
  endUnseen,
  type Graph,
  isVirtual,
  wakeEnding,
  wakeToDelete,
  wakeToOrphan,
} from './graph.ts';
import {
  FOREGROUND,
  has,
  type Identity,
  identityOf,
  identityOfOwner,
  isEnding,
  isSame,
  matches,
  type Node,
  ORPHAN,
  virtualNode,
} from './node.ts';
import { partition } from './partition.ts';
import { changesOf, unblockedBy } from './references.ts';

/** Takes one transition of a watched object into the graph; returns what has to be looked at because of it. */
export function fold(
  graph: Graph,
  resource: Resource,
  old: ApiObject | undefined,
  now: ApiObject | undefined,
): readonly Enqueue[] {
  const object = now ?? old;
  const uid = object?.metadata?.uid;
  if (object === undefined || uid === undefined) return [];
  const wakes: Enqueue[] = [];
  const identity = identityOf(resource, object);
  const known = graph.nodes.get(uid);
  const wasVirtual = known !== undefined && isVirtual(known);
  const wasUnseen = known !== undefined && endUnseen(graph, known);
  if (known !== undefined) observe(known, resource, identity, object, wasUnseen, wakes);
  if (now === undefined) {
    if (known !== undefined) removeNode(graph, known, identity, 'owner-deleted-seen', wakes);
    return wakes;
  }
  const node = known ?? { ...virtualNode(identity), resource, created: created(object) };
  graph.nodes.set(uid, node);
  node.version = now.metadata?.resourceVersion ?? '';
  const first = (known === undefined || wasVirtual) && !graph.lost.has(shortName(resource));
  takeOwners(graph, node, now.metadata?.ownerReferences ?? [], first, wakes);
  takeEnd(graph, node, old, now, wakes);
  if (wasUnseen) for (const { uid: owner } of node.owners) wakeEnding(graph, owner, wakes);
  return wakes;
}

/**
 * What was only known by references is there, or what was not watched for a while is again, maybe in another version;
 * who named it otherwise may have a reference to nothing.
 */
function observe(
  node: Node,
  resource: Resource,
  identity: Identity,
  object: ApiObject,
  wasUnseen: boolean,
  wakes: Enqueue[],
): void {
  if (isVirtual(node) || wasUnseen) {
    if (!isSame(node.identity, identity))
      for (const dependent of partition(node.dependents, identity).others) wakes.push(wakeToDelete(dependent));
    node.identity = identity;
    node.resource = resource;
  }
  node.created = created(object);
}

function created({ metadata }: ApiObject): string | undefined {
  return metadata?.creationTimestamp;
}

/** Takes what a write of ours did before a watch tells of it: who waits for that would do it again and again. */
export function takeFreed(graph: Graph, node: Node, owner: string, wakes: Enqueue[]): void {
  const rest = node.owners.filter(({ uid }) => uid !== owner);
  takeOwners(graph, node, rest, false, wakes);
}

function takeOwners(
  graph: Graph,
  node: Node,
  owners: readonly OwnerReference[],
  first: boolean,
  wakes: Enqueue[],
): void {
  const changes = changesOf(node.owners, owners);
  const { added, removed, changed } = changes;
  if (added.length + removed.length + changed.length === 0) return;
  for (const uid of unblockedBy(changes)) wakeKnown(graph, uid, wakes);
  node.owners = owners;
  for (const { uid } of removed) {
    leaveOwner(graph, node, uid);
    node.late.delete(uid);
    if (node.doom?.owner === uid) node.doom = undefined;
  }
  const renamed = changed.filter(({ old, now: is }) => !matches(old, is)).map(({ now: is }) => is);
  // What stood in the way of a decision may be gone: a reference to a kind that nobody knows, or to a wrong place.
  if (renamed.length > 0 || (removed.length > 0 && owners.length > 0)) wakes.push(wakeToDelete(node));
  if (!first) for (const { uid } of [...added, ...renamed]) node.late.add(uid);
  addToOwners(graph, node, [...added, ...renamed], wakes);
}

/** An owner that only references told of is nobody's business once none does: it is not looked for (I15). */
export function leaveOwner(graph: Graph, node: Node, uid: string): void {
  const owner = graph.nodes.get(uid);
  owner?.dependents.delete(node);
  if (owner !== undefined && isVirtual(owner) && owner.dependents.size === 0) dropNode(graph, owner);
}

function wakeKnown({ nodes }: Graph, uid: string, wakes: Enqueue[]): void {
  const owner = nodes.get(uid);
  if (owner !== undefined) wakes.push(wakeToDelete(owner));
}

/** Who is not known yet stands there virtually, to be looked for; a reference that may be wrong is looked at. */
function addToOwners(graph: Graph, node: Node, owners: readonly OwnerReference[], wakes: Enqueue[]): void {
  let doubtful = false;
  for (const reference of owners) {
    const known = graph.nodes.get(reference.uid);
    const owner = known ?? recall(graph, virtualNode(identityOfOwner(reference, node.identity.namespace)));
    owner.dependents.add(node);
    if (known === undefined) {
      graph.nodes.set(reference.uid, owner);
      wakes.push(wakeToDelete(owner));
      continue;
    }
    doubtful ||= isDoubtful(reference, node, owner);
    // So far only a cluster-scoped object named it: here is a place where it may be.
    if (isVirtual(owner) && owner.identity.namespace === '' && node.identity.namespace !== '')
      wakes.push(wakeToDelete(owner));
  }
  if (doubtful) wakes.push(wakeToDelete(node));
}

function isDoubtful(reference: OwnerReference, node: Node, owner: Node): boolean {
  const elsewhere = owner.identity.namespace !== node.identity.namespace;
  if (owner.identity.namespace !== '' && elsewhere) return true;
  if (!matches(reference, owner.identity)) return true;
  // A virtual owner without namespace may be a namespaced one that a cluster-scoped object names wrongly.
  return elsewhere && isVirtual(owner);
}

function takeEnd(graph: Graph, node: Node, old: ApiObject | undefined, now: ApiObject, wakes: Enqueue[]): void {
  if (!isEnding(now)) return;
  node.beingDeleted = true;
  if (begins(old, now, ORPHAN)) {
    wakes.push(wakeToOrphan(node));
    return;
  }
  if (!begins(old, now, FOREGROUND)) return;
  node.deletingDependents = true;
  fall(graph, node, old === undefined ? 'absent' : 'owner-terminating');
  for (const dependent of node.dependents) wakes.push(wakeToDelete(dependent));
  wakes.push(wakeToDelete(node));
}

/** Whether it only now ends with that finalizer. */
function begins(old: ApiObject | undefined, now: ApiObject, finalizer: string): boolean {
  return isEnding(now) && has(now, finalizer) && !(old !== undefined && isEnding(old) && has(old, finalizer));
}

/** An object is gone: who named it may have no owner left, who waited for its end may go on. */
export function removeNode(
  graph: Graph,
  node: Node,
  gone: Identity,
  seen: 'owner-deleted-seen' | 'absent',
  wakes: Enqueue[],
): void {
  const { nodes, absent } = graph;
  dropNode(graph, node);
  for (const { uid } of node.owners) leaveOwner(graph, node, uid);
  if (node.dependents.size > 0) {
    absent.set(absentKey(gone), true);
    fall(graph, node, seen);
  }
  for (const dependent of node.dependents) wakes.push(wakeToDelete(dependent));
  for (const { uid } of node.owners) {
    const owner = nodes.get(uid);
    if (owner?.deletingDependents === true) wakes.push(wakeToDelete(owner));
  }
}
