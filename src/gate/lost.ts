import { type Clock, type Ms, seconds } from '#core/time.ts';

/**
 * What a request may lie on the wire before the API server begins to count its time: as much as the fence keeps free at
 * the end of the lease. A connection may break before the request that went through it is begun.
 */
export const ON_THE_WAY: Ms = seconds(1);

/** Writes whose answer was lost and which may still happen: leadership is not given up while there are any (I10). */
export interface LostWrites {
  /** One may happen for that long from now. */
  add(timeout: Ms): void;
  count(): number;
}

export function createLostWrites(clock: Clock): LostWrites {
  let until: Ms[] = [];
  return {
    add: (timeout) => void until.push(clock.now().mono + timeout),
    count() {
      const { mono } = clock.now();
      until = until.filter((end) => end > mono);
      return until.length;
    },
  };
}
