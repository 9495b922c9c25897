import { keyOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { View } from '#core/view.ts';
import type { Store } from './store.ts';

/** Exactly the listed resources; another throws, as does a listed one that the cache was not made for (I6). */
export function createView(stores: ReadonlyMap<Resource, Store>, listed: readonly Resource[]): View<Resource> {
  const offered = new Map<Resource, Store>();
  for (const resource of listed) {
    const store = stores.get(resource);
    if (store === undefined) throw new TypeError(`viewing ${resource}, which the cache does not hold`);
    offered.set(resource, store);
  }
  const of = (resource: Resource): Store => {
    const store = offered.get(resource);
    if (store === undefined) throw new TypeError(`reading ${resource}, which the controller does not declare to list`);
    return store;
  };
  const view = {
    get: (resource: Resource, at: { namespace?: string | undefined; name: string }) => of(resource).get(keyOf(at)),
    list: (resource: Resource, namespace?: string): readonly ApiObject[] =>
      namespace === undefined ? of(resource).all() : of(resource).indexes.inNamespace(namespace),
    controlledBy: (resource: Resource, uid: string) => of(resource).indexes.controlledBy(uid),
    orphans: (resource: Resource, namespace: string) => of(resource).indexes.orphans(namespace),
  };
  return Object.freeze(view) as View<Resource>;
}
