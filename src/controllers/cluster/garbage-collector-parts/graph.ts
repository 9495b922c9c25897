import type { Enqueue, Evidence } from '#core/plan.ts';
import { type Resource, resourceInfo, shortName } from '#core/resource.ts';
import { type Ms, type Now, seconds } from '#core/time.ts';
import { type Bounded, createBounded } from './bounded.ts';
import { createKinds, type Kinds } from './kinds.ts';
import type { Cause, Identity, Node } from './node.ts';

export const DELETE = 'garbage_collector_attempt_to_delete';
export const ORPHANS = 'garbage_collector_attempt_to_orphan';

/** Ten objects with as many owners as fit into one. Upstream's 500 have each of them looked for again and again. */
const ABSENT_OWNERS = 50_000;
/** Upstream's figure. */
const FALLEN_OWNERS = 500;
/** How long a resource that does not sync is waited for, as upstream waits for the first sync. */
const PATIENCE: Ms = seconds(30);

/** An owner that is gone: dependents of it that are seen later have the same cause. */
export interface Fallen {
  readonly cause: Cause;
  readonly evidence: Evidence;
  readonly created: string | undefined;
}

/** Objects of one resource that is watched no longer: they are there, as far as anyone knows. */
export interface Unseen {
  readonly nodes: Set<Node>;
  /** When it was served last, by monotonic time. */
  served: Ms;
  /** Whether those that did not come back with it were looked for. */
  sought: boolean;
}

/** Who owns whom, of all that is watched. The folds change it in place; runs of keys only read it. */
export interface Graph {
  /** By uid. */
  readonly nodes: Map<string, Node>;
  /** Owners that the API server said it does not have. */
  readonly absent: Bounded<true>;
  /** By uid. */
  readonly fallen: Bounded<Fallen>;
  kinds: Kinds;
  /** What discovery told last, to see whether it tells something new. */
  told: string;
  /** Since when each resource is watched, by monotonic time, and whether all of it is known. */
  readonly resources: Map<Resource, { readonly since: Ms; readonly synced: boolean }>;
  /** Resources, by their short names, that were not watched for a while: whose owners came then is not known. */
  readonly lost: Set<string>;
  /** By `sortOf` their resources. */
  readonly unseen: Map<string, Unseen>;
  /** Whether everything was known at one time. */
  complete: boolean;
  /** Uids of nodes that wait for discovery to tell of a kind. */
  readonly waiting: Set<string>;
}

export function createGraph(): Graph {
  return {
    nodes: new Map(),
    absent: createBounded(ABSENT_OWNERS),
    fallen: createBounded(FALLEN_OWNERS),
    kinds: createKinds(undefined),
    told: '',
    resources: new Map(),
    lost: new Set(),
    unseen: new Map(),
    complete: false,
    waiting: new Set(),
  };
}

/** The queues' key: `namespace/uid`, so that one namespace's flood waits behind the others' (I15). */
export function keyFor({ identity: { namespace, uid } }: { readonly identity: Identity }): string {
  return `${namespace}/${uid}`;
}

export function nodeFor({ nodes }: Graph, key: string): Node | undefined {
  return nodes.get(key.slice(key.indexOf('/') + 1));
}

export function wakeToDelete(node: Node, after?: Ms): Enqueue {
  return { loop: DELETE, key: keyFor(node), ...(after !== undefined && { after }) };
}

export function wakeToOrphan(node: Node): Enqueue {
  return { loop: ORPHANS, key: keyFor(node) };
}

export function isVirtual({ resource }: Node): boolean {
  return resource === undefined;
}

/** A resource whatever its version: under another kind the same plural is another one. */
export const sortOf = (resource: Resource): string => `${shortName(resource)} ${resourceInfo(resource).kind}`;

/** Whether nothing tells of the object now, and its edges are what was known last. */
export function isUnseen({ unseen }: Graph, node: Node): boolean {
  return node.resource !== undefined && unseen.get(sortOf(node.resource))?.nodes.has(node) === true;
}

/** A watch tells of it again, or it is gone. */
export function endUnseen({ unseen }: Graph, node: Node): boolean {
  return node.resource !== undefined && unseen.get(sortOf(node.resource))?.nodes.delete(node) === true;
}

/** Nothing of a node that is gone stays behind (I15). */
export function dropNode(graph: Graph, node: Node): void {
  graph.nodes.delete(node.identity.uid);
  graph.waiting.delete(node.identity.uid);
  endUnseen(graph, node);
}

/** Which resource the object of a node is. One that is watched no longer may be served in another version by now. */
export function resourceOf({ kinds, resources }: Graph, { identity, resource }: Node): Resource | undefined {
  const named = kinds.resourceOf(identity.apiVersion, identity.kind);
  if (named !== undefined || resource === undefined) return named;
  const short = shortName(resource);
  return [...resources.keys()].find((one) => shortName(one) === short && resourceInfo(one).kind === identity.kind);
}

/** Who ends and may wait for one of its dependents: to be gone, or to be let go of. */
export function wakeEnding({ nodes }: Graph, uid: string, wakes: Enqueue[]): void {
  const owner = nodes.get(uid);
  if (owner?.deletingDependents === true) wakes.push(wakeToDelete(owner));
  else if (owner?.beingDeleted === true) wakes.push(wakeToOrphan(owner));
}

/** Whether collecting may begin: everything was known once, or it was waited for long enough. */
export function isReady(graph: Graph, now: Now): boolean {
  if (graph.resources.size === 0) return false;
  return graph.complete || [...graph.resources.values()].every((one) => isKnown(one, now));
}

/** Whether the dependents of an owner are known, as far as waiting can tell: those that are not do not keep it. */
export function isWhole({ resources }: Graph, now: Now): boolean {
  return resources.size > 0 && [...resources.values()].every((one) => isKnown(one, now));
}

function isKnown({ synced, since }: { readonly synced: boolean; readonly since: Ms }, { mono }: Now): boolean {
  return synced || mono - since >= PATIENCE;
}

/** An owner as the cache of absent ones knows it. */
export function absentKey({ apiVersion, kind, namespace, name, uid }: Identity): string {
  return JSON.stringify([apiVersion, kind, namespace, name, uid]);
}
