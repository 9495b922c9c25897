import type { Clock, Ms } from '#core/time.ts';

/** An answer did not come in time. */
export interface Late {
  readonly identity: string;
  /** Monotonic time at which the request was made. */
  readonly since: Ms;
}

/**
 * Connections that look open may be dead: a router or load balancer that forgot them tells nobody, and HTTP/1.1 has no
 * ping. An answer that does not come in time is the first sign of it, long before a watch is missed.
 */
export interface Suspicion {
  raise(late: Late): void;
  /** Calls back when connections of before are not to be relied on any more. Returns the canceller. */
  onRaised(callback: (late: Late) => void): () => void;
}

/** An API server that is merely slow must not be asked for connections anew with each answer that is late. */
const AGAIN: Ms = 5_000;

export function createSuspicion(clock: Clock): Suspicion {
  const callbacks = new Set<(late: Late) => void>();
  const last = new Map<string, Ms>();
  return {
    raise(late) {
      const { mono } = clock.now();
      if (mono - (last.get(late.identity) ?? Number.NEGATIVE_INFINITY) < AGAIN) return;
      last.set(late.identity, mono);
      for (const callback of callbacks) callback(late);
    },
    onRaised(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
  };
}
