import type { Delete, DeleteCollection, Write } from '#core/plan.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo, shortName } from '#core/resource.ts';
import type { Item, Listing } from './gather.ts';

/** Some names of these are protected, and a selection has no names that could be judged: each is deleted by its own. */
const ONE_BY_ONE: ReadonlySet<string> = new Set([
  'coordination.k8s.io/leases',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
]);

/** The writes that start the end of all that a list shows; none where it all has been started. */
export function deletionsOf(namespace: string, listing: Listing): readonly Write[] {
  const { resource, verbs = [], count, items, error } = listing;
  if (error !== undefined) return [];
  const live = items.filter(({ deleting }) => !deleting);
  const hidden = count > items.length;
  const listed = verbs.includes('list');
  const collectively = verbs.includes('deletecollection') && !ONE_BY_ONE.has(shortName(resource));
  if (collectively && (live.length > 0 || hidden || !listed)) return [collection(resource, namespace, count)];
  return verbs.includes('delete') ? live.map((item) => single(resource, namespace, item)) : [];
}

/** Whether there are objects that no write was made for, because a list did not bring them all. */
export function isPartial({ resource, verbs = [], count, items }: Listing): boolean {
  const collectively = verbs.includes('deletecollection') && !ONE_BY_ONE.has(shortName(resource));
  return !collectively && count > items.length;
}

/** Never so that the garbage collector would orphan something: all of the namespace goes. */
function collection(resource: Resource, namespace: string, expected: number): DeleteCollection {
  return {
    verb: 'deletecollection',
    resource,
    namespace,
    propagation: 'Background',
    expected,
    reason: 'content',
    slot: resource,
  };
}

function single(resource: Resource, namespace: string, { name, uid, finalizers }: Item): Delete {
  const before: ApiObject = {
    apiVersion: apiVersionOf(resource),
    kind: resourceInfo(resource).kind,
    metadata: { name, namespace, uid, ...(finalizers.length > 0 && { finalizers }) },
  };
  return {
    verb: 'delete',
    ref: { resource, namespace, name, uid },
    propagation: 'Background',
    before,
    reason: 'content',
  };
}
