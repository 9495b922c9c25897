import type { Tracking } from '#core/controller.ts';
import type { Discovery } from '#core/discovery.ts';
import { keyOf } from '#core/ref.ts';
import type { Resource } from '#core/resource.ts';
import type { CacheOptions } from './options.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Listener, TrackedResources } from './port.ts';
import { BEYOND_METADATA } from './projections.ts';
import { createShelf, type Shelf } from './shelf.ts';
import type { Store } from './store.ts';

/** One tracked resource: on a shelf that is there for a controller anyway, or on one of its own. */
interface Entry {
  readonly store: Store;
  readonly own: { readonly shelf: Shelf; readonly stop: AbortController } | undefined;
  synced: boolean;
  /** By subscriber, how to end its subscription to this store. */
  readonly ends: Map<Subscriber, () => void>;
}
type Subscriber = (resource: Resource, ...transition: Parameters<Listener>) => void;

export interface Tracked extends TrackedResources {
  start(signal: AbortSignal): void;
  /** The shelves that exist for tracking only. */
  own(): readonly Shelf[];
  shelf(resource: Resource): Shelf | undefined;
}

export function createTracked(
  options: CacheOptions,
  shelves: ReadonlyMap<Resource, Shelf>,
  startEra: (why: string, resource: Resource) => void,
): Tracked {
  const entries = new Map<Resource, Entry>();
  const subscribers = new Set<Subscriber>();
  const watchers = new Set<(tracking: Tracking) => void>();
  let signal: AbortSignal | undefined;
  let discovery: Discovery | undefined;

  const current = (): Tracking => ({
    discovery,
    resources: new Map([...entries].map(([resource, { synced }]) => [resource, { synced }])),
  });
  const announce = (): void => {
    const tracking = current();
    for (const watcher of watchers) watcher(tracking);
  };
  const follow = (subscriber: Subscriber, resource: Resource, { store, ends }: Entry): void => {
    ends.set(
      subscriber,
      store.subscribe((old, now) => subscriber(resource, old, now)),
    );
    for (const object of store.all()) subscriber(resource, undefined, object);
  };
  const add = (plan: CachePlan): void => {
    const entry = createEntry(options, shelves, plan, startEra);
    entries.set(plan.resource, entry);
    const { own, store } = entry;
    const { reflector } = own?.shelf ?? (shelves.get(plan.resource) as Shelf);
    for (const subscriber of subscribers) follow(subscriber, plan.resource, entry);
    if (own !== undefined) void reflector.run(own.stop.signal);
    void reflector.settled().then(() => {
      entry.synced = store.syncedRV() !== '';
      if (entries.get(plan.resource) === entry && entry.synced) announce();
    });
  };
  const drop = (resource: Resource, entry: Entry): void => {
    entries.delete(resource);
    for (const end of entry.ends.values()) end();
    entry.own?.stop.abort();
  };

  return {
    untracked: BEYOND_METADATA,
    start(given) {
      signal = given;
      given.addEventListener('abort', () => {
        for (const [resource, entry] of [...entries]) drop(resource, entry);
      });
    },
    set(tracking) {
      if (signal === undefined || signal.aborted) return;
      discovery = tracking.discovery;
      const wanted = new Map(tracking.plans.map((plan) => [plan.resource, plan]));
      for (const [resource, entry] of [...entries]) if (!wanted.has(resource)) drop(resource, entry);
      for (const [resource, plan] of wanted) if (!entries.has(resource)) add(plan);
      announce();
    },
    current,
    get: (resource, at) => entries.get(resource)?.store.get(keyOf(at)),
    onChange: (callback) => {
      watchers.add(callback);
      return () => watchers.delete(callback);
    },
    subscribe(subscriber) {
      subscribers.add(subscriber);
      for (const [resource, entry] of entries) follow(subscriber, resource, entry);
      return () => {
        subscribers.delete(subscriber);
        for (const { ends } of entries.values()) {
          ends.get(subscriber)?.();
          ends.delete(subscriber);
        }
      };
    },
    own: () => [...entries.values()].flatMap(({ own }) => (own === undefined ? [] : [own.shelf])),
    shelf: (resource) => entries.get(resource)?.own?.shelf,
  };
}

/** A shelf that holds one name only is of no use here: the resource gets another one. */
function createEntry(
  options: CacheOptions,
  shelves: ReadonlyMap<Resource, Shelf>,
  plan: CachePlan,
  startEra: (why: string, resource: Resource) => void,
): Entry {
  const shared = shelves.get(plan.resource);
  if (shared !== undefined && shared.scope === undefined)
    return { store: shared.store, own: undefined, synced: false, ends: new Map() };
  const shelf = createShelf(options, { ...plan, metadataOnly: true }, startEra);
  return { store: shelf.store, own: { shelf, stop: new AbortController() }, synced: false, ends: new Map() };
}
