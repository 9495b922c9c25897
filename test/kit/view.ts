import { controllerOf } from '#core/owner.ts';
import { keyOf, keyOfObject } from '#core/ref.ts';
import { type ApiObject, type ObjectOf, type Resource, resourceOfKind } from '#core/resource.ts';
import type { View } from '#core/view.ts';

/** The resource of an object, by its apiVersion and kind. */
export function resourceOf(object: ApiObject): Resource {
  const found = resourceOfKind(object.apiVersion ?? '', object.kind ?? '');
  if (found === undefined) throw new TypeError(`no built-in resource is ${object.apiVersion} ${object.kind}`);
  return found;
}

/** A view over a fixed list of objects; reading what is not listed throws, as the real one does (I6). */
export function viewOf<L extends Resource>(objects: readonly ApiObject[], listed: readonly L[]): View<L> {
  const shelves = new Map<Resource, Map<string, ApiObject>>(listed.map((resource) => [resource, new Map()]));
  for (const object of objects) shelves.get(resourceOf(object))?.set(keyOfObject(object), object);
  const all = <R extends L>(resource: R): readonly ObjectOf<R>[] => {
    const shelf = shelves.get(resource);
    if (shelf === undefined) throw new TypeError(`reading ${resource}, which the controller does not list`);
    return [...shelf.values()] as unknown as readonly ObjectOf<R>[];
  };
  const metadataOf = (object: unknown) => (object as ApiObject).metadata ?? {};
  return {
    get(resource, at) {
      all(resource);
      return shelves.get(resource)?.get(keyOf(at)) as ObjectOf<typeof resource> | undefined;
    },
    list: (resource, namespace) =>
      all(resource).filter((object) => namespace === undefined || metadataOf(object).namespace === namespace),
    controlledBy: (resource, uid) => all(resource).filter((object) => controllerOf(object as ApiObject)?.uid === uid),
    orphans: (resource, namespace) =>
      all(resource).filter(
        (object) => metadataOf(object).namespace === namespace && controllerOf(object as ApiObject) === undefined,
      ),
  };
}
