import type { Resource } from './resource.ts';

/**
 * One resource that the API server serves: in the version that is built in where that is served, else in the one that it
 * prefers. Subresources are not among them.
 */
export interface Served {
  readonly resource: Resource;
  readonly verbs: readonly string[];
  /** The group's other versions that serve the same objects: owner references may name any of them. */
  readonly also?: readonly string[];
}

/** What the API server said it serves. */
export interface Discovery {
  /** In a stable order. */
  readonly served: readonly Served[];
  /** `group/version`s whose server did not answer: nothing is known of what they serve now. */
  readonly failed: readonly string[];
  /** `group/version plural` of what is served under a name that no path can be made of. Absent: none is. */
  readonly unreadable?: readonly string[];
}
