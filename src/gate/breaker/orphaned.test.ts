import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { garbageCollector } from '#controllers/cluster/garbage-collector.ts';
import { nothing, type Plan } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { holdOf, kindsOf, leave, NAMESPACE, notes, remove, type Seen, seen } from '#kit/breaker.ts';
import { planOf, workFor } from '#kit/gate.ts';

const GONE = { resource: 'apps/deployments', namespace: 'a', name: 'gone', uid: 'u-gone' } as const;

type Owner = NonNullable<Plan['blast']>['root'];

/** As the collector plans: one object goes, of sixty whose owner is not there. */
async function collect(held: Seen, at: number, root: Owner = GONE): Promise<void> {
  const plan: Plan = { ...planOf([remove(at)]), blast: { root, evidence: 'absent', total: 60 } };
  const { outcomes } = await held.bench.gate.execute(workOf(held, at), plan);
  expect(outcomes.flat().map(({ kind }) => kind)).toEqual(['held']);
}

const workOf = ({ bench }: Seen, at: number) => ({
  ...workFor(garbageCollector, undefined, bench.parts),
  key: `a/u-${at}`,
});

/** It has an owner again, or is gone: it was looked at, and there is nothing to do. */
const content = (held: Seen, at: number) => held.bench.gate.execute(workOf(held, at), nothing('nothing-to-do'));

/** It sweeps by the clock of the bench. */
const minutes = async ({ bench }: Seen, count: number): Promise<void> => {
  for (let step = 0; step < count * 6; step++) {
    bench.clock.advance(10_000);
    await setImmediate();
  }
};

/** Held, with that many keys waiting. */
async function holding(count: number, root?: Owner): Promise<Seen> {
  const held = seen();
  await held.bench.breaker.store.open();
  for (let at = 0; at < count; at++) await collect(held, at, root);
  expect(notes(held.bench, 'breaker-trip')).toHaveLength(1);
  return held;
}

const holdsOf = ({ bench }: Seen) => bench.breaker.store.books?.holds() ?? [];

describe('a hold of an owner that was gone already', () => {
  test('names what else waits, and how many keys do', async () => {
    const held = await holding(3);
    expect(holdsOf(held)[0]?.sample).toEqual(['core/pods a/web-0', 'core/pods a/web-1', 'core/pods a/web-2']);
    expect(held.bench.breaker.desk.waiting(holdOf(held.bench))).toBe(3);
  });

  test('stands as long as somebody asks for it, and asks some of them every ten minutes', async () => {
    const held = await holding(60);
    await minutes(held, 9);
    expect(held.woken).toEqual([]);
    await minutes(held, 1);
    expect(held.woken).toHaveLength(20);
    await collect(held, 7);
    await minutes(held, 9);
    expect(held.woken).toHaveLength(20);
    expect(holdsOf(held)).toHaveLength(1);
  });

  test('ends once all were asked and none wishes it any more, also a rejected one', async () => {
    const held = await holding(60);
    await held.bench.breaker.desk.reject(holdOf(held.bench), 'eve', 'no');
    await minutes(held, 11);
    expect(held.woken).toHaveLength(60);
    for (let at = 0; at < 60; at++) await content(held, at);
    expect(holdsOf(held)).toHaveLength(1);
    await minutes(held, 1);
    expect(notes(held.bench, 'breaker-void')).toMatchObject([{ why: 'nothing asks for it any more' }]);
  });

  test.each([
    ['is not decided yet', { ...nothing('incomplete'), requeueAfter: 1000 }],
    ['would write something, whatever becomes of that', planOf([remove(59)])],
  ])('stands where one that was asked %s', async (_, plan) => {
    const held = await holding(60);
    await minutes(held, 11);
    for (let at = 0; at < 59; at++) await content(held, at);
    await held.bench.gate.execute({ ...workOf(held, 59) }, plan);
    await minutes(held, 40);
    expect(holdsOf(held)).toHaveLength(1);
    // It was asked again and again, and nobody else.
    expect(new Set(held.woken.slice(60))).toEqual(new Set([held.woken.find((one) => one.endsWith('|a/u-59'))]));
  });

  test('stands, rejected as it is, while a wider hold answers for it and nobody can ask', async () => {
    const held = await holding(3);
    await held.bench.breaker.desk.reject(holdOf(held.bench), 'eve', 'no');
    await held.bench.breaker.desk.holdAll('history-went-back');
    await minutes(held, 120);
    expect(holdsOf(held)).toMatchObject([{ state: 'rejected' }, { scope: 'cluster' }]);
    expect(held.woken).toEqual([]);
  });

  test.each(['open', 'rejected'] as const)(
    'stands after a restart, %s, as long as nobody is heard of',
    async (state) => {
      const first = await holding(5);
      if (state === 'rejected') await first.bench.breaker.desk.reject(holdOf(first.bench), 'eve', 'no');
      await first.bench.breaker.store.save();
      const next = seen({}, 'follow');
      next.bench.world.kept = first.bench.world.kept;
      next.lead();
      await minutes(next, 180);
      expect(holdsOf(next)).toMatchObject([{ state }]);
    },
  );

  test('stands when a namespace goes in which only some of it lies', async () => {
    const held = await holding(1, { resource: 'core/nodes', name: 'n' });
    held.bench.world.objects = held.bench.world.objects.filter((one) => one !== NAMESPACE);
    await held.bench.breaker.desk.sweep();
    expect(holdsOf(held)).toHaveLength(1);
  });

  test('ends with the namespace of what waits', async () => {
    const held = await holding(1);
    held.bench.world.objects = held.bench.world.objects.filter((one) => one !== NAMESPACE);
    await held.bench.breaker.desk.sweep();
    expect(notes(held.bench, 'breaker-void')).toMatchObject([{ why: 'the namespace is gone' }]);
  });

  test('ends when an owner that is known by its name is there again', async () => {
    const held = await holding(1, { resource: 'core/nodes', name: 'n' });
    const node: ApiObject = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', uid: 'u-n', resourceVersion: '9' },
    };
    held.bench.world.objects = [...held.bench.world.objects, node];
    await held.bench.breaker.desk.sweep();
    expect(notes(held.bench, 'breaker-void')).toMatchObject([{ why: 'the owner is there again' }]);
  });
});

describe('a hold that is about no object with a uid', () => {
  test('is told of with the name there is', async () => {
    const held = await holding(1, { resource: 'core/nodes', name: 'n' });
    expect(held.events).toMatchObject([{ reason: 'BreakerTripped', regarding: { resource: 'core/nodes', name: 'n' } }]);
  });

  test('of the whole cluster is told of in its own namespace, and its release as well', async () => {
    const held = seen();
    await held.bench.breaker.desk.holdAll('history-went-back');
    await held.bench.breaker.desk.release(holdOf(held.bench), 'looked', leave);
    const regarding = { resource: 'core/namespaces', name: 'comptroller-system' };
    expect(held.events).toMatchObject([
      { reason: 'BreakerTripped', regarding },
      { reason: 'BreakerReleased', regarding, message: expect.not.stringContaining('up to 0') },
    ]);
  });
});

test('I11: a hold whose owner is there is asked again by nothing but its end', async () => {
  const held = seen();
  expect(kindsOf(await held.run(planOf(...Array.from({ length: 55 }, (_, at) => [remove(at)]))))).toEqual([
    'GATE_HELD',
  ]);
  await minutes(held, 30);
  expect(held.woken).toEqual([]);
  await held.run(nothing('in-order'), 3);
  await minutes(held, 1);
  expect(held.woken).toHaveLength(1);
});
