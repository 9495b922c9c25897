import fc from 'fast-check';
import { expect, test } from 'vitest';
import { controllerOf } from '#core/owner.ts';
import { isActive } from '#core/pod.ts';
import { createWorld, type Drawn, type World } from './replicaset-world.ts';

const nth = fc.nat({ max: 7 });
const fates = fc.array(
  fc.constantFrom<Drawn>(
    ...(['applied', 'applied', 'applied', 'applied', 'denied', 'failed', 'conflict'] as const),
    ...(['terminating', 'paced', 'lost-done', 'lost-undone'] as const),
  ),
  { maxLength: 6 },
);
const step: fc.Arbitrary<(world: World) => void> = fc.oneof(
  { weight: 6, arbitrary: fates.map((drawn) => named(`run ${drawn}`, (world) => void world.run(drawn))) },
  { weight: 3, arbitrary: fc.nat({ max: 5 }).map((n) => named(`deliver ${n}`, (world) => world.deliver(n))) },
  { weight: 2, arbitrary: fc.nat({ max: 6 }).map((n) => named(`scale ${n}`, (world) => world.scale(n))) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(nth, fc.constantFrom('ready', 'unready', 'fail', 'remove'))
      .map(([n, what]) => named(`kubelet ${n} ${what}`, (world) => world.kubelet(n, what))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(nth, fc.constantFrom('delete', 'relabel', 'orphan', 'alike'))
      .map(([n, what]) => named(`user ${n} ${what}`, (world) => world.user(n, what))),
  },
  { weight: 1, arbitrary: fc.constantFrom(1000, 60_000).map((by) => named(`tick ${by}`, (world) => world.tick(by))) },
  { weight: 1, arbitrary: fc.constant(named('failover', (world) => world.failover())) },
);
const steps = fc.array(step, { maxLength: 40 });
const patience = fc.constantFrom(0, 30);

/** So that a counterexample reads as a story. */
function named(name: string, act: (world: World) => void): (world: World) => void {
  return Object.assign(act, { [fc.toStringMethod]: () => name });
}

test('whatever happens, in the end there are exactly the wished pods, and the status says so', () => {
  fc.assert(
    fc.property(patience, steps, (minReadySeconds, story) => {
      const world = createWorld(minReadySeconds);
      for (const act of story) act(world);
      world.heal();

      const web = world.replicaSet();
      const wished = web.spec.replicas ?? 1;
      expect(world.countable()).toBe(wished);
      expect(web.status).toMatchObject({ replicas: wished, readyReplicas: wished, availableReplicas: wished });
      expect([web.status?.terminatingReplicas, web.status?.observedGeneration]).toEqual([0, web.metadata?.generation]);
      expect(web.status?.conditions ?? []).toEqual([]);
      expect(world.foreignUntouched()).toBe(true);
      // Every orphan of ours found its owner, every stray lost it.
      const active = world.pods().filter(isActive);
      for (const one of active.filter(({ metadata }) => metadata?.labels?.app === 'web')) {
        expect(controllerOf(one)).toBeDefined();
      }
      for (const one of active.filter(({ metadata }) => metadata?.labels?.app === 'gone')) {
        expect(controllerOf(one)).toBeUndefined();
      }
    }),
    { numRuns: 3000 },
  );
});

test('refused for good, it does not run in circles: it asks to run on only while that changes something', () => {
  const refusals = fc.constantFrom<Drawn>('denied', 'failed', 'conflict', 'terminating', 'paced', 'lost-undone');
  fc.assert(
    fc.property(steps, refusals, fc.array(fc.nat({ max: 3 }), { maxLength: 3 }), (story, refusal, later) => {
      const world = createWorld(0);
      for (const act of story) act(world);
      for (const orphans of later) {
        for (let n = 0; n < orphans; n++) world.user(0, 'orphan');
        world.deliver(Number.POSITIVE_INFINITY);
        let runs = 0;
        while (world.run([refusal]).again) expect(runs++).toBeLessThan(3);
      }
    }),
    { numRuns: 1000 },
  );
});

test('once it is being deleted it only counts', () => {
  fc.assert(
    fc.property(steps, steps, (before, after) => {
      const world = createWorld(0);
      for (const act of before) act(world);
      world.leave();
      world.deliver(Number.POSITIVE_INFINITY);
      // The world itself checks that no write but the status is done from here on.
      for (const act of after) act(world);
      world.run([]);
    }),
    { numRuns: 500 },
  );
});
