import type { JsonObject } from '#core/json.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import { patched, patchOf } from '#core/patch.ts';
import type { Patch } from '#core/plan.ts';
import { type ApiObject, apiVersionOf, isResource, type Resource, resourceInfo } from '#core/resource.ts';
import { refTo } from './blast.ts';
import type { Orphan } from './facts.ts';

/** Takes the references to these owners off; undefined where there are none. */
export function dropReferences(
  resource: Resource,
  object: ApiObject,
  uids: ReadonlySet<string>,
  reason: string,
): Patch | undefined {
  const goes = ({ uid }: OwnerReference): boolean => uids.has(uid);
  const owners = object.metadata?.ownerReferences ?? [];
  const gone = new Set(owners.filter(goes).map(({ uid }) => uid));
  if (gone.size === 0) return undefined;
  if (isResource(resource)) return strategic(resource, object, [...gone].map(removal), reason);
  return merge(
    resource,
    object,
    owners.filter((owner) => !goes(owner)),
    reason,
  );
}

/** Lets the owners end before the object does; undefined where none waits for it. */
export function unblock(resource: Resource, object: ApiObject, reason: string): Patch | undefined {
  const owners = object.metadata?.ownerReferences ?? [];
  const blocking = owners.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true);
  if (blocking.length === 0) return undefined;
  if (isResource(resource)) {
    const elements = blocking.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    return strategic(resource, object, elements, reason);
  }
  const free = owners.map((owner) => (blocking.includes(owner) ? { ...owner, blockOwnerDeletion: false } : owner));
  return merge(resource, object, free, reason);
}

/** Takes one finalizer off; undefined where it is not there. */
export function dropFinalizer(
  resource: Resource,
  object: ApiObject,
  finalizer: string,
  reason: string,
): Patch | undefined {
  const { finalizers = [], ...metadata } = object.metadata ?? {};
  const left = finalizers.filter((one) => one !== finalizer);
  const after = { ...object, metadata: { ...metadata, ...(left.length > 0 && { finalizers: left }) } };
  return patchOf({ resource, before: object, after, reason });
}

/**
 * Takes an owner's reference off a dependent. Where the API server merges references by their uid it is taken from
 * whatever version is there; else the whole list is given, of the version that was read.
 */
export function orphan({ resource, identity, owners, live }: Orphan, uid: string, reason: string): Patch | undefined {
  if (live === null) return undefined;
  if (live !== undefined) return dropReferences(resource, live, new Set([uid]), reason);
  const { namespace, name } = identity;
  const before: ApiObject = {
    apiVersion: apiVersionOf(resource),
    kind: resourceInfo(resource).kind,
    metadata: { ...(namespace !== '' && { namespace }), name, uid: identity.uid, ownerReferences: [...owners] },
  };
  const patch = references([removal(uid)]);
  const wish: Omit<Patch, 'after'> = {
    verb: 'patch',
    ref: refTo(resource, identity),
    type: 'strategic',
    patch,
    reason,
    blind: 'one reference is removed by its uid, whatever else changed',
  };
  return { ...wish, after: patched(before, { ...wish, after: before }) };
}

function removal(uid: string): JsonObject {
  return { $patch: 'delete', uid };
}

function references(elements: readonly JsonObject[]): JsonObject {
  return { metadata: { ownerReferences: elements } };
}

function strategic(resource: Resource, object: ApiObject, elements: readonly JsonObject[], reason: string): Patch {
  const { uid = '', name = '', namespace = '', resourceVersion = '' } = object.metadata ?? {};
  const wish: Omit<Patch, 'after'> = {
    verb: 'patch',
    ref: refTo(resource, { namespace, name, uid }),
    type: 'strategic',
    patch: references(elements),
    reason,
    resourceVersion,
  };
  return { ...wish, after: patched(object, { ...wish, after: object }) };
}

function merge(
  resource: Resource,
  object: ApiObject,
  owners: readonly OwnerReference[],
  reason: string,
): Patch | undefined {
  const { ownerReferences: _, ...metadata } = object.metadata ?? {};
  const after = { ...object, metadata: { ...metadata, ...(owners.length > 0 && { ownerReferences: [...owners] }) } };
  return patchOf({ resource, before: object, after, reason });
}
