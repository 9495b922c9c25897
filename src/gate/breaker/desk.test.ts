import { describe, expect, test } from 'vitest';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import { nothing } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { deleted, holdOf, kindsOf, leave, NAMESPACE, notes, pods, removals, seen, web } from '#kit/breaker.ts';
import { planOf, wired } from '#kit/gate.ts';
import { parseState } from './state.ts';

describe('I16: history that went back', () => {
  test('before this process led is held for before its first decision', async () => {
    const { bench, run, lead } = seen({}, 'follow');
    await bench.breaker.desk.holdAll('history-went-back');
    expect(notes(bench, 'breaker-trip')).toEqual([]);
    lead();
    await bench.breaker.desk.holdDue();
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
    expect(notes(bench, 'breaker-trip')).toMatchObject([{ scope: 'cluster', reason: 'history-went-back' }]);
  });

  test('is held for as soon as the books can be read', async () => {
    const { bench, run } = seen({ keeps: 'unreadable' });
    await bench.breaker.desk.holdAll('history-went-back');
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_BREAKER_STATE']);
    bench.world.keeps = 'works';
    bench.clock.advance(3_000);
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
  });

  test('and was seen by the leader of that time as well is not held for twice', async () => {
    const led = seen();
    await led.bench.breaker.desk.holdAll('history-went-back');
    await led.bench.breaker.desk.release(holdOf(led.bench), 'ours', leave);
    const next = seen({}, 'follow');
    await next.bench.breaker.desk.holdAll('history-went-back');
    next.bench.clock.advance(3_600_000);
    next.bench.world.kept = led.bench.world.kept;
    next.lead();
    await next.bench.breaker.desk.holdDue();
    expect(kindsOf(await next.run(planOf(...removals(1))))).toEqual(['applied']);
  });
});

describe('a plan that is older than what stands', () => {
  const stale = async ({ bench }: ReturnType<typeof seen>, blast?: { generation: number }): Promise<void> => {
    const root = { resource: 'apps/replicasets', namespace: 'a', name: 'web', uid: 'u-web' } as const;
    const plan = { ...nothing('in-order'), ...(blast && { blast: { root, evidence: 'absent' as const, ...blast } }) };
    await bench.run(replicaset, web(2), plan);
  };

  test('ends neither hold nor rejection nor grant of the newer wish', async () => {
    const held = seen();
    await held.run(planOf(...removals(55)), 3);
    await stale(held);
    await stale(held, { generation: 2 });
    await held.bench.breaker.desk.reject(holdOf(held.bench), 'eve', 'no');
    await stale(held);
    expect(held.bench.breaker.store.books?.holds()).toMatchObject([{ state: 'rejected' }]);
    await held.bench.breaker.desk.release(holdOf(held.bench), 'why', leave);
    await stale(held, { generation: 2 });
    expect(kindsOf(await held.run(planOf(...removals(55)), 3))).toEqual(['applied']);
  });
});

describe('a plan that is older than the wish of its owner', () => {
  const late = async (count: number): Promise<{ codes: string[]; held: ReturnType<typeof seen> }> => {
    const held = seen({ objects: [NAMESPACE, web(3), ...pods] });
    const { outcomes } = await held.bench.run(replicaset, web(2), planOf(...removals(count)));
    return { held, codes: outcomes.flat().map((outcome) => ('code' in outcome ? outcome.code : outcome.kind)) };
  };

  test('loses nothing where it asks for too much, and is no alarm: the wish that it was made for is over', async () => {
    const { held, codes } = await late(55);
    expect(kindsOf(codes)).toEqual(['GATE_STALE_PLAN']);
    expect(wired(held.bench.happened)).toEqual([]);
    expect(notes(held.bench, 'breaker-trip')).toEqual([]);
    expect(held.bench.breaker.store.books?.holds()).toEqual([]);
    expect(kindsOf(await held.run(planOf(...removals(55)), 3))).toEqual(['GATE_HELD']);
  });

  test('goes on within its limits', async () => {
    expect(kindsOf((await late(5)).codes)).toEqual(['applied']);
  });
});

describe('a root that is changed again and again', () => {
  test('ends its hold at once the first time, and then no more often than the sweep looks', async () => {
    const { bench, run } = seen();
    for (let turn = 0; turn < 20; turn++) {
      await run(planOf(...removals(55)), 10 + turn);
      bench.clock.advance(500);
      await Promise.resolve();
    }
    expect(notes(bench, 'breaker-trip').length).toBeLessThanOrEqual(3);
    bench.clock.advance(10_000);
    await bench.breaker.desk.sweep();
    await run(nothing('in-order'), 99);
    bench.clock.advance(10_000);
    await bench.breaker.desk.sweep();
    expect(bench.breaker.store.books?.holds()).toEqual([]);
  });
});

describe("people's words", () => {
  test('two at once are one after the other: one is done, and on record once', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    const { desk } = bench.breaker;
    const id = holdOf(bench);
    const said = await Promise.all([desk.release(id, 'one', leave), desk.release(id, 'two', leave)]);
    expect(said).toMatchObject([{ ok: true }, { ok: false, why: 'unknown' }]);
    expect(notes(bench, 'breaker-release')).toMatchObject([{ said: 'one' }]);
  });

  test('are told in the namespace without who it was', async () => {
    const { bench, run, events } = seen();
    await run(planOf(...removals(55)));
    await bench.breaker.desk.reject(holdOf(bench), 'ann', 'no');
    await bench.breaker.desk.release(holdOf(bench), 'yes', leave);
    expect(events.map(({ reason }) => reason)).toEqual(['BreakerTripped', 'BreakerRejected', 'BreakerReleased']);
    expect(events.map(({ message }) => message).join()).not.toContain('ann');
  });
});

describe('the state', () => {
  test('that was not kept for too long lets nothing go that it cannot keep', async () => {
    const { bench, run } = seen();
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['applied']);
    bench.world.keeps = 'read-only';
    expect(kindsOf(await run(planOf(...removals(1, 1))))).toEqual(['applied']);
    bench.clock.advance(16_000);
    expect(bench.breaker.store.failing()).toBe('the state cannot be kept');
    expect(kindsOf(await run(planOf(...removals(1, 2))))).toEqual(['GATE_BREAKER_STATE']);
    bench.world.keeps = 'works';
    expect(kindsOf(await run(planOf(...removals(1, 2))))).toEqual(['applied']);
    expect(deleted(bench)).toBe(3);
  });

  test('is kept at the end in order, and nothing keeps it after that', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(10)));
    expect(await bench.breaker.desk.end()).toBe(true);
    const kept = bench.world.kept;
    expect(parseState(kept ?? '')?.accounts).toMatchObject([{ tallies: [{ used: 10 }] }]);
    await run(planOf(...removals(10, 10)));
    bench.clock.advance(60_000);
    expect(bench.world.kept).toBe(kept);
  });
});

describe('I15: a namespace that is held', () => {
  const other: ApiObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'b', resourceVersion: '1' } };

  test('holds what is taken away in it, whatever the cause, and nothing else; it ends with the namespace', async () => {
    const { bench, run } = seen();
    bench.world.objects = [...bench.world.objects, other];
    await bench.breaker.store.open();
    for (let at = 0; at < 21; at++) {
      const root = { id: `r${at}`, present: false };
      const asked = { controller: 'c', root, loss: 55, evidence: 'absent', writes: 1, sample: [] } as const;
      bench.breaker.store.books?.ask({ ...asked, namespace: 'a' }, bench.clock.now().wall);
    }
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
    const elsewhere = removals(1).map((chain) =>
      chain.map((write) => ('ref' in write ? { ...write, ref: { ...write.ref, namespace: 'b' } } : write)),
    );
    expect(kindsOf(await run(planOf(...elsewhere)))).toEqual(['applied']);
    bench.world.objects = bench.world.objects.filter((one) => one !== NAMESPACE);
    bench.clock.advance(10_000);
    await bench.breaker.desk.sweep();
    expect(notes(bench, 'breaker-void')).toMatchObject([{ why: 'the namespace is gone' }]);
  });
});
