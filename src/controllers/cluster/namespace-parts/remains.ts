import type { Pod } from '#core/k8s/types.gen.ts';
import { pluralOf, type Resource, resourceInfo } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { type Listing, PODS } from './gather.ts';

/** What kept a namespace from its end when it was looked at. */
export interface Remains {
  /** Of every API; undefined where discovery told all. */
  readonly undiscovered?: string;
  readonly unreadable: readonly string[];
  /** What could not be listed or deleted, and what should be gone. */
  readonly errors: readonly string[];
  readonly counts: ReadonlyMap<Resource, number>;
  readonly finalizers: ReadonlyMap<string, number>;
  /** Seconds that the slowest of it may still take; 0: nothing is left, or what is left is in `errors`. */
  readonly estimate: number;
}

/** How long finalizers are given, in seconds. */
const FINALIZERS = 15;

/** Counts what lists show after everything in them was deleted. */
export function remainsOf(
  namespace: string,
  lists: readonly Listing[],
  podsTake: number,
): Pick<Remains, 'errors' | 'counts' | 'finalizers' | 'estimate'> {
  const errors: string[] = [];
  const counts = new Map<Resource, number>();
  const finalizers = new Map<string, number>();
  let estimate = 0;
  for (const { resource, count, items, error } of lists) {
    if (error !== undefined) errors.push(`unable to list ${nameOf(resource)}: ${error}`);
    if (count === 0) continue;
    counts.set(resource, count);
    const held = items.flatMap((item) => item.finalizers);
    for (const finalizer of held) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    const takes = resource === PODS && podsTake > 0 ? podsTake : held.length > 0 ? FINALIZERS : 0;
    if (takes === 0) errors.push(unexpected(namespace, resource));
    estimate = Math.max(estimate, takes);
  }
  return { errors, counts, finalizers, estimate };
}

/**
 * Seconds that pods may take to end: the longest grace of those that run, and none once so much time has passed since
 * the namespace was deleted.
 */
export function graceOf(pods: readonly Pod[], sinceDeletion: Ms): number {
  const running = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const longest = Math.max(0, ...running.map(({ spec }) => spec?.terminationGracePeriodSeconds ?? 0));
  return sinceDeletion >= longest * 1000 ? 0 : longest;
}

/** `widgets.example.com`; the core group has no name, and a dot all the same. */
export function nameOf(resource: Resource): string {
  return `${pluralOf(resource)}.${resourceInfo(resource).group}`;
}

function unexpected(namespace: string, resource: Resource): string {
  const { group, version } = resourceInfo(resource);
  return `unexpected items still remain in namespace: ${namespace} for gvr: ${group}/${version}, Resource=${pluralOf(resource)}`;
}

/** Upstream's words for groups that did not answer. */
export function undiscoveredText(failed: readonly string[]): string | undefined {
  if (failed.length === 0) return undefined;
  const each = [...failed].sort().map((one) => `${one}: stale GroupVersion discovery: ${one}`);
  return `Discovery failed for some groups, ${failed.length} failing: unable to retrieve the complete list of server APIs: ${each.join(', ')}`;
}
