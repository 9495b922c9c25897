import type { Clock, Ms } from '#core/time.ts';

/**
 * Connections that look open may be dead: a router or load balancer that forgot them tells nobody, and HTTP/1.1 has no
 * ping. An answer that did not come in time is the first sign of it, long before a watch is missed.
 */
export interface Suspicion {
  /** An answer did not come in time. */
  raise(): void;
  /** Calls back when connections of before are not to be relied on any more. Returns the canceller. */
  onRaised(callback: () => void): () => void;
}

/** An API server that is merely slow must not be asked for every connection anew with each answer that is late. */
const AGAIN: Ms = 15_000;

export function createSuspicion(clock: Clock): Suspicion {
  const callbacks = new Set<() => void>();
  let last = Number.NEGATIVE_INFINITY;
  return {
    raise() {
      const { mono } = clock.now();
      if (mono - last < AGAIN) return;
      last = mono;
      for (const callback of callbacks) callback();
    },
    onRaised(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
  };
}
