import type { Pod } from '#core/k8s/types.gen.ts';
import { isActive, isReady } from '#core/pod.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Lookup } from './lookup.ts';
import { whole } from './numbers.ts';

/** An object with replicas: a workload, or the Scale of one. */
interface Scaled extends ApiObject {
  readonly spec?: { readonly replicas?: unknown };
  readonly status?: { readonly replicas?: unknown };
}

export interface Lowered {
  readonly from: number;
  readonly to: number;
}

/** A change that wishes fewer replicas; undefined for every other. A Scale says itself how many there are. */
export function loweredReplicas(before: ApiObject | undefined, after: ApiObject | undefined): Lowered | undefined {
  const now = after as Scaled | undefined;
  const was = before as Scaled | undefined;
  const from = whole(was?.spec?.replicas) ?? whole(now?.status?.replicas);
  const to = wishedReplicas(now, was);
  return from === undefined || to === undefined || to >= from ? undefined : { from, to };
}

/** Where the field is taken away, the API server puts its default in. */
function wishedReplicas(now: Scaled | undefined, was: Scaled | undefined): number | undefined {
  const wished = whole(now?.spec?.replicas);
  if (wished !== undefined || now?.spec === undefined || was?.spec?.replicas === undefined) return wished;
  return now.spec.replicas === undefined || now.spec.replicas === null ? 1 : 0;
}

/** The ready pods that go, at most the difference; all of it where they cannot be looked up. */
export function podsThatGo(resource: Resource, uid: string | undefined, { from, to }: Lowered, lookup: Lookup): number {
  const pods = uid === undefined ? undefined : podsOf(resource, uid, lookup);
  if (pods === undefined) return from - to;
  const ready = pods.filter((pod) => isActive(pod) && isReady(pod)).length;
  // A StatefulSet's pods go by their number, ready or not; elsewhere those that are not ready go first.
  const going = resource === 'apps/statefulsets' ? ready : ready - to;
  return Math.max(0, Math.min(from - to, going));
}

/** The pods of a workload; undefined where the cache cannot say. */
export function podsOf(resource: Resource, uid: string, lookup: Lookup): readonly Pod[] | undefined {
  if (resource !== 'apps/deployments') {
    const known = OWNERS_OF_PODS.has(resource);
    return known ? (lookup.controlledBy('core/pods', uid) as readonly Pod[] | undefined) : undefined;
  }
  const sets = lookup.controlledBy('apps/replicasets', uid);
  if (sets === undefined || !lookup.holds('core/pods')) return undefined;
  return sets.flatMap((set) => podsOf('apps/replicasets', set.metadata?.uid ?? '', lookup) ?? []);
}

/** Whether objects of it are there for their pods. */
export function isWorkload(resource: Resource): boolean {
  return resource === 'apps/deployments' || OWNERS_OF_PODS.has(resource);
}

const OWNERS_OF_PODS: ReadonlySet<string> = new Set([
  'apps/replicasets',
  'apps/statefulsets',
  'apps/daemonsets',
  'core/replicationcontrollers',
  'batch/jobs',
]);
