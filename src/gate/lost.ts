import type { Clock, Ms } from '#core/time.ts';

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
