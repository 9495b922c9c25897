import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createQueue, delayOf } from '../../src/queue/queue.ts';

const backoff = { base: 5, max: 1_000_000 };
const keys = fc.constantFrom('a/x', 'a/y', 'b/x', '__proto__/constructor', 'c/valueOf', 'node');
const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), key: keys }),
  fc.record({ kind: fc.constant('later' as const), key: keys, delay: fc.integer({ min: 0, max: 50 }) }),
  fc.record({ kind: fc.constant('retry' as const), key: keys }),
  fc.record({ kind: fc.constant('take' as const) }),
  fc.record({ kind: fc.constant('done' as const), nth: fc.nat(5) }),
  fc.record({ kind: fc.constant('pass' as const), by: fc.integer({ min: 1, max: 60 }) }),
);

describe('work queue', () => {
  test('never has one key out twice, and every add is followed by a run that starts after it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const clock = fakeClock();
        const queue = createQueue({ name: 'q', backoff, clock, meter: recordingTelemetry().meter, onReady: () => {} });
        const out: string[] = [];
        const owed = new Set<string>();
        const take = (): void => {
          const key = queue.take();
          if (key === undefined) return;
          expect(out).not.toContain(key);
          out.push(key);
          owed.delete(key);
        };
        for (const one of steps) {
          if (one.kind === 'add') queue.add(one.key);
          if (one.kind === 'later') queue.addAfter(one.key, one.delay);
          if (one.kind === 'retry') queue.retry(one.key);
          if (one.kind === 'add' || one.kind === 'later' || one.kind === 'retry') owed.add(one.key);
          if (one.kind === 'take') take();
          if (one.kind === 'pass') clock.advance(one.by);
          const finished = one.kind === 'done' ? out.splice(one.nth % Math.max(1, out.length), 1)[0] : undefined;
          if (finished !== undefined) queue.done(finished);
        }
        // Whatever is owed comes out once everything is finished and every delay has passed.
        for (let round = 0; round < 50; round++) {
          for (const key of out.splice(0)) queue.done(key);
          clock.advance(2_000_000);
          for (let more = queue.depth(); more > 0; more--) take();
        }
        expect([...owed]).toEqual([]);
        for (const key of out.splice(0)) queue.done(key);
        expect(queue.idle()).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('a namespace that floods delays another by one key at most', () => {
    const queue = createQueue({
      name: 'q',
      backoff,
      clock: fakeClock(),
      meter: recordingTelemetry().meter,
      onReady: () => {},
    });
    for (let n = 0; n < 1000; n++) queue.add(`hostile/${n}`);
    queue.add('victim/one');
    const first = [queue.take(), queue.take()];
    expect(first).toContain('victim/one');
  });

  test('back-off doubles from its base to its maximum, and a success starts it afresh', () => {
    expect([0, 1, 2, 10, 60, 600].map((failures) => delayOf(backoff, failures))).toEqual([
      5, 10, 20, 5120, 1_000_000, 1_000_000,
    ]);
    const clock = fakeClock();
    const queue = createQueue({ name: 'q', backoff, clock, meter: recordingTelemetry().meter, onReady: () => {} });
    const waits = (delay: number): boolean => {
      queue.retry('a/x');
      clock.advance(delay - 1);
      const early = queue.take();
      clock.advance(1);
      const key = queue.take();
      if (key !== undefined) queue.done(key);
      return early === undefined && key === 'a/x';
    };
    expect([waits(5), waits(10), waits(20)]).toEqual([true, true, true]);
    queue.forget('a/x');
    expect(waits(5)).toBe(true);
  });

  test('a storm of events in bad times costs no more than as long again', () => {
    const clock = fakeClock();
    const queue = createQueue({ name: 'q', backoff, clock, meter: recordingTelemetry().meter, onReady: () => {} });
    const run = (): boolean => {
      const key = queue.take();
      if (key === undefined) return false;
      queue.retry(key);
      queue.done(key);
      return true;
    };
    const bad = 1000;
    for (let at = 0; at < bad; at += 2) {
      queue.add('a/x');
      run();
      clock.advance(2);
    }
    let waited = 0;
    for (; queue.take() === undefined && waited < 10_000; waited += 10) clock.advance(10);
    expect(waited).toBeLessThanOrEqual(2 * bad);
  });

  test('loops that share their busy keys never run the same key at once', () => {
    const busy = new Set<string>();
    const clock = fakeClock();
    const make = (name: string) =>
      createQueue({ name, backoff, clock, meter: recordingTelemetry().meter, onReady: () => {}, busy });
    const [one, two] = [make('one'), make('two')];
    one.add('a/x');
    two.add('a/x');
    expect(one.take()).toBe('a/x');
    expect(two.take()).toBeUndefined();
    one.done('a/x');
    expect(two.take()).toBe('a/x');
  });
});
