import type { Reads } from '#core/controller.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import { isResource, type Resource, resourceInfo } from '#core/resource.ts';
import type { Now } from '#core/time.ts';
import type { DeleteFacts, Item, Orphan, OrphanFacts, OwnerFact } from './facts.ts';
import { absentKey, type Graph, isReady, isUnseen, isWhole, nodeFor, resourceOf } from './graph.ts';
import { FOREGROUND, has, type Identity, identityOfOwner, isEnding, type Node, ORPHAN } from './node.ts';

export interface Asked {
  readonly key: string;
  readonly derived: unknown;
  readonly now: Now;
}
type Live = Pick<Reads, 'metadata'>;

/** How many dependents are orphaned in one run, and how many of them may need a read of their own. */
const ORPHANS_AT_ONCE = 500;
const READS_AT_ONCE = 50;

/** Looks at the object, then at each of its owners, live: a graph may lag, and nothing is deleted because of a lag. */
export async function gatherForDelete({ key, derived, now }: Asked, reads: Live): Promise<DeleteFacts> {
  const graph = derived as Graph;
  const node = nodeFor(graph, key);
  if (node === undefined) return { item: 'none' };
  const { beingDeleted, deletingDependents } = node;
  if (beingDeleted && !deletingDependents && !isUnseen(graph, node)) return { item: 'none' };
  // Who lets an owner end has to know whom it waits for.
  const known = deletingDependents ? isWhole(graph, now) : isReady(graph, now);
  if (!known) return { item: 'incomplete' };
  const found = await readItem(graph, node, reads);
  if (found.item !== 'found') return found;
  if (deletingDependents) return { ...found, owners: undefined };
  const owners: OwnerFact[] = [];
  for (const reference of found.object.metadata?.ownerReferences ?? [])
    owners.push(await readOwner(graph, reference, found.object.metadata?.namespace ?? '', reads));
  return { ...found, owners };
}

/** Looks at the owner, and at those dependents of which a patch has to give the whole list of references. */
export async function gatherForOrphan({ key, derived, now }: Asked, reads: Live): Promise<OrphanFacts> {
  const graph = derived as Graph;
  const node = nodeFor(graph, key);
  if (node === undefined) return { item: 'none' };
  if (!isWhole(graph, now)) return { item: 'incomplete' };
  const found = await readItem(graph, node, reads);
  if (found.item !== 'found') return found;
  if (!isEnding(found.object) || !has(found.object, ORPHAN)) return { item: 'none' };
  const dependents: Orphan[] = [];
  let asked = 0;
  for (const dependent of node.dependents) {
    const { resource, identity, owners } = dependent;
    if (resource === undefined) continue;
    if (dependents.length === ORPHANS_AT_ONCE || asked === READS_AT_ONCE) break;
    if (isResource(resource)) dependents.push({ resource, identity, owners });
    else {
      asked += 1;
      const live = await readItem(graph, dependent, reads);
      if (live.item !== 'found' && live.item !== 'absent') return live;
      const as = live.item === 'found' ? live : { resource, object: null };
      dependents.push({ resource: as.resource, identity, owners, live: as.object });
    }
  }
  return { ...found, dependents };
}

async function readItem(graph: Graph, node: Node, reads: Live): Promise<Item> {
  const { identity } = node;
  const resource = resourceOf(graph, node);
  if (resource === undefined) return { item: 'unknown-kind' };
  if (resourceInfo(resource).namespaced && identity.namespace === '') return { item: 'misplaced', identity };
  const read = await reads.metadata(resource, placeOf(resource, identity));
  if (!read.ok) return isGone(read) ? { item: 'absent', identity } : { item: 'unread' };
  if (read.object.metadata?.uid !== identity.uid) return { item: 'absent', identity };
  return { item: 'found', resource, object: read.object };
}

async function readOwner(graph: Graph, reference: OwnerReference, namespace: string, reads: Live): Promise<OwnerFact> {
  const inPlace = identityOfOwner(reference, namespace);
  const nowhere = { ...inPlace, namespace: '' };
  if (isAbsent(graph, nowhere) || isAbsent(graph, inPlace)) return { reference, state: 'dangling' };
  const resource = graph.kinds.resourceOf(reference.apiVersion, reference.kind);
  if (resource === undefined) return { reference, state: 'unknown-kind' };
  const { namespaced } = resourceInfo(resource);
  if (namespaced && namespace === '') return { reference, state: 'misplaced' };
  const read = await reads.metadata(resource, placeOf(resource, inPlace));
  if (!read.ok && !isGone(read)) return { reference, state: 'unread' };
  if (!read.ok || read.object.metadata?.uid !== reference.uid)
    return { reference, state: 'dangling', absent: namespaced ? inPlace : nowhere };
  const waits = isEnding(read.object) && has(read.object, FOREGROUND);
  return { reference, state: waits ? 'waiting' : 'solid' };
}

function isAbsent({ absent }: Graph, identity: Identity): boolean {
  return absent.get(absentKey(identity)) === true;
}

/** Not where a path is not served, which an API server answers with 404 as well. */
function isGone({ status, reason }: { readonly status: number; readonly reason: string }): boolean {
  return status === 404 && reason === 'NotFound';
}

function placeOf(resource: Resource, { namespace, name }: Pick<Identity, 'namespace' | 'name'>) {
  return { name, ...(resourceInfo(resource).namespaced && { namespace }) };
}
