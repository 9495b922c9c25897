import { diff, mergePatch, touchesList } from './diff.ts';
import type { Json, JsonObject } from './json.ts';
import type { OwnerReference } from './k8s/types.gen.ts';
import type { Patch } from './plan.ts';
import { refOf } from './ref.ts';
import type { ApiObject, Resource } from './resource.ts';

export interface Change<O extends ApiObject> {
  readonly resource: Resource;
  /** As cached: names the object, its uid and the resourceVersion that must still hold. */
  readonly before: O;
  readonly after: O;
  readonly reason: string;
  readonly subresource?: string;
  /** Annotations that a status write changes as well, where the kind's own rules let it. */
  readonly annotations?: readonly string[];
  readonly slot?: string;
  /** Why it may be done to whatever version is there. */
  readonly blind?: string;
}

/** The merge patch that makes `after` of `before`; undefined when nothing changes. Contradictions throw: they are bugs. */
export function patchOf<O extends ApiObject>(change: Change<O>): Patch | undefined {
  const { resource, before, after, reason, subresource, slot, blind } = change;
  const patch = diff(before, after);
  const parts = Object.keys(patch);
  if (parts.length === 0) return undefined;
  if (subresource === 'status' && !reportsOnly(patch, change.annotations ?? [])) {
    throw new TypeError(`patching the status with a change of ${parts.join(', ')}`);
  }
  if (blind !== undefined && touchesList(before, patch))
    throw new TypeError('patching a list without a resourceVersion');
  return {
    verb: 'patch',
    ref: refOf(resource, before),
    ...(subresource !== undefined && { subresource }),
    type: 'merge',
    patch,
    after,
    reason,
    ...(slot !== undefined && { slot }),
    ...(blind === undefined ? versionOf(before) : { blind }),
  };
}

/** Nothing but the status, and of the metadata these annotations. */
function reportsOnly({ status: _, metadata = {}, ...others }: JsonObject, annotations: readonly string[]): boolean {
  const { annotations: changed = {}, ...more } = metadata as JsonObject;
  const rest = [...Object.keys(others), ...Object.keys(more)];
  return rest.length === 0 && Object.keys(changed as JsonObject).every((key) => annotations.includes(key));
}

/** Makes an orphan ours. The API server refuses it where another controller came first. */
export function adopt(resource: Resource, object: ApiObject, owner: OwnerReference): Patch {
  return ownersPatch('adopt', resource, object, { ...owner });
}

/** Takes one owner's reference off an object and leaves the others. */
export function release(resource: Resource, object: ApiObject, ownerUid: string): Patch {
  return ownersPatch('release', resource, object, { $patch: 'delete', uid: ownerUid });
}

function ownersPatch(reason: string, resource: Resource, object: ApiObject, element: JsonObject): Patch {
  const patch: JsonObject = { metadata: { ownerReferences: [element] } };
  return {
    verb: 'patch',
    ref: refOf(resource, object),
    type: 'strategic',
    patch,
    after: strategicMerge(object, patch),
    reason,
    ...versionOf(object),
  };
}

function versionOf(object: ApiObject): { resourceVersion: string } {
  const version = object.metadata?.resourceVersion;
  if (version === undefined) throw new TypeError('patching an object without a resourceVersion');
  return { resourceVersion: version };
}

/** The object that a patch makes of its target: what policy judges is what the API server will do. */
export function patched(before: ApiObject, patch: Patch): ApiObject {
  return patch.type === 'merge' ? (mergePatch(before, patch.patch) as ApiObject) : strategicMerge(before, patch.patch);
}

/** Strategic merge as far as we use it: owner references by their uid, all else as a merge patch. */
function strategicMerge(before: ApiObject, patch: JsonObject): ApiObject {
  const metadata = (patch.metadata ?? {}) as JsonObject;
  const { ownerReferences, ...others } = metadata;
  const merged = mergePatch(before, { ...patch, ...(patch.metadata !== undefined && { metadata: others }) });
  if (!Array.isArray(ownerReferences)) return merged as ApiObject;
  const owners = mergeByUid(before.metadata?.ownerReferences ?? [], ownerReferences as readonly JsonObject[]);
  const { ownerReferences: _, ...rest } = (merged as { metadata?: JsonObject }).metadata ?? {};
  return {
    ...(merged as JsonObject),
    metadata: { ...rest, ...(owners.length > 0 && { ownerReferences: owners }) },
  } as unknown as ApiObject;
}

/** In the API server's order: what the patch brings stands before what it does not name, what was there keeps its place. */
function mergeByUid(old: readonly OwnerReference[], elements: readonly JsonObject[]): readonly Json[] {
  const named = new Map(elements.map((element) => [String(element.uid), element]));
  const there = new Set(old.map(({ uid }) => uid));
  const brought = elements.filter((element) => element.$patch !== 'delete' && !there.has(String(element.uid)));
  const kept = old
    .filter(({ uid }) => named.get(uid)?.$patch !== 'delete')
    .map((reference) => ({ ...reference, ...named.get(reference.uid) }));
  return [...brought, ...kept];
}
