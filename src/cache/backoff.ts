import type { Clock, Ms } from '#core/time.ts';

/**
 * As client-go's reflector 800 ms, doubling, jittered, and afresh after two quiet minutes. But to 10 s, not to 30: that is
 * for thousands of clients, and we are a few, which shall not be deaf for half a minute after the second short break.
 */
const FIRST: Ms = 800;
const LARGEST: Ms = 10_000;
const FORGET: Ms = 120_000;
/** The end of what stood for so long is not one more failure after those before it. */
const GOOD: Ms = 5_000;

export interface Backoff {
  /** The next delay; `atLeast` is what the API server asked for. */
  next(atLeast?: Ms): Ms;
  /** How long what was tried stood before it ended: after a good while the next delay is the first one again. */
  stood(time: Ms): void;
}

export function createBackoff(clock: Clock, random: () => number): Backoff {
  let delay = FIRST;
  let last = Number.NEGATIVE_INFINITY;
  return {
    next(atLeast = 0) {
      const now = clock.now().mono;
      if (now - last > FORGET) delay = FIRST;
      last = now;
      const jittered = Math.min(delay * (1 + random()), LARGEST);
      delay = Math.min(delay * 2, LARGEST);
      return Math.max(jittered, atLeast);
    },
    stood(time) {
      if (time >= GOOD) delay = FIRST;
    },
  };
}

/** Resolves after `delay`, or at once when the signal aborts. */
export function pause(clock: Clock, delay: Ms, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delay, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
