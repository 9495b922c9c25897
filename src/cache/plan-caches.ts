import type { Controller, Grant } from '#core/controller.ts';
import type { Resource } from '#core/resource.ts';

/** One list and watch: a resource, whole or one name of it, under the identity that may read it. */
export interface CachePlan {
  readonly resource: Resource;
  readonly identity: string;
  readonly fieldSelector?: string;
  /** Nothing but metadata is asked for and kept. */
  readonly metadataOnly?: true;
}

/**
 * The caches that these controllers need: one per resource, at the widest scope that any of them declares. Namespaces
 * are always there, for the gate judges every namespaced write by its namespace's labels; and ResourceQuotas, for it
 * forecasts what they admit.
 */
export function planCaches(controllers: readonly Pick<Controller, 'rbac'>[]): CachePlan[] {
  const names = new Map<Resource, string | undefined>([
    ['core/namespaces', undefined],
    ['core/resourcequotas', undefined],
  ]);
  for (const { resource, resourceNames } of controllers.flatMap(({ rbac }) => rbac.filter(isListing))) {
    const name = resourceNames?.length === 1 ? resourceNames[0] : undefined;
    names.set(resource, names.has(resource) && names.get(resource) !== name ? undefined : name);
  }
  return [...names].map(([resource, name]) => ({
    resource,
    identity: identityOf(resource),
    ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }),
  }));
}

function isListing(permission: Controller['rbac'][number]): permission is Grant {
  return permission.kind === 'allow' && permission.subresource === undefined && permission.verbs.includes('list');
}

/** Secrets are read as metadata only, by an identity that reads nothing else. */
export function identityOf(resource: Resource): string {
  return resource === 'core/secrets' ? 'secrets-metadata' : 'reader';
}
