import type { OwnerReference } from '#core/k8s/types.gen.ts';
import type { Evidence } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';

/** What an object, or a reference to one, says that it is. */
export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Why a dependent will go: its owner ended. What is below an owner that was collected itself has the same cause. */
export interface Doom {
  readonly cause: Cause;
  /** The uid of the owner whose end it is. */
  readonly owner: string;
  readonly evidence: Evidence;
}

export interface Cause {
  readonly root: Ref;
  /** The weight of everything that goes with the root. */
  readonly total: number;
}

/** One object of the graph, by its uid. Only the folds change it. */
export interface Node {
  identity: Identity;
  /** As its watch delivers it; undefined while it is only known by references to it. */
  resource: Resource | undefined;
  owners: readonly OwnerReference[];
  /** The resourceVersion that a watch told of last; empty before. */
  version: string;
  /** Uids of owners whose references came after the first sight of the object. */
  readonly late: Set<string>;
  readonly dependents: Set<Node>;
  /** It has a deletionTimestamp. */
  beingDeleted: boolean;
  /** And waits for its dependents to be gone. */
  deletingDependents: boolean;
  /** RFC 3339. */
  created: string | undefined;
  /** Since the end of this object, or of one above it, was seen to begin. */
  cause: Cause | undefined;
  /** Of an owner that ended before: what was known of that end. */
  ended: Evidence | undefined;
  doom: Doom | undefined;
}

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** A node that only references tell of. */
export function virtualNode(identity: Identity): Node {
  return {
    identity,
    resource: undefined,
    owners: [],
    version: '',
    late: new Set(),
    dependents: new Set(),
    beingDeleted: false,
    deletingDependents: false,
    created: undefined,
    cause: undefined,
    ended: undefined,
    doom: undefined,
  };
}

export function identityOf(resource: Resource, { metadata }: ApiObject): Identity {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resourceInfo(resource).kind,
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
  };
}

/** What a reference says of its owner: it is in the dependent's namespace, or in none. */
export function identityOfOwner({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): Identity {
  return { apiVersion, kind, namespace, name, uid };
}

export function isSame(a: Identity, b: Identity): boolean {
  return a.namespace === b.namespace && matches(a, b);
}

/** The same object by all but the namespace. */
export function matches(a: Omit<Identity, 'namespace'>, b: Omit<Identity, 'namespace'>): boolean {
  return a.uid === b.uid && a.name === b.name && a.kind === b.kind && a.apiVersion === b.apiVersion;
}

export function has(object: ApiObject, finalizer: string): boolean {
  return object.metadata?.finalizers?.includes(finalizer) ?? false;
}

export function isEnding(object: ApiObject | undefined): boolean {
  return object?.metadata?.deletionTimestamp !== undefined;
}

/** The dependents that have the foreground deletion of this node wait. */
export function blockingDependents(node: Node): readonly Node[] {
  return [...node.dependents].filter(
    (dependent) => canOwn(node, dependent) && dependent.owners.some((owner) => blocks(owner, node)),
  );
}

/** Of another namespace nobody is owned, whatever a reference says. */
function canOwn({ identity }: Node, dependent: Node): boolean {
  return identity.namespace === '' || identity.namespace === dependent.identity.namespace;
}

/**
 * What waits for this node's end to end itself, the node included: of two foreground deletions that wait for each other
 * none may wait.
 */
export function waitersFor(node: Node, nodes: ReadonlyMap<string, Node>): ReadonlySet<Node> {
  const waiters = new Set([node]);
  for (const waiter of waiters) {
    for (const reference of waiter.owners) {
      const owner = nodes.get(reference.uid);
      if (owner?.deletingDependents === true && blocks(reference, owner)) waiters.add(owner);
    }
  }
  return waiters;
}

function blocks({ uid, blockOwnerDeletion }: OwnerReference, owner: Node): boolean {
  return uid === owner.identity.uid && blockOwnerDeletion === true;
}
