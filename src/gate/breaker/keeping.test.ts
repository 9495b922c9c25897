import { describe, expect, test } from 'vitest';
import { type FakeClock, fakeClock } from '#kit/fake-clock.ts';
import { DEFAULT_LIMITS } from '#kit/gate.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import type { Written } from './request.ts';
import { Store } from './store.ts';

const KEPT: Written = { kind: 'kept', version: { uid: 'u', resourceVersion: '1' } };

interface Bench {
  readonly store: Store;
  readonly clock: FakeClock;
  /** When each write began. */
  readonly writes: number[];
  answer: () => Promise<Written>;
}

async function opened(pace = 0): Promise<Bench> {
  const clock = fakeClock();
  const writes: number[] = [];
  const bench = { clock, writes, answer: async () => KEPT };
  const write = async (): Promise<Written> => {
    writes.push(clock.now().mono);
    return bench.answer();
  };
  const read = async () => ({ kind: 'absent' }) as const;
  const store = new Store({ ...recordingTelemetry(), limits: DEFAULT_LIMITS, clock, read, write, pace });
  await store.open();
  return Object.assign(bench, { store });
}

describe('what cannot be kept', () => {
  test('is told after a while, until it is kept', async () => {
    const bench = await opened();
    const { store, clock } = bench;
    bench.answer = async () => ({ kind: 'failed' });
    store.touch();
    clock.advance(14_000);
    expect([await store.save(), store.failing()]).toEqual([false, undefined]);
    clock.advance(1_000);
    expect([store.late(), store.failing()]).toEqual([true, 'the state cannot be kept']);
    bench.answer = async () => KEPT;
    expect([await store.save(), store.failing()]).toEqual([true, undefined]);
    clock.advance(60_000);
    expect(store.failing()).toBeUndefined();
  });

  test('by a writer that throws is not kept, and ends nothing', async () => {
    const bench = await opened();
    bench.answer = async () => {
      throw new TypeError('sending to nobody');
    };
    bench.store.touch();
    expect(await bench.store.save()).toBe(false);
    bench.answer = async () => KEPT;
    expect(await bench.store.save()).toBe(true);
  });

  test('because it does not fit is not kept, and ends nothing', async () => {
    const { store, writes } = await opened();
    const by = 'x'.repeat(1000);
    for (let at = 0; at < 600; at++) {
      const root = { id: `r${at}`, present: true };
      store.books?.ask({ controller: 'c', root, loss: 55, evidence: 'absent', writes: 1, sample: [] }, 0);
      for (const { id } of store.books?.holds() ?? []) store.books?.release(id, { by, expiry: 1e9 }, 0);
    }
    const before = writes.length;
    store.touch();
    expect(await store.save()).toBe(false);
    expect(writes).toHaveLength(before);
  });
});

test('changes of a moment go out together: there is a pace', async () => {
  const { store, clock, writes } = await opened(250);
  const settle = async (by: number): Promise<void> => {
    clock.advance(by);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  for (let at = 0; at < 100; at++) {
    store.touch();
    void store.save();
    await settle(10);
  }
  await settle(500);
  expect(writes.length).toBeGreaterThanOrEqual(4);
  expect(writes.length).toBeLessThanOrEqual(7);
  store.touch();
  const kept = store.save();
  await settle(250);
  expect(await kept).toBe(true);
});
