import type { Suspicion } from '#api/suspicion.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Reflector } from './reflector.ts';

/** Between one handshake and the next: the lease is renewed over the same network. */
const APART: Ms = 25;

/**
 * Opens every watch anew, before it ends the old one, when an answer is late and none of them has shown life since that
 * request was made: then the connections may be dead, and the watches deaf. Any sign of life says that only the answer
 * is slow. Returns how to stop.
 */
export function reviveWatches(suspicion: Suspicion, reflectors: () => readonly Reflector[], clock: Clock): () => void {
  return suspicion.onRaised(({ since }) => {
    const all = reflectors();
    if (all.some((reflector) => reflector.aliveAt() > since)) return;
    for (const [index, reflector] of all.entries()) clock.after(index * APART, () => reflector.renew());
  });
}
