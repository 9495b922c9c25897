import type { Suspicion } from '#api/suspicion.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Reflector } from './reflector.ts';

/** Between one handshake and the next: the lease is renewed over the same network. */
const APART: Ms = 50;
/** An API server that is merely slow is not asked for its watches again and again. */
const AGAIN: Ms = 10_000;

/**
 * Opens watches anew, each before the old one is ended, when an answer is late: their connections may be as dead, and
 * they deaf. Left alone are those that showed life in the second half of that wait; the first half may have been before
 * the connections died. Returns how to stop.
 */
export function reviveWatches(suspicion: Suspicion, reflectors: () => readonly Reflector[], clock: Clock): () => void {
  let last = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  const revive = (quietSince: Ms): void => {
    cancel = undefined;
    last = clock.now().mono;
    const quiet = reflectors().filter((reflector) => reflector.aliveAt() <= quietSince);
    for (const [index, reflector] of quiet.entries()) clock.after(index * APART, () => reflector.renew());
  };
  const leave = suspicion.onRaised(({ since }) => {
    const { mono } = clock.now();
    // Too soon after the one before: later, but not never.
    cancel?.();
    cancel = clock.after(Math.max(0, last + AGAIN - mono), () => revive((since + mono) / 2));
  });
  return () => {
    leave();
    cancel?.();
  };
}
