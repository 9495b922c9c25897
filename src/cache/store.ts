import { keyOfObject } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { compareRV, covers, laterRV } from '#core/rv.ts';
import { type ByRV, createByRV } from './by-rv.ts';
import type { Cached } from './decode.ts';
import { createIndexes, type Indexes } from './indexes.ts';
import type { Listener } from './port.ts';

/**
 * What is known of one resource. `delivered` is what list and watch brought up to `syncedRV`; the overlay holds own
 * acknowledged writes that are newer; a tombstone keeps a uid that an own write ended from being seen again.
 */
export interface Store {
  readonly resource: Resource;
  syncedRV(): string;
  size(): number;
  /** Own writes and tombstones that deliveries have not passed yet. */
  pending(): number;
  /** A watch event. One that is not newer than `syncedRV` was seen before and is left out; says whether it was new. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Cached): boolean;
  /** A bookmark, or the proof that everything up to `rv` is in. */
  advance(rv: string): void;
  /** Why these objects cannot follow what is known: history went back (I16). Undefined when they can. */
  contradiction(objects: readonly Cached[], rv: string): string | undefined;
  /** Takes a whole list. `fresh`: a new era, so that nothing of before counts, own writes neither. */
  replace(objects: readonly Cached[], rv: string, fresh: boolean): void;
  /** The answer to an own write that left the object alive. */
  overlay(object: Cached): void;
  /** The answer to an own write that ended `uid`, last seen at `rv`; without one it holds until `forget`. */
  bury(uid: string, key: string | undefined, rv: string | undefined): void;
  forget(uid: string): void;
  /** The newest resourceVersion known of a live uid under that key (or anywhere, without a key). */
  lastKnown(uid: string, key: string | undefined): { key: string; rv: string } | undefined;
  /** Whether the deletion of that uid was delivered lately. */
  ended(uid: string): boolean;
  whenSynced(rv: string, callback: () => void): () => void;
  /** Calls back after each delivery. */
  onProgress(callback: () => void): () => void;
  delivered(key: string): Cached | undefined;
  deliveredEntries(): IterableIterator<[string, Cached]>;
  get(key: string): ApiObject | undefined;
  all(): readonly ApiObject[];
  readonly indexes: Indexes;
  subscribe(listener: Listener): () => void;
}

interface Tombstone {
  readonly key: string | undefined;
  readonly rv: string | undefined;
}

interface State {
  readonly resource: Resource;
  synced: string;
  readonly delivered: Map<string, Cached>;
  readonly own: Map<string, Cached>;
  readonly dead: Map<string, Tombstone>;
  /** Own objects, by key, that left the overlay and were never delivered: they ended before they could be. */
  readonly vanished: Map<string, Cached>;
  /** Uids whose deletion was delivered, newest last: one of them in a later list means that history went back. */
  readonly deleted: Set<string>;
  readonly visible: Map<string, Cached>;
  readonly indexes: Indexes;
  /** Overlay entries and tombstones that leave when syncedRV has passed them. */
  readonly leaving: ByRV<() => void>;
  /** Barriers: called back after the view and the indexes are in line. */
  readonly barriers: ByRV<() => void>;
  readonly listeners: Set<Listener>;
  readonly watchers: Set<() => void>;
  readonly onBug: (error: unknown) => void;
}

const REMEMBERED_DELETIONS = 1024;

/** `onBug` hears of a listener that threw: a mapper's bug must not stop the cache (I15). */
export function createStore(resource: Resource, onBug: (error: unknown) => void): Store {
  const state: State = {
    resource,
    synced: '',
    delivered: new Map(),
    own: new Map(),
    dead: new Map(),
    vanished: new Map(),
    deleted: new Set(),
    visible: new Map(),
    indexes: createIndexes(),
    leaving: createByRV(),
    barriers: createByRV(),
    listeners: new Set(),
    watchers: new Set(),
    onBug,
  };
  return {
    resource,
    syncedRV: () => state.synced,
    size: () => state.visible.size,
    pending: () => state.own.size + state.dead.size,
    apply: (type, object) => apply(state, type, object),
    advance: (rv) => advance(state, rv),
    contradiction: (objects, rv) => contradiction(state, objects, rv),
    replace: (objects, rv, fresh) => replace(state, objects, rv, fresh),
    overlay: (object) => overlay(state, object),
    bury: (uid, key, rv) => bury(state, uid, key, rv),
    forget: (uid) => exhume(state, uid),
    lastKnown: (uid, key) => lastKnown(state, uid, key),
    ended: (uid) => state.deleted.has(uid),
    whenSynced: (rv, callback) => whenSynced(state, rv, callback),
    onProgress: (callback) => {
      state.watchers.add(callback);
      return () => state.watchers.delete(callback);
    },
    delivered: (key) => state.delivered.get(key),
    deliveredEntries: () => state.delivered.entries(),
    get: (key) => state.visible.get(key),
    all: () => [...state.visible.values()],
    indexes: state.indexes,
    subscribe: (listener) => {
      state.listeners.add(listener);
      return () => state.listeners.delete(listener);
    },
  };
}

/** Brings what is seen under a key in line: own writes over deliveries, and never an ended uid. */
function refresh(state: State, key: string): void {
  const top = state.own.get(key) ?? state.delivered.get(key);
  const now = top === undefined || state.dead.has(top.metadata.uid) ? undefined : top;
  const was = state.visible.get(key);
  if (was === now) return;
  if (now === undefined) state.visible.delete(key);
  else state.visible.set(key, now);
  state.indexes.replace(was, now);
}

function apply(state: State, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Cached): boolean {
  const { uid, resourceVersion: rv } = object.metadata;
  if (covers(state.synced, rv)) return false;
  const key = keyOfObject(object);
  const old = state.delivered.get(key);
  if (type === 'DELETED') {
    state.delivered.delete(key);
    remember(state, uid);
    state.dead.delete(uid);
  } else state.delivered.set(key, object);
  state.synced = rv;
  run(state.leaving.passed(rv));
  refresh(state, key);
  announce(state, old, type === 'DELETED' ? undefined : object);
  announceVanished(state);
  progressed(state, state.barriers.passed(rv));
  return true;
}

function advance(state: State, rv: string): void {
  if (covers(state.synced, rv)) return;
  state.synced = rv;
  run(state.leaving.passed(rv));
  announceVanished(state);
  progressed(state, state.barriers.passed(rv));
}

/** The view is in line: tells those who wait. */
function progressed(state: State, reached: readonly (() => void)[]): void {
  run(reached);
  run([...state.watchers]);
}

/** Whoever made it rested on it, and no delivery will say that it is gone: it came and went. */
function announceVanished(state: State): void {
  if (state.vanished.size === 0) return;
  for (const [key, object] of taken(state.vanished)) if (!state.delivered.has(key)) passBy(state, undefined, object);
}

function passBy(state: State, old: Cached | undefined, object: Cached, now?: Cached): void {
  remember(state, object.metadata.uid);
  announce(state, old, object);
  announce(state, object, now);
}

function taken<K, V>(map: Map<K, V>): ReadonlyMap<K, V> {
  const all = new Map(map);
  map.clear();
  return all;
}

function run(callbacks: readonly (() => void)[]): void {
  for (const callback of callbacks) callback();
}

function announce(state: State, old: Cached | undefined, now: Cached | undefined): void {
  if (old === undefined && now === undefined) return;
  // Another uid under the same name is two transitions: the old object is gone.
  if (old !== undefined && now !== undefined && old.metadata.uid !== now.metadata.uid) {
    announce(state, old, undefined);
    announce(state, undefined, now);
    return;
  }
  for (const listener of state.listeners) {
    try {
      listener(old, now);
    } catch (error) {
      state.onBug(error);
    }
  }
}

function remember(state: State, uid: string): void {
  state.deleted.add(uid);
  if (state.deleted.size <= REMEMBERED_DELETIONS) return;
  for (const oldest of state.deleted) {
    state.deleted.delete(oldest);
    break;
  }
}

function contradiction(state: State, objects: readonly Cached[], rv: string): string | undefined {
  if (compareRV(rv, state.synced) < 0) return 'the resourceVersion of a list went back';
  for (const object of objects) {
    const { uid, resourceVersion } = object.metadata;
    if (state.deleted.has(uid)) return 'a deleted object came back';
    const known = state.delivered.get(keyOfObject(object));
    if (known?.metadata.uid === uid && compareRV(resourceVersion, known.metadata.resourceVersion) < 0)
      return "an object's resourceVersion went back";
  }
  return undefined;
}

function replace(state: State, objects: readonly Cached[], rv: string, fresh: boolean): void {
  const before = new Map(state.delivered);
  const touched = new Set(before.keys());
  if (fresh) {
    for (const key of state.own.keys()) touched.add(key);
    for (const { key } of state.dead.values()) if (key !== undefined) touched.add(key);
    state.dead.clear();
    state.deleted.clear();
  }
  state.delivered.clear();
  for (const object of objects) {
    const key = keyOfObject(object);
    const known = before.get(key);
    const same = known !== undefined && known.metadata.uid === object.metadata.uid;
    const unchanged = same && known.metadata.resourceVersion === object.metadata.resourceVersion && !fresh;
    state.delivered.set(key, unchanged ? known : object);
    touched.add(key);
  }
  state.synced = fresh ? rv : laterRV(state.synced, rv);
  run(fresh ? state.leaving.clear() : state.leaving.passed(state.synced));
  for (const [key, old] of before) {
    if (state.delivered.get(key)?.metadata.uid === old.metadata.uid) continue;
    // Not after a restore: what it took away never ended, and may come back.
    if (!fresh) remember(state, old.metadata.uid);
    state.dead.delete(old.metadata.uid);
  }
  for (const key of touched) refresh(state, key);
  const vanished = taken(state.vanished);
  for (const key of new Set([...touched, ...vanished.keys()])) {
    const old = before.get(key);
    const now = state.delivered.get(key);
    const between = vanished.get(key);
    // Of an era that ended nothing is known to have ended.
    if (!fresh && between !== undefined && between.metadata.uid !== old?.metadata.uid) passBy(state, old, between, now);
    else if (old !== now) announce(state, old, now);
  }
  // Barriers of an era that ended wait for versions that may never come; this list is later than their writes.
  progressed(state, fresh ? state.barriers.clear() : state.barriers.passed(state.synced));
}

function overlay(state: State, object: Cached): void {
  const { resourceVersion: rv } = object.metadata;
  if (covers(state.synced, rv)) return;
  const key = keyOfObject(object);
  const known = state.own.get(key);
  // Answers may come in another order than the writes were done.
  if (known !== undefined && covers(known.metadata.resourceVersion, rv)) return;
  state.own.set(key, object);
  state.leaving.add(rv, () => {
    if (state.own.get(key) !== object) return;
    state.own.delete(key);
    refresh(state, key);
    const { uid } = object.metadata;
    if (state.delivered.get(key)?.metadata.uid !== uid && !state.deleted.has(uid)) state.vanished.set(key, object);
  });
  refresh(state, key);
}

function bury(state: State, uid: string, key: string | undefined, rv: string | undefined): void {
  const known = state.dead.get(uid);
  if (known !== undefined && (rv === undefined || (known.rv !== undefined && covers(known.rv, rv)))) return;
  const tombstone: Tombstone = { key: key ?? known?.key, rv };
  state.dead.set(uid, tombstone);
  if (tombstone.key !== undefined) refresh(state, tombstone.key);
  if (rv === undefined) return;
  // Once deliveries have passed the last version, absence says that the deletion was delivered too. Where the uid is
  // still there, its DELETED, or the list that lacks it, is yet to come.
  const leave = (): void => {
    if (state.dead.get(uid) !== tombstone) return;
    if (tombstone.key === undefined || state.delivered.get(tombstone.key)?.metadata.uid !== uid) exhume(state, uid);
  };
  if (covers(state.synced, rv)) leave();
  else state.leaving.add(rv, leave);
}

function exhume(state: State, uid: string): void {
  const tombstone = state.dead.get(uid);
  if (tombstone === undefined) return;
  state.dead.delete(uid);
  if (tombstone.key !== undefined) refresh(state, tombstone.key);
}

function lastKnown(state: State, uid: string, key: string | undefined): { key: string; rv: string } | undefined {
  const at = (where: string): { key: string; rv: string } | undefined => {
    const versions = [state.own.get(where), state.delivered.get(where)]
      .filter((object) => object?.metadata.uid === uid)
      .map((object) => object?.metadata.resourceVersion ?? '');
    return versions.length === 0 ? undefined : { key: where, rv: versions.reduce(laterRV) };
  };
  if (key !== undefined) return at(key);
  for (const [where, object] of state.visible) if (object.metadata.uid === uid) return at(where);
  return undefined;
}

function whenSynced(state: State, rv: string, callback: () => void): () => void {
  if (covers(state.synced, rv)) {
    callback();
    return () => {};
  }
  let wanted = true;
  state.barriers.add(rv, () => {
    if (wanted) callback();
  });
  return () => {
    wanted = false;
  };
}
