import type { Cache } from '#cache/port.ts';
import type { Pod } from '#core/k8s/types.gen.ts';
import type { ApiObject, Resource } from '#core/resource.ts';

/** The cache, as far as it holds what is asked for: undefined where it cannot be looked up. */
export interface Lookup {
  holds(resource: Resource): boolean;
  get(resource: Resource, at: { namespace?: string | undefined; name: string }): ApiObject | undefined;
  /** The objects whose controller has that uid. */
  controlledBy(resource: Resource, uid: string): readonly ApiObject[] | undefined;
  inNamespace(resource: Resource, namespace: string): readonly ApiObject[] | undefined;
  onNode(name: string): readonly Pod[] | undefined;
}

/** `held`: the resources that the cache was made for. */
export function lookupIn(cache: Pick<Cache, 'view'>, held: ReadonlySet<Resource>): Lookup {
  const view = cache.view([...held]);
  const holds = (resource: Resource): boolean => held.has(resource);
  return {
    holds,
    get: (resource, at) => (holds(resource) ? view.get(resource, at) : undefined),
    controlledBy: (resource, uid) => (holds(resource) ? view.controlledBy(resource, uid) : undefined),
    inNamespace: (resource, namespace) => (holds(resource) ? view.list(resource, namespace) : undefined),
    onNode: (name) =>
      holds('core/pods')
        ? (view.list('core/pods') as readonly Pod[]).filter((pod) => pod.spec?.nodeName === name)
        : undefined,
  };
}
