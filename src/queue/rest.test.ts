import { describe, expect, test } from 'vitest';
import type { Outcome } from '#core/plan.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createQueue } from './queue.ts';
import { restFor } from './requeue.ts';

function make() {
  const clock = fakeClock();
  const { meter } = recordingTelemetry();
  const queue = createQueue({ name: 'q', backoff: { base: 5, max: 1000 }, clock, meter, onReady: () => undefined });
  return { clock, queue };
}

describe('a key that has to rest', () => {
  test('is not woken before its time, by whatever and how often, and runs once then', () => {
    const { clock, queue } = make();
    queue.add('a/x');
    expect(queue.take()).toBe('a/x');
    queue.add('a/x');
    queue.rest('a/x', 1000);
    queue.done('a/x');
    for (const wake of [() => queue.add('a/x'), () => queue.addAfter('a/x', 10), () => queue.hasten()]) {
      wake();
      clock.advance(300);
      expect(queue.take()).toBeUndefined();
    }
    clock.advance(99);
    expect(queue.take()).toBeUndefined();
    clock.advance(1);
    expect(queue.take()).toBe('a/x');
    queue.done('a/x');
    clock.advance(60_000);
    expect(queue.take()).toBeUndefined();
    queue.add('a/x');
    expect(queue.take()).toBe('a/x');
  });

  test('rests half a minute at most, and no other key with it', () => {
    const { clock, queue } = make();
    queue.rest('a/x', 600_000);
    queue.add('a/x');
    queue.add('a/y');
    expect(queue.take()).toBe('a/y');
    expect(queue.take()).toBeUndefined();
    clock.advance(30_000);
    expect(queue.take()).toBe('a/x');
  });
});

test.each<{ name: string; outcomes: object[]; rest: number }>([
  { name: 'nothing', outcomes: [], rest: 0 },
  { name: 'a write that was done', outcomes: [{ kind: 'applied' }], rest: 0 },
  { name: 'a 429 without a time', outcomes: [{ kind: 'failed', code: 'API_THROTTLED' }], rest: 0 },
  {
    name: 'several of 429, the longest',
    outcomes: [
      { kind: 'failed', code: 'API_THROTTLED', retryAfter: 1000 },
      { kind: 'applied' },
      { kind: 'failed', code: 'API_THROTTLED', retryAfter: 3000 },
    ],
    rest: 3000,
  },
  // There may be room at any moment, and then its key is woken.
  { name: 'a budget', outcomes: [{ kind: 'exhausted', code: 'GATE_QUOTA_EXHAUSTED', retryAfter: 5000 }], rest: 0 },
])('after $name a key rests $rest ms', ({ outcomes, rest }) => {
  expect(restFor(outcomes as unknown as Outcome[])).toBe(rest);
});
