import { TransportError } from '#api/failure.ts';
import { METADATA_LIST } from '#api/metadata.ts';
import type { Reader } from '#api/port.ts';
import { keyOf } from '#core/ref.ts';
import { compareRV, covers, isRV, laterRV } from '#core/rv.ts';
import type { Clock, Ms } from '#core/time.ts';
import { listPage, listPages } from './list.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Store } from './store.ts';

/** How long the watch may pass a list's version by itself before the objects are compared. */
const GRACE: Ms = 50;
/** How long the watch may lag behind what a list says exists. */
const PATIENCE: Ms = 10_000;

/** What a comparison with a consistent list, begun after the call, came to. */
export type Verified =
  | { readonly kind: 'passed' }
  | { readonly kind: 'behind' }
  | { readonly kind: 'back'; readonly why: string };

interface Parts {
  readonly reader: Reader;
  readonly plan: CachePlan;
  readonly store: Store;
  readonly clock: Clock;
  /** False once a list has begun to replace the store: what is compared then is void. */
  readonly current: () => boolean;
}

/**
 * Proves that the store holds everything up to a moment after the call. A list's version moves with every write in the
 * cluster, but a bookmark comes once a minute only, so waiting for `syncedRV` alone would take that long. Instead the
 * list is read as metadata, and compared: events come in the order of their versions, so once `syncedRV` covers the
 * newest listed object no creation or change can be missing; and once the store's objects that are not listed are
 * gone no deletion can. Then the store is at the list's version.
 */
export async function verify(parts: Parts, signal: AbortSignal): Promise<Verified> {
  const { reader, plan, store } = parts;
  // The watch may run ahead of the answer while it is on its way.
  const before = store.syncedRV();
  const head = await listPage(reader, plan, signal, { limit: 1, accept: METADATA_LIST });
  if (compareRV(head.rv, before) < 0) return { kind: 'back', why: 'the resourceVersion of a list went back' };
  const passed = (): boolean => covers(store.syncedRV(), head.rv);
  if (passed() || (head.token !== undefined && (await until(parts, passed, GRACE)))) return { kind: 'passed' };
  const listed = head.token === undefined ? listing([head.items], head.rv) : await readAll(parts, signal);
  const why = parts.current() ? contradiction(store, listed) : undefined;
  if (why !== undefined) return { kind: 'back', why };
  const extras = [...store.deliveredEntries()]
    .filter(
      ([key, { metadata }]) => covers(listed.rv, metadata.resourceVersion) && listed.uids.get(key) !== metadata.uid,
    )
    .map(([key, { metadata }]) => ({ key, uid: metadata.uid }));
  const proven = (): boolean =>
    covers(store.syncedRV(), listed.newest) &&
    extras.every(({ key, uid }) => store.delivered(key)?.metadata.uid !== uid);
  if (!(await until(parts, proven, PATIENCE)) || !parts.current()) return { kind: 'behind' };
  store.advance(listed.rv);
  return { kind: 'passed' };
}

interface Listing {
  readonly rv: string;
  /** The newest version of any listed object. */
  readonly newest: string;
  readonly uids: ReadonlyMap<string, string>;
  readonly versions: ReadonlyMap<string, string>;
}

async function readAll({ reader, plan }: Parts, signal: AbortSignal): Promise<Listing> {
  let pages: (readonly unknown[])[] = [];
  const rv = await listPages(reader, plan, signal, {
    accept: METADATA_LIST,
    take: (items) => pages.push(items),
    restart: () => {
      pages = [];
    },
  });
  return listing(pages, rv);
}

function listing(pages: readonly (readonly unknown[])[], rv: string): Listing {
  const uids = new Map<string, string>();
  const versions = new Map<string, string>();
  let newest = '';
  for (const item of pages.flat()) {
    const { metadata } = (item ?? {}) as { metadata?: Record<string, unknown> };
    const { namespace, name, uid, resourceVersion } = metadata ?? {};
    if (typeof name !== 'string' || typeof uid !== 'string' || !isRV(resourceVersion))
      throw new TransportError('malformed');
    const key = keyOf({ namespace: typeof namespace === 'string' ? namespace : undefined, name });
    uids.set(key, uid);
    versions.set(key, resourceVersion);
    newest = laterRV(newest, resourceVersion);
  }
  return { rv, newest, uids, versions };
}

/** The same object at an older version than was delivered: etcd was restored, and its revision bumped. */
function contradiction(store: Store, listed: Listing): string | undefined {
  for (const [key, { metadata }] of store.deliveredEntries()) {
    const version = listed.versions.get(key);
    // Delivered after the list was read: it says nothing about this object.
    if (version === undefined || listed.uids.get(key) !== metadata.uid) continue;
    if (covers(listed.rv, metadata.resourceVersion) && compareRV(version, metadata.resourceVersion) < 0)
      return "an object's resourceVersion went back";
  }
  return undefined;
}

/** Resolves with whether `holds` came true in time; asked again with every delivery. */
function until({ store, clock }: Parts, holds: () => boolean, patience: Ms): Promise<boolean> {
  if (holds()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const end = (result: boolean): void => {
      cancel();
      unsubscribe();
      resolve(result);
    };
    const cancel = clock.after(patience, () => end(holds()));
    const unsubscribe = store.onProgress(() => {
      if (holds()) end(true);
    });
  });
}
