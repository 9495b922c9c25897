import type { Reader, Streams } from '#api/port.ts';
import type { Resource } from '#core/resource.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import { type Absorbed, absorb, type Scope } from './absorb.ts';
import { createDecoder, type Decoder } from './decode.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Barrier, Cache } from './port.ts';
import { projectionOf } from './projections.ts';
import { createReflector, type Reflector } from './reflector.ts';
import { createStore, type Store } from './store.ts';
import { createView } from './view.ts';

export interface CacheOptions {
  readonly reader: Reader;
  readonly streams: Streams;
  readonly identities: Identities;
  readonly resources: readonly CachePlan[];
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** In [0, 1): spreads watches and back-offs. */
  readonly random?: () => number;
}

/** One resource of the cache. */
interface Shelf {
  readonly store: Store;
  readonly decoder: Decoder;
  readonly reflector: Reflector;
  readonly scope: Scope;
}

const REPORT_EVERY: Ms = 10_000;

export function createCache(options: CacheOptions): Cache {
  const { clock, log } = options;
  let era = 0;
  const eraCallbacks = new Set<(why: string, resource: Resource) => void>();
  const shelves = new Map<Resource, Shelf>();

  const startEra = (why: string, resource: Resource): void => {
    era++;
    log.error('reading an older history: starting a new era', { resource, why, era });
    for (const { reflector } of shelves.values()) reflector.startEra();
    for (const callback of eraCallbacks) callback(why, resource);
  };
  for (const plan of options.resources) shelves.set(plan.resource, createShelf(options, plan, startEra));
  const stores = new Map([...shelves].map(([resource, { store }]) => [resource, store]));
  const shelfOf = (resource: Resource): Shelf => {
    const shelf = shelves.get(resource);
    if (shelf === undefined) throw new TypeError(`asking for ${resource}, which the cache does not hold`);
    return shelf;
  };
  const ages = (): ReadonlyMap<Resource, number> => {
    const now = clock.now().mono;
    return new Map([...shelves].map(([resource, { reflector }]) => [resource, (now - reflector.aliveAt()) / 1000]));
  };

  return {
    start: (signal) => start(options, shelves, ages, signal),
    view: (listed) => createView(stores, listed),
    subscribe: (resource, listener) => shelfOf(resource).store.subscribe(listener),
    absorb: (resource, verb, answer, at) => {
      const shelf = shelves.get(resource);
      if (shelf === undefined) return undefined;
      return barrierOf(shelf, absorb(shelf.store, shelf.decoder, shelf.scope, verb, answer, at));
    },
    uncertain: (resource) => {
      const shelf = shelves.get(resource);
      return shelf === undefined ? reachedBarrier(resource) : listBarrier(shelf);
    },
    catchUp: async (signal) => {
      await untilAborted(Promise.all([...shelves.values()].map(({ reflector }) => reflector.passNow())), signal);
      signal.throwIfAborted();
    },
    syncedRV: (resource) => shelfOf(resource).store.syncedRV(),
    era: () => era,
    onEra: (callback) => {
      eraCallbacks.add(callback);
      return () => eraCallbacks.delete(callback);
    },
    untracked: (resource) => projectionOf(resource).untracked,
    ages,
  };
}

async function start(
  options: CacheOptions,
  shelves: ReadonlyMap<Resource, Shelf>,
  ages: () => ReadonlyMap<Resource, number>,
  signal: AbortSignal,
): Promise<void> {
  const reflectors = [...shelves.values()].map(({ reflector }) => reflector);
  const unsubscribe = options.identities.onRenewal(({ identity }) => {
    for (const reflector of reflectors) if (reflector.plan.identity === identity) reflector.renew();
  });
  signal.addEventListener('abort', unsubscribe, { once: true });
  for (const reflector of reflectors) void reflector.run(signal);
  report(options, shelves, ages, signal);
  await untilAborted(Promise.all(reflectors.map((reflector) => reflector.settled())), signal);
}

function createShelf(
  options: CacheOptions,
  plan: CachePlan,
  startEra: (why: string, resource: Resource) => void,
): Shelf {
  const { log } = options;
  const { resource } = plan;
  const onBug = (error: unknown): void =>
    log.error('announcing a change: a listener threw', { resource, error: error instanceof Error ? error.name : '' });
  const store = createStore(resource, onBug);
  const decoder = createDecoder(resource, projectionOf(resource));
  const reflector = createReflector({
    ...options,
    plan,
    store,
    decoder,
    random: options.random ?? Math.random,
    onBack: (why) => startEra(why, resource),
  });
  const name = /^metadata\.name=(.+)$/.exec(plan.fieldSelector ?? '')?.[1];
  return { store, decoder, reflector, scope: name === undefined ? undefined : { name } };
}

function barrierOf(shelf: Shelf, absorbed: Absorbed): Barrier | undefined {
  const { store } = shelf;
  switch (absorbed.kind) {
    case 'visible':
      return undefined;
    case 'at': {
      const barrier = createBarrier(store.resource);
      store.whenSynced(absorbed.rv, barrier.reach);
      return barrier;
    }
    case 'unknown': {
      const { uid } = absorbed;
      return listBarrier(shelf, () => uid !== undefined && store.forget(uid));
    }
  }
}

/** Reached when the store has passed a consistent list that begins after now. */
function listBarrier({ store, reflector }: Shelf, then = (): unknown => undefined): Barrier {
  const barrier = createBarrier(store.resource);
  reflector.passNow().then(
    () => {
      then();
      barrier.reach();
    },
    // The process is stopping: nobody may go on.
    () => undefined,
  );
  return barrier;
}

function createBarrier(resource: Resource): Barrier & { reach(): void } {
  let reached = false;
  const waiting = new Set<() => void>();
  return {
    resource,
    reached: () => reached,
    whenReached: (callback) => {
      if (reached) callback();
      else waiting.add(callback);
      return () => waiting.delete(callback);
    },
    reach: () => {
      reached = true;
      for (const callback of waiting) callback();
      waiting.clear();
    },
  };
}

/** For a resource that no cache holds there is nothing to wait for. */
function reachedBarrier(resource: Resource): Barrier {
  const barrier = createBarrier(resource);
  barrier.reach();
  return barrier;
}

/** Settles as the promise does, and resolves when the signal aborts. */
function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) resolve();
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(onAbort, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function report(
  { clock, meter }: Pick<CacheOptions, 'clock' | 'meter'>,
  shelves: ReadonlyMap<Resource, Shelf>,
  ages: () => ReadonlyMap<Resource, number>,
  signal: AbortSignal,
): void {
  if (signal.aborted) return;
  for (const [resource, { store }] of shelves) meter.set('cache_objects', { resource }, store.size());
  for (const [resource, age] of ages()) meter.set('cache_last_event_age_seconds', { resource }, age);
  clock.after(REPORT_EVERY, () => report({ clock, meter }, shelves, ages, signal));
}
