import type { TrackedResources } from '#cache/port.ts';

/** A cache that tracks nothing. */
export const NOTHING_TRACKED: TrackedResources = {
  untracked: ['/spec'],
  set: () => {},
  current: () => ({ discovery: undefined, resources: new Map() }),
  get: () => undefined,
  onChange: () => () => {},
  subscribe: () => () => {},
};

/** Live reads that find nothing. */
export const NO_READS = {
  get: async () => ({ ok: false, status: 404, reason: 'NotFound' }) as const,
  metadata: async () => ({ ok: false, status: 404, reason: 'NotFound' }) as const,
  listMetadata: async () => ({ ok: true, object: { items: [], remaining: 0 } }) as const,
  discover: async () => ({ ok: true, object: { served: [], failed: [] } }) as const,
};
