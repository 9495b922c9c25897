import fc from 'fast-check';

/**
 * The API server as a linear history of one resource. Only what a client could see comes out of it: answers to its
 * writes, watch events in order, bookmarks, lists, and a restore that makes history go back.
 */
export interface ModelObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels: Record<string, string>;
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
    readonly ownerReferences?: readonly {
      uid: string;
      controller: true;
      kind: string;
      apiVersion: string;
      name: string;
    }[];
  };
}

export interface ModelEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ModelObject;
}

/** Names that are also members of Object.prototype. */
export const HOSTILE = ['constructor', '__proto__', 'valueOf', 'hasOwnProperty', 'a'] as const;
export const hostileName = fc.constantFrom(...HOSTILE);

export interface ModelServer {
  readonly history: ModelEvent[];
  rv(): number;
  live(): Map<string, ModelObject>;
  /** As of that version. */
  at(rv: number): Map<string, ModelObject>;
  create(namespace: string, name: string, finalizer: boolean): ModelObject | undefined;
  patch(namespace: string, name: string): ModelObject | undefined;
  /** Takes the last finalizer; of a marked object that is the end, and the answer carries the OLD version. */
  unfinalize(namespace: string, name: string): ModelObject | undefined;
  remove(namespace: string, name: string): unknown;
  /** Someone else writes: the version goes on without this resource. */
  elsewhere(): void;
}

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;

export function modelServer(start = 1): ModelServer {
  let rv = start;
  let uids = 0;
  const history: ModelEvent[] = [];
  const live = new Map<string, ModelObject>();
  const put = (type: ModelEvent['type'], metadata: ModelObject['metadata']): ModelObject => {
    rv++;
    const object: ModelObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, resourceVersion: String(rv) },
    };
    history.push({ type, object });
    if (type === 'DELETED') live.delete(keyOf(metadata.namespace, metadata.name));
    else live.set(keyOf(metadata.namespace, metadata.name), object);
    return object;
  };
  const hostileLabels = (value: string): Record<string, string> =>
    JSON.parse(`{"__proto__":"${value}","constructor":"${value}"}`) as Record<string, string>;
  return {
    history,
    rv: () => rv,
    live: () => new Map(live),
    at(version) {
      const found = new Map<string, ModelObject>();
      for (const { type, object } of history) {
        if (Number(object.metadata.resourceVersion) > version) break;
        const key = keyOf(object.metadata.namespace, object.metadata.name);
        if (type === 'DELETED') found.delete(key);
        else found.set(key, object);
      }
      return found;
    },
    create(namespace, name, finalizer) {
      if (live.has(keyOf(namespace, name))) return undefined;
      uids++;
      return put('ADDED', {
        name,
        namespace,
        uid: `uid-${uids}`,
        resourceVersion: '',
        labels: hostileLabels('0'),
        ...(finalizer && { finalizers: ['x/y'] }),
        ...(uids % 2 === 0 && {
          ownerReferences: [
            { uid: HOSTILE[uids % HOSTILE.length] as string, controller: true, kind: 'K', apiVersion: 'v1', name: 'n' },
          ],
        }),
      });
    },
    patch(namespace, name) {
      const known = live.get(keyOf(namespace, name));
      if (known === undefined) return undefined;
      return put('MODIFIED', { ...known.metadata, labels: hostileLabels(String(rv)) });
    },
    unfinalize(namespace, name) {
      const known = live.get(keyOf(namespace, name));
      if (known?.metadata.finalizers === undefined) return undefined;
      const { finalizers: _, ...metadata } = known.metadata;
      if (metadata.deletionTimestamp === undefined) return put('MODIFIED', metadata);
      put('DELETED', metadata);
      return { apiVersion: 'v1', kind: 'Pod', metadata };
    },
    remove(namespace, name) {
      const known = live.get(keyOf(namespace, name));
      if (known === undefined) return undefined;
      if (known.metadata.finalizers !== undefined) {
        if (known.metadata.deletionTimestamp !== undefined) return known;
        return put('MODIFIED', {
          ...known.metadata,
          deletionTimestamp: '2026-01-01T00:00:00Z',
          deletionGracePeriodSeconds: 0,
        });
      }
      const gone = put('DELETED', known.metadata);
      // Both ways of the API server: a Status with the uid, or the object without any mark.
      if (rv % 2 === 0) return gone;
      return {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name, uid: known.metadata.uid },
      };
    },
    elsewhere() {
      rv++;
    },
  };
}
