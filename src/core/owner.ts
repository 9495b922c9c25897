import type { OwnerReference } from './k8s/types.gen.ts';
import type { ApiObject, Resource } from './resource.ts';
import { apiVersionOf, resourceInfo } from './resource.ts';

/** The reference to the one controller of an object; undefined for an orphan. */
export function controllerOf(object: ApiObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether this very object (by uid) controls that one. */
export function isControlledBy(object: ApiObject, owner: ApiObject): boolean {
  const uid = owner.metadata?.uid;
  return uid !== undefined && controllerOf(object)?.uid === uid;
}

/** The controller reference that what an owner creates or adopts carries. */
export function ownerReference(resource: Resource, owner: ApiObject): OwnerReference {
  const { name, uid } = owner.metadata ?? {};
  if (name === undefined || uid === undefined) throw new TypeError('owning by an object without name and uid');
  return {
    apiVersion: apiVersionOf(resource),
    kind: resourceInfo(resource).kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
