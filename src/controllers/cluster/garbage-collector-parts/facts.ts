import type { OwnerReference } from '#core/k8s/types.gen.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Identity } from './node.ts';

/** What live reads say of a node's object. */
export type Item =
  /** Nothing has to be known. */
  | { readonly item: 'none' }
  /** Not everything is watched yet that could own or be owned. */
  | { readonly item: 'incomplete' }
  | { readonly item: 'unknown-kind' }
  /** A namespaced kind that a cluster-scoped object names: it can be nowhere. */
  | { readonly item: 'misplaced'; readonly identity: Identity }
  | { readonly item: 'absent'; readonly identity: Identity }
  /** The API server gave no clear answer. */
  | { readonly item: 'unread' }
  | Found;

interface Found {
  readonly item: 'found';
  readonly resource: Resource;
  /** Its metadata. */
  readonly object: ApiObject;
}

/** An owner that a reference names. */
export type OwnerState =
  | 'solid'
  | 'dangling'
  /** It waits for its dependents to be gone. */
  | 'waiting'
  | 'unknown-kind'
  | 'misplaced'
  | 'unread';

export interface OwnerFact {
  readonly reference: OwnerReference;
  readonly state: OwnerState;
  /** Where this was found out just now: the identity that is absent. */
  readonly absent?: Identity;
}

/** For the loop that deletes. */
export type DeleteFacts =
  | Exclude<Item, Found>
  /** `owners` undefined: the object waits for its dependents, and owes nobody anything. */
  | (Found & { readonly owners: readonly OwnerFact[] | undefined });

/** A dependent of an owner that is to leave its dependents behind. */
export interface Orphan {
  readonly resource: Resource;
  readonly identity: Identity;
  readonly owners: readonly OwnerReference[];
  /** As it is now: read where a patch has to say the whole list; null where it is gone. */
  readonly live?: ApiObject | null;
}

/** For the loop that orphans. */
export type OrphanFacts = Exclude<Item, Found> | (Found & { readonly dependents: readonly Orphan[] });
