import { controllerOf } from '#core/owner.ts';
import type { ApiObject } from '#core/resource.ts';

/** Indexes over what is visible. Keyed by Map: namespaces and uids are names from the cluster. */
export interface Indexes {
  replace(old: ApiObject | undefined, now: ApiObject | undefined): void;
  inNamespace(namespace: string): readonly ApiObject[];
  controlledBy(uid: string): readonly ApiObject[];
  /** One of the owner's objects. */
  oneControlledBy(uid: string): ApiObject | undefined;
  orphans(namespace: string): readonly ApiObject[];
}

type Buckets = Map<string, Set<ApiObject>>;

export function createIndexes(): Indexes {
  const namespaces: Buckets = new Map();
  const owners: Buckets = new Map();
  const orphans: Buckets = new Map();

  const place = (object: ApiObject, act: (buckets: Buckets, key: string, object: ApiObject) => void): void => {
    const namespace = object.metadata?.namespace ?? '';
    const owner = controllerOf(object)?.uid;
    act(namespaces, namespace, object);
    if (owner === undefined) act(orphans, namespace, object);
    else act(owners, owner, object);
  };
  return {
    replace(old, now) {
      if (old !== undefined) place(old, remove);
      if (now !== undefined) place(now, insert);
    },
    inNamespace: (namespace) => [...(namespaces.get(namespace) ?? [])],
    controlledBy: (uid) => [...(owners.get(uid) ?? [])],
    oneControlledBy: (uid) => owners.get(uid)?.values().next().value,
    orphans: (namespace) => [...(orphans.get(namespace) ?? [])],
  };
}

function insert(buckets: Buckets, key: string, object: ApiObject): void {
  const bucket = buckets.get(key);
  if (bucket === undefined) buckets.set(key, new Set([object]));
  else bucket.add(object);
}

function remove(buckets: Buckets, key: string, object: ApiObject): void {
  const bucket = buckets.get(key);
  if (bucket === undefined) return;
  bucket.delete(object);
  if (bucket.size === 0) buckets.delete(key);
}
