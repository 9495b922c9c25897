import { jsonEqual } from '#core/json.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import { patched } from '#core/patch.ts';
import type { Outcome, Write } from '#core/plan.ts';
import { keyOf } from '#core/ref.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';

export const WIDGETS: Resource = 'example.com/widgets@v2,Widget,namespaced';
/** The same objects in another version, which may become the preferred one. */
export const NEW_WIDGETS: Resource = 'example.com/widgets@v3,Widget,namespaced';
export const GAUGES: Resource = 'example.com/gauges@v1,Gauge,cluster';
export const RESOURCES: readonly Resource[] = ['core/pods', 'core/configmaps', 'core/nodes', WIDGETS, GAUGES];
export const NAMESPACES = ['a', 'b'] as const;
export const OWN_FINALIZER = 'example.com/hold';

/** What the same objects are called here, whatever the version. */
export function storedAs(resource: Resource): Resource {
  return resource === NEW_WIDGETS ? WIDGETS : resource;
}

/** An object as this version shows it. */
export function shownAs(resource: Resource, object: ApiObject): ApiObject {
  const apiVersion = apiVersionOf(resource);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** One change of an object, as a watch will tell of it. */
export interface Change {
  readonly resource: Resource;
  readonly uid: string;
  readonly now: ApiObject | undefined;
}

/** As much of an API server as garbage collection needs: names, uids, versions, preconditions, deletion in its three ways. */
export function createServer(onChange: (change: Change) => void) {
  const objects = new Map<string, ApiObject>();
  const foreground = new Set<string>();
  /** By dependent and owner, the version that has named it without a break. */
  const named = new Map<string, number>();
  let serial = 100;

  const idOf = (resource: Resource, at: { namespace?: string | undefined; name: string }): string =>
    `${storedAs(resource)} ${keyOf(at)}`;
  const at = (resource: Resource, object: ApiObject): string =>
    idOf(resource, { namespace: object.metadata?.namespace, name: object.metadata?.name ?? '' });

  const put = (resource: Resource, object: ApiObject): ApiObject => {
    serial += 1;
    const next = { ...object, metadata: { ...object.metadata, resourceVersion: String(serial) } };
    const before = new Set(objects.get(at(resource, object))?.metadata?.ownerReferences?.map(({ uid }) => uid));
    for (const { uid } of next.metadata.ownerReferences ?? [])
      if (!before.has(uid)) named.set(`${next.metadata.uid} ${uid}`, serial);
    objects.set(at(resource, object), next);
    onChange({ resource, uid: next.metadata.uid ?? '', now: next });
    return next;
  };
  const remove = (resource: Resource, object: ApiObject): void => {
    objects.delete(at(resource, object));
    onChange({ resource, uid: object.metadata?.uid ?? '', now: undefined });
  };
  /** What ends and is held by nothing is gone. */
  const change = (resource: Resource, object: ApiObject): ApiObject | undefined => {
    const { deletionTimestamp, finalizers = [] } = object.metadata ?? {};
    if (deletionTimestamp === undefined || finalizers.length > 0) return put(resource, object);
    remove(resource, object);
    return undefined;
  };

  const end = (resource: Resource, object: ApiObject, propagation: string): void => {
    if (propagation === 'Foreground') foreground.add(object.metadata?.uid ?? '');
    const others = (object.metadata?.finalizers ?? []).filter(
      (one) => one !== 'orphan' && one !== 'foregroundDeletion',
    );
    const own = propagation === 'Orphan' ? ['orphan'] : propagation === 'Foreground' ? ['foregroundDeletion'] : [];
    const metadata = { ...object.metadata, finalizers: [...others, ...own], deletionTimestamp: '2026-01-02T00:00:00Z' };
    change(resource, { ...object, metadata });
  };

  const write = (wish: Write): Outcome => {
    if (wish.verb !== 'patch' && wish.verb !== 'delete') throw new Error(`collecting garbage by ${wish.verb}`);
    const { uid } = wish.ref;
    const resource = storedAs(wish.ref.resource);
    const found = objects.get(idOf(resource, wish.ref));
    if (found === undefined)
      return wish.verb === 'delete'
        ? { write: wish, kind: 'applied', benign: true }
        : { write: wish, kind: 'gone', code: 'API_GONE' };
    if (found.metadata?.uid !== uid) return { write: wish, kind: 'conflict', code: 'API_CONFLICT' };
    if (wish.resourceVersion !== undefined && wish.resourceVersion !== found.metadata?.resourceVersion)
      return { write: wish, kind: 'conflict', code: 'API_CONFLICT' };
    if (wish.verb === 'delete') {
      end(resource, found, wish.propagation ?? 'Background');
      return { write: wish, kind: 'applied' };
    }
    const next = patched(found, wish);
    const same = jsonEqual(next, found);
    if (!same) change(resource, next);
    return { write: wish, kind: 'applied', object: next };
  };

  return {
    write,
    put: change,
    end,
    endsInForeground: (uid: string): boolean => foreground.has(uid),
    namedSince: (uid: string, owner: string): number => named.get(`${uid} ${owner}`) ?? Number.POSITIVE_INFINITY,
    all: (): readonly (readonly [Resource, ApiObject])[] =>
      [...objects].map(([id, object]) => [id.slice(0, id.indexOf(' ')) as Resource, object] as const),
    get: (resource: Resource, place: { namespace?: string | undefined; name: string }) =>
      objects.get(idOf(resource, place)),
    create(resource: Resource, namespace: string, name: string, owners: readonly OwnerReference[]): string | undefined {
      const place = resourceInfo(resource).namespaced ? { namespace, name } : { name };
      if (objects.has(idOf(resource, place))) return undefined;
      serial += 1;
      const uid = `uid-${serial}`;
      put(resource, {
        apiVersion: apiVersionOf(resource),
        kind: resourceInfo(resource).kind,
        metadata: {
          ...(resourceInfo(resource).namespaced && { namespace }),
          name,
          uid,
          creationTimestamp: '2026-01-01T00:00:00Z',
          ...(owners.length > 0 && { ownerReferences: [...owners] }),
        },
      });
      return uid;
    },
  };
}
export type Server = ReturnType<typeof createServer>;
