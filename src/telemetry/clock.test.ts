import { expect, test } from 'vitest';
import type { Now } from '#core/time.ts';
import { systemClock, watchClockJumps } from './clock.ts';

test('a jump is what the wall clock does beyond the monotonic one', () => {
  const now = { wall: 1000, mono: 0 };
  let tick = (): void => {};
  const jumps: number[] = [];
  const clock = {
    now: (): Now => ({ ...now }),
    after: (_delay: number, run: () => void) => {
      tick = run;
      return () => {
        tick = () => {};
      };
    },
  };
  const stop = watchClockJumps({ clock, every: 1000, bound: 500, onJump: (by) => jumps.push(by) });
  const step = (wall: number, mono: number): void => {
    now.wall += wall;
    now.mono += mono;
    tick();
  };
  step(1000, 1000);
  step(1400, 1000);
  step(61_000, 1000);
  step(-3_599_000, 1000);
  step(30_000, 30_000);
  expect(jumps).toEqual([60_000, -3_600_000]);
  stop();
  step(99_000, 0);
  expect(jumps).toHaveLength(2);
});

test('the system clock goes forward and its timers can be cancelled', async () => {
  const { mono } = systemClock.now();
  const cancel = systemClock.after(0, () => expect.unreachable());
  cancel();
  await new Promise<void>((resolve) => {
    const keepAlive = setTimeout(() => {}, 10_000);
    systemClock.after(1, () => {
      clearTimeout(keepAlive);
      resolve();
    });
  });
  expect(systemClock.now().mono).toBeGreaterThan(mono);
});
