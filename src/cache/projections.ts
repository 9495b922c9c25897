import type { Resource } from '#core/resource.ts';

/**
 * What the cache drops, as JSON Pointers: a policy rule that reads one fails the bundle's self-test. One projection per
 * resource, the widest that any controller needs.
 */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Dropped from everything: who owns which field is the API server's business, and last-applied may hold values of Secrets. */
const ALWAYS: readonly string[] = [
  '/metadata/managedFields',
  `/metadata/annotations/${LAST_APPLIED.replace('/', '~1')}`,
];

/** Cached as PartialObjectMetadata: nothing but metadata ever enters. */
const METADATA_ONLY: ReadonlyMap<Resource, readonly string[]> = new Map([
  ['core/secrets', ['/data', '/stringData', '/type', '/immutable']],
]);

/** Top-level members that no controller and no rule reads, by resource. */
const DROPPED: ReadonlyMap<Resource, readonly string[]> = new Map();

export interface Projection {
  readonly metadataOnly: boolean;
  /** Names of top-level members that are dropped. */
  readonly drops: readonly string[];
  readonly untracked: readonly string[];
}

/** What is not known of an object of which only the metadata was read. */
export const BEYOND_METADATA: readonly string[] = [
  ...ALWAYS,
  '/spec',
  '/status',
  '/data',
  '/stringData',
  '/type',
  '/immutable',
];

/** Of a cache that keeps nothing but metadata, whatever the resource. */
const METADATA_PROJECTION: Projection = {
  metadataOnly: true,
  drops: [],
  untracked: BEYOND_METADATA,
};

export function projectionFor(plan: { readonly resource: Resource; readonly metadataOnly?: true }): Projection {
  return plan.metadataOnly === true ? METADATA_PROJECTION : projectionOf(plan.resource);
}

export function projectionOf(resource: Resource): Projection {
  const metadataOnly = METADATA_ONLY.get(resource);
  const drops = DROPPED.get(resource) ?? [];
  return {
    metadataOnly: metadataOnly !== undefined,
    drops,
    untracked: [...ALWAYS, ...(metadataOnly ?? []), ...drops.map((member) => `/${member}`)],
  };
}
