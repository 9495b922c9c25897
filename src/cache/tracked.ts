import type { Tracking } from '#core/controller.ts';
import type { Discovery } from '#core/discovery.ts';
import { keyOf } from '#core/ref.ts';
import { isResource, type Resource } from '#core/resource.ts';
import type { CacheOptions } from './options.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Listener, TrackedResources } from './port.ts';
import { BEYOND_METADATA } from './projections.ts';
import { createShelf, type Shelf } from './shelf.ts';
import type { Store } from './store.ts';
import { clusterWentBack } from './went-back.ts';

/** One tracked resource: on a shelf that is there for a controller anyway, or on one of its own. */
interface Entry {
  readonly store: Store;
  readonly own: { readonly shelf: Shelf; readonly stop: AbortController } | undefined;
  synced: boolean;
  /** What has to come true before it counts as synced. */
  proof: Promise<void> | undefined;
  /** By subscriber, how to end its subscription to this store. */
  readonly ends: Map<Subscriber, () => void>;
}
type Subscriber = (resource: Resource, ...transition: Parameters<Listener>) => void;

export interface Tracked extends TrackedResources {
  start(signal: AbortSignal): void;
  /** The shelves that exist for tracking only. */
  own(): readonly Shelf[];
  shelf(resource: Resource): Shelf | undefined;
  /** What is on those counts as synced again once they show what was there at the call. */
  doubt(): void;
}

interface Eras {
  start(why: string, resource: Resource): void;
  count(): number;
}

export function createTracked(options: CacheOptions, shelves: ReadonlyMap<Resource, Shelf>, eras: Eras): Tracked {
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
    const entry = createEntry(options, shelves, plan, (why) =>
      wentBackBeside({ options, shelves, eras }, entry, why, () => doubt((one) => one === entry)),
    );
    entries.set(plan.resource, entry);
    const { own } = entry;
    const { reflector } = own?.shelf ?? (shelves.get(plan.resource) as Shelf);
    for (const subscriber of subscribers) follow(subscriber, plan.resource, entry);
    if (own !== undefined) void reflector.run(own.stop.signal);
    prove(entry, plan.resource, reflector.settled());
  };
  const prove = (entry: Entry, resource: Resource, proof: Promise<void>): void => {
    Object.assign(entry, { proof, synced: false });
    const proven = (): void => {
      if (entries.get(resource) !== entry || entry.proof !== proof || entry.store.syncedRV() === '') return;
      entry.synced = true;
      announce();
    };
    // It fails where the reflector ends.
    proof.then(proven, () => undefined);
  };
  const doubt = (which: (entry: Entry) => boolean): void => {
    for (const [resource, entry] of entries)
      if (entry.own !== undefined && which(entry)) prove(entry, resource, entry.own.shelf.reflector.passNow());
    announce();
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
    doubt: () => doubt(() => true),
  };
}

/** A shelf that holds one name only is of no use here: the resource gets another one. */
function createEntry(
  options: CacheOptions,
  shelves: ReadonlyMap<Resource, Shelf>,
  plan: CachePlan,
  onBack: (why: string) => Promise<void>,
): Entry {
  const shared = shelves.get(plan.resource);
  if (shared !== undefined && shared.scope === undefined)
    return { store: shared.store, own: undefined, synced: false, proof: undefined, ends: new Map() };
  const shelf = createShelf(options, { ...plan, metadataOnly: true }, onBack);
  const own = { shelf, stop: new AbortController() };
  return { store: shelf.store, own, synced: false, proof: undefined, ends: new Map() };
}

/** An API server of its own may stand behind a resource: its history then says nothing of the cluster's. */
async function wentBackBeside(
  { options, shelves, eras }: { options: CacheOptions; shelves: ReadonlyMap<Resource, Shelf>; eras: Eras },
  { own, store: { resource } }: Entry,
  why: string,
  doubt: () => void,
): Promise<void> {
  if (own === undefined) return;
  // What was built in lies in the cluster's own store: its word is enough, also where a restore let versions go on.
  if (isResource(resource)) return eras.start(why, resource);
  const era = eras.count();
  const all = await clusterWentBack(options.reader, shelves.values(), own.stop.signal);
  // One that began meanwhile came to this shelf as well.
  if (eras.count() !== era) return;
  if (all) return eras.start(why, resource);
  options.log.warn('reading an older history of one resource: listing it afresh', { resource, why });
  own.shelf.reflector.startEra();
  doubt();
}
