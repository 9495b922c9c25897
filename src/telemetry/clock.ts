import type { Clock, Ms } from '#core/time.ts';

/** What a timer can hold: more would fire at once. Who waits longer looks again when it fires. */
const LONGEST: Ms = 2 ** 31 - 1;

/** The machine's clocks. Timers are unreferenced: a pending one never keeps the process alive. */
export const systemClock: Clock = {
  now: () => ({ wall: Date.now(), mono: performance.now() }),
  after(delay, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delay), LONGEST));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export interface JumpWatch {
  readonly clock: Clock;
  /** How often to compare the two clocks. */
  readonly every: Ms;
  /** How far they may drift apart in that time: more is a jump. */
  readonly bound: Ms;
  /** `by` is positive when the wall clock went ahead of the monotonic one. */
  readonly onJump: (by: Ms) => void;
}

/** Reports when the wall clock was set, or the machine slept (the monotonic clock stands still then). Returns the stopper. */
export function watchClockJumps({ clock, every, bound, onJump }: JumpWatch): () => void {
  let last = clock.now();
  let stop = clock.after(every, look);
  function look(): void {
    const now = clock.now();
    const by = now.wall - last.wall - (now.mono - last.mono);
    last = now;
    if (Math.abs(by) > bound) onJump(by);
    stop = clock.after(every, look);
  }
  return () => stop();
}
