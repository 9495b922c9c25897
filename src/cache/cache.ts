import type { Resource } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { absorb } from './absorb.ts';
import type { CacheOptions } from './options.ts';
import type { Cache } from './port.ts';
import { projectionOf } from './projections.ts';
import { reviveWatches } from './revive.ts';
import { barrierOf, createShelf, listBarrier, reachedBarrier, type Shelf } from './shelf.ts';
import { createTracked } from './tracked.ts';
import { createView } from './view.ts';

const REPORT_EVERY: Ms = 10_000;

export function createCache(options: CacheOptions): Cache {
  const { clock, log } = options;
  let era = 0;
  const eraCallbacks = new Set<(why: string, resource: Resource) => void>();
  const shelves = new Map<Resource, Shelf>();

  const startEra = (why: string, resource: Resource): void => {
    era++;
    log.error('reading an older history: starting a new era', { resource, why, era });
    for (const { reflector } of [...shelves.values(), ...tracked.own()]) reflector.startEra();
    tracked.doubt();
    for (const callback of eraCallbacks) callback(why, resource);
  };
  for (const plan of options.resources) shelves.set(plan.resource, createShelf(options, plan, startEra));
  const tracked = createTracked(options, shelves, { start: startEra, count: () => era });
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
    start: (signal) => {
      tracked.start(signal);
      return start(options, shelves, tracked.own, ages, signal);
    },
    tracked,
    view: (listed) => createView(stores, listed),
    subscribe: (resource, listener) => shelfOf(resource).store.subscribe(listener),
    absorb: (resource, verb, answer, at) => {
      const beside = tracked.shelf(resource);
      if (beside !== undefined) absorb(beside.store, beside.decoder, beside.scope, verb, answer, at);
      const shelf = shelves.get(resource);
      if (shelf === undefined) return undefined;
      return barrierOf(shelf, absorb(shelf.store, shelf.decoder, shelf.scope, verb, answer, at));
    },
    uncertain: (resource) => {
      const shelf = shelves.get(resource);
      return shelf === undefined ? reachedBarrier(resource) : listBarrier(shelf);
    },
    catchUp: async (signal) => {
      tracked.doubt();
      await untilAborted(Promise.all([...shelves.values()].map(({ reflector }) => reflector.passNow())), signal);
      signal.throwIfAborted();
    },
    syncedRV: (resource) => shelves.get(resource)?.store.syncedRV() ?? '',
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
  beside: () => readonly Shelf[],
  ages: () => ReadonlyMap<Resource, number>,
  signal: AbortSignal,
): Promise<void> {
  const reflectors = [...shelves.values()].map(({ reflector }) => reflector);
  const all = () => [...reflectors, ...beside().map(({ reflector }) => reflector)];
  const unsubscribe = options.identities.onRenewal(({ identity }) => {
    for (const reflector of all()) if (reflector.plan.identity === identity) reflector.renew();
  });
  const unsuspect = options.suspicion && reviveWatches(options.suspicion, all, options.clock);
  signal.addEventListener('abort', unsubscribe, { once: true });
  if (unsuspect !== undefined) signal.addEventListener('abort', unsuspect, { once: true });
  for (const reflector of reflectors) void reflector.run(signal);
  report(options, shelves, ages, signal);
  await untilAborted(Promise.all(reflectors.map((reflector) => reflector.settled())), signal);
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
