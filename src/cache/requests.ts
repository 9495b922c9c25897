import { METADATA, METADATA_LIST } from '#api/metadata.ts';
import { pathOf } from '#core/resource.ts';
import type { CachePlan } from './plan-caches.ts';
import { projectionFor } from './projections.ts';

/** Items per page: what the API server renders in a few milliseconds, and what parses here in about five. */
export const PAGE = 500;

/** What to accept, so that what the cache would drop, a Secret's values above all, is never even sent to this process. */
export function acceptOf(plan: CachePlan, what: 'list' | 'watch'): { accept?: string } {
  if (!projectionFor(plan).metadataOnly) return {};
  return { accept: what === 'list' ? METADATA_LIST : METADATA };
}

/** No resourceVersion: a consistent read, whichever API server answers. */
export function listPath(plan: CachePlan, limit: number, token?: string): string {
  return path(plan, { limit: String(limit), ...(token !== undefined && { continue: token }) });
}

export function watchPath(plan: CachePlan, resourceVersion: string, timeoutSeconds: number): string {
  return path(plan, { ...watching(timeoutSeconds), resourceVersion });
}

/** Random in five to ten minutes, so that watches of many processes do not end together. */
export function timeoutSeconds(random: () => number): number {
  return 300 + Math.floor(random() * 300);
}

/** The objects as of now come first as events, then a bookmark that says so, then the watch goes on. */
export function watchListPath(plan: CachePlan, timeoutSeconds: number): string {
  return path(plan, { ...watching(timeoutSeconds), sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' });
}

function watching(timeoutSeconds: number): Record<string, string> {
  return { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(timeoutSeconds) };
}

function path({ resource, fieldSelector }: CachePlan, query: Record<string, string>): string {
  const parameters = new URLSearchParams({ ...query, ...(fieldSelector !== undefined && { fieldSelector }) });
  return `${pathOf(resource)}?${parameters}`;
}
