import { deepFreeze } from '#core/json.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import { isRV } from '#core/rv.ts';
import { LAST_APPLIED, type Projection } from './projections.ts';
import { share } from './share.ts';

/** An object as the cache holds it: name, uid and resourceVersion are there, and everything is frozen. */
export interface Cached extends ApiObject {
  readonly metadata: NonNullable<ApiObject['metadata']> & {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

export interface Decoder {
  /**
   * Projects and freezes an object of the API, sharing with `like` what is equal. Undefined when it is no object of
   * this resource with a name, a uid and an orderable resourceVersion.
   */
  decode(raw: unknown, like?: ApiObject): Cached | undefined;
  /** Whether an answer is an object of this resource, and not a Scale, Eviction or Status. */
  matches(raw: unknown): boolean;
}

type Tree = Record<string, unknown>;

export function createDecoder(resource: Resource, projection: Projection): Decoder {
  const { kind } = resourceInfo(resource);
  const apiVersion = apiVersionOf(resource);
  const drops = new Set([...projection.drops, 'apiVersion', 'kind', 'metadata']);

  /** Items of a List carry no kind; what carries one must carry the right one. */
  const matches = (raw: unknown): boolean => {
    if (typeof raw !== 'object' || raw === null) return false;
    const { apiVersion: version, kind: found } = raw as Tree;
    if (found === undefined && version === undefined) return true;
    if (projection.metadataOnly && found === 'PartialObjectMetadata') return true;
    return found === kind && version === apiVersion;
  };
  return {
    matches,
    decode(raw, like) {
      if (!matches(raw)) return undefined;
      const metadata = metadataOf((raw as Tree).metadata);
      if (metadata === undefined) return undefined;
      // One order of members for all, wherever the object came from: equal shapes are cheap.
      const object: Tree = { apiVersion, kind, metadata };
      if (projection.metadataOnly)
        Object.assign(object, { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' });
      else
        for (const key of Object.keys(raw as Tree)) {
          if (!drops.has(key) && key !== '__proto__') object[key] = (raw as Tree)[key];
        }
      if (like !== undefined) shareParts(like as Tree, object);
      return deepFreeze(object) as unknown as Cached;
    },
  };
}

function metadataOf(raw: unknown): Tree | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { managedFields: _, ...metadata } = raw as Tree;
  const { name, uid, resourceVersion, annotations } = metadata;
  if (typeof name !== 'string' || name === '' || typeof uid !== 'string' || uid === '' || !isRV(resourceVersion))
    return undefined;
  if (typeof annotations === 'object' && annotations !== null && Object.hasOwn(annotations, LAST_APPLIED)) {
    const { [LAST_APPLIED]: __, ...kept } = annotations as Tree;
    metadata.annotations = kept;
  }
  return metadata;
}

/** Shares below the top, so that the object itself stays a new one. Frozen parts (of an answer seen before) stay. */
function shareParts(like: Tree, object: Tree): void {
  for (const key of Object.keys(object)) {
    const part = object[key];
    if (Object.hasOwn(like, key) && !Object.isFrozen(part)) object[key] = share(like[key], part);
  }
}
