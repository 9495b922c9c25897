import type { Clock, Ms, Now } from '#core/time.ts';

/** A clock that only `advance` moves; wall and monotonic time go together unless `jump` parts them. */
export interface FakeClock extends Clock {
  advance(by: Ms): void;
  /** Moves the wall clock alone. */
  jump(by: Ms): void;
}

export function fakeClock(startWall: Ms = Date.UTC(2026, 0, 1)): FakeClock {
  let mono = 0;
  let offset = startWall;
  let timers: { at: Ms; callback: () => void }[] = [];
  const now = (): Now => ({ wall: mono + offset, mono });
  return {
    now,
    after(delay, callback) {
      const timer = { at: mono + delay, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(by) {
      const end = mono + by;
      for (;;) {
        const due = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        mono = Math.max(mono, due.at);
        due.callback();
      }
      mono = end;
    },
    jump(by) {
      offset += by;
    },
  };
}
