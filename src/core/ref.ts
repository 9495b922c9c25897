import type { ApiObject, Resource } from './resource.ts';
import { apiVersionOf, resourceInfo } from './resource.ts';

/** Names one object. Without a uid it names whatever lives under that name. */
export interface Ref {
  readonly resource: Resource;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

/** A reference to an object that came from the API, with its uid. */
export function refOf(resource: Resource, object: ApiObject): Ref {
  const { namespace, name, uid } = object.metadata ?? {};
  if (name === undefined) throw new TypeError('referring to an object without a name');
  return {
    resource,
    ...(resourceInfo(resource).namespaced && namespace !== undefined && { namespace }),
    name,
    ...(uid !== undefined && { uid }),
  };
}

/** `namespace/name`, or `name` for cluster-scoped objects: the cache's and the queue's key. */
export function keyOf(at: { namespace?: string | undefined; name?: string | undefined }): string {
  return at.namespace === undefined || at.namespace === '' ? (at.name ?? '') : `${at.namespace}/${at.name ?? ''}`;
}

export function keyOfObject(object: ApiObject): string {
  return keyOf(object.metadata ?? {});
}

/** Splits what `keyOf` joined. Names never hold a slash, so the first one parts. */
export function splitKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The `involvedObject`/`regarding` shape of Events. */
export function objectReference(ref: Ref, object?: ApiObject): Record<string, string> {
  return {
    apiVersion: apiVersionOf(ref.resource),
    kind: resourceInfo(ref.resource).kind,
    ...(ref.namespace !== undefined && { namespace: ref.namespace }),
    name: ref.name,
    ...(ref.uid !== undefined && { uid: ref.uid }),
    ...(object?.metadata?.resourceVersion !== undefined && { resourceVersion: object.metadata.resourceVersion }),
  };
}
