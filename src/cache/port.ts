import type { Tracking } from '#core/controller.ts';
import type { Discovery } from '#core/discovery.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { View } from '#core/view.ts';
import type { CachePlan } from './plan-caches.ts';

/** A wait until the cache has caught up with one of our own writes (I8). */
export interface Barrier {
  readonly resource: Resource;
  reached(): boolean;
  /** Calls back once, at once if reached already. Returns the canceller. */
  whenReached(callback: () => void): () => void;
}

export type Listener = (old: ApiObject | undefined, now: ApiObject | undefined) => void;

/**
 * Resources that are watched because discovery tells of them, metadata only where no controller wants more. They come
 * and go; a store of its own is not waited for by leadership: who decides on them confirms live.
 */
export interface TrackedResources {
  /** JSON Pointers of what is not known of an object of which only the metadata was read. */
  readonly untracked: readonly string[];
  /** The whole new set. What is not in it any more is watched no longer, and its objects are forgotten silently. */
  set(tracking: { readonly discovery: Discovery; readonly plans: readonly CachePlan[] }): void;
  current(): Tracking;
  /** The object as its store shows it, own writes included; undefined where the resource is not tracked. */
  get(
    resource: Resource,
    at: { readonly namespace?: string | undefined; readonly name: string },
  ): ApiObject | undefined;
  /** After each change of `current`. */
  onChange(callback: (tracking: Tracking) => void): () => void;
  /** Calls back for every object that is known now, then for each transition, of all tracked resources. */
  subscribe(listener: (resource: Resource, ...transition: Parameters<Listener>) => void): () => void;
}

export interface Cache {
  readonly tracked: TrackedResources;
  /** Starts list and watch of each resource; resolves when all have synced once. */
  start(signal: AbortSignal): Promise<void>;
  /** A view of exactly these resources over store and overlay. Reading another throws. */
  view(listed: readonly Resource[]): View<Resource>;
  /** Transitions as watch and list deliver them, in order; overlay changes are not announced. */
  subscribe(resource: Resource, listener: Listener): () => void;
  /**
   * Takes the answer to an own write. The object becomes visible at once where the overlay can hold it (then
   * undefined); else the barrier that the key must wait for.
   */
  absorb(
    resource: Resource,
    verb: 'create' | 'update' | 'patch' | 'delete',
    answer: unknown,
    /** The write's target: a deletion may answer with a uid only. */
    at?: { readonly namespace?: string | undefined; readonly name?: string | undefined },
  ): Barrier | undefined;
  /** A lost answer: nothing is known; the barrier is one consistent list later. */
  uncertain(resource: Resource): Barrier;
  /** After winning leadership: consistent lists (limit 1, no RV); resolves when every store has passed them. */
  catchUp(signal: AbortSignal): Promise<void>;
  /** The resourceVersion up to which the resource is known; '' before the first sync, and where it is not held. */
  syncedRV(resource: Resource): string;
  /** Counts up when history went back (restore): memory and derived start afresh (I16). */
  era(): number;
  onEra(callback: (why: string, resource: Resource) => void): () => void;
  /** Paths that the projection of that resource drops. */
  untracked(resource: Resource): readonly string[];
  /** Seconds since the last sign of life, by resource: for health and metrics. */
  ages(): ReadonlyMap<Resource, number>;
}
