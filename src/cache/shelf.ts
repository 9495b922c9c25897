import type { Resource } from '#core/resource.ts';
import type { Absorbed, Scope } from './absorb.ts';
import { createDecoder, type Decoder } from './decode.ts';
import type { CacheOptions } from './options.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Barrier } from './port.ts';
import { projectionFor } from './projections.ts';
import { createReflector, type Reflector } from './reflector.ts';
import { createStore, type Store } from './store.ts';

/** One resource of the cache. */
export interface Shelf {
  readonly store: Store;
  readonly decoder: Decoder;
  readonly reflector: Reflector;
  readonly scope: Scope;
}

export function createShelf(
  options: CacheOptions,
  plan: CachePlan,
  onBack: (why: string, resource: Resource) => void | Promise<void>,
): Shelf {
  const { log } = options;
  const { resource } = plan;
  const onBug = (error: unknown): void =>
    log.error('announcing a change: a listener threw', { resource, error: error instanceof Error ? error.name : '' });
  const store = createStore(resource, onBug);
  const decoder = createDecoder(resource, projectionFor(plan));
  const reflector = createReflector({
    ...options,
    plan,
    store,
    decoder,
    random: options.random ?? Math.random,
    onBack: (why) => onBack(why, resource),
  });
  const name = /^metadata\.name=(.+)$/.exec(plan.fieldSelector ?? '')?.[1];
  return { store, decoder, reflector, scope: name === undefined ? undefined : { name } };
}

/** What must be waited for after an own write's answer; undefined when it is seen already. */
export function barrierOf(shelf: Shelf, absorbed: Absorbed): Barrier | undefined {
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
export function listBarrier({ store, reflector }: Shelf, then = (): unknown => undefined): Barrier {
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
export function reachedBarrier(resource: Resource): Barrier {
  const barrier = createBarrier(resource);
  barrier.reach();
  return barrier;
}
