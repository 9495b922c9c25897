import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Drawn } from './controller-world.ts';
import { createWorld, type Strategy, type World } from './deployment-world.ts';

const share = fc.oneof(fc.nat({ max: 4 }), fc.constantFrom('0%', '1%', '10%', '25%', '34%', '50%', '100%'));
const isNone = (value: number | string): boolean => value === 0 || value === '0%';
/** The API server refuses both to be none. */
const bounds = fc
  .record({ maxSurge: share, maxUnavailable: share })
  .filter(({ maxSurge, maxUnavailable }) => !(isNone(maxSurge) && isNone(maxUnavailable)));
const strategy: fc.Arbitrary<Strategy> = fc.oneof(
  { weight: 4, arbitrary: bounds },
  { weight: 1, arbitrary: fc.constant<Strategy>('Recreate') },
);
const replicas = fc.nat({ max: 12 });
const fates = fc.array(
  fc.constantFrom<Drawn>(
    ...(['applied', 'applied', 'applied', 'applied', 'applied', 'applied', 'denied', 'failed', 'conflict'] as const),
    ...(['terminating', 'paced', 'lost-done', 'lost-undone'] as const),
  ),
  { maxLength: 5 },
);
const nth = fc.nat({ max: 19 });
const minReadySeconds = fc.constantFrom(0, 0, 0, 2, 30);

const image = fc.integer({ min: 1, max: 4 });
const wish = fc.record({ replicas, strategy, image, paused: fc.boolean() }, { requiredKeys: [] });

type Act = (world: World) => void;
const act = <T>(
  weight: number,
  name: string,
  drawn: fc.Arbitrary<T>,
  does: (world: World, drawn: T) => void,
): fc.WeightedArbitrary<Act> => ({
  weight,
  // So that a counterexample reads as a story.
  arbitrary: drawn.map((value) =>
    Object.assign((world: World) => does(world, value), {
      [fc.toStringMethod]: () => `${name} ${JSON.stringify(value)}`,
    }),
  ),
});

const step: fc.Arbitrary<Act> = fc.oneof(
  act(8, 'run', fates, (world, drawn) => void world.run(drawn)),
  act(5, 'deliver', fc.nat({ max: 8 }), (world, count) => world.deliver(count)),
  act(14, 'follow', nth, (world, n) => world.follow(n)),
  act(8, 'kubelet', fc.tuple(nth, fc.constantFrom('ready', 'ready', 'unready', 'fail', 'remove')), (world, [n, what]) =>
    world.kubelet(n, what),
  ),
  act(4, 'work', fc.constant(null), (world) => world.work()),
  act(3, 'scale', replicas, (world, to) => world.apply({ replicas: to })),
  act(3, 'image', image, (world, to) => world.apply({ image: to })),
  act(2, 'apply', wish, (world, to) => world.apply(to)),
  act(1, 'rollback', fc.nat({ max: 5 }), (world, to) => world.rollback(to)),
  act(1, 'meddle', fc.tuple(nth, fc.constantFrom('orphan', 'annotations')), (world, [n, what]) =>
    world.meddle(n, what),
  ),
  act(1, 'tick', fc.constantFrom(1000, 60_000, 700_000), (world, by) => world.tick(by)),
  act(1, 'failover', fc.constant(null), (world) => world.failover()),
);
const story = fc.array(step, { maxLength: 60 });

/** Half of the stories begin with a rollout that is over. */
function begin(size: number, first: Strategy, settled: boolean, ready = 0): World {
  const world = createWorld(size, first, ready);
  if (settled) world.heal();
  return world;
}

test('whatever happens no write leaves the bounds, and in the end the wished template runs, and the status says so', () => {
  fc.assert(
    fc.property(replicas, strategy, fc.boolean(), minReadySeconds, story, (size, first, settled, ready, acts) => {
      const world = begin(size, first, settled, ready);
      for (const one of acts) one(world);
      world.heal();

      const web = world.web();
      const wished = web.spec.replicas ?? 1;
      const images = world.sets().filter(({ spec }) => spec.replicas === wished);
      expect(world.sizes().reduce((sum, one) => sum + one, 0)).toBe(wished);
      expect(world.runs()).toEqual(wished === 0 ? [] : [world.wishes()]);
      expect(images.length).toBeGreaterThan(0);

      const { conditions = [], collisionCount: _, ...counts } = web.status ?? {};
      const all = wished === 0 ? {} : { replicas: wished, updatedReplicas: wished, readyReplicas: wished };
      expect(counts).toEqual({
        ...all,
        ...(wished > 0 && { availableReplicas: wished }),
        terminatingReplicas: 0,
        observedGeneration: web.metadata?.generation,
      });
      const told = new Map(conditions.map(({ type, reason }) => [type, reason]));
      expect(Object.fromEntries(told)).toEqual({
        Available: 'MinimumReplicasAvailable',
        Progressing: 'NewReplicaSetAvailable',
      });

      // The newest has the highest revision, which is the Deployment's; the history is as long as wished.
      const revisions = world.revisions();
      const newest = revisions.get(world.wishes()) ?? 0;
      expect(newest).toBe(Math.max(...revisions.values()));
      expect(web.metadata?.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': String(newest) });
      expect(web.metadata?.annotations).not.toHaveProperty(['deprecated.deployment.rollback.to']);
      expect(world.sets().length).toBeLessThanOrEqual(3);
    }),
    { numRuns: 3000 },
  );
}, 240_000);

/** Rollouts alone, close by: most writes take pods away, and people change their minds in the midst of them. */
const close: fc.Arbitrary<Act> = fc.oneof(
  act(6, 'run', fc.constant([]), (world, drawn) => void world.run(drawn)),
  act(6, 'deliver', fc.constantFrom(1, 3, 1000), (world, count) => world.deliver(count)),
  act(6, 'follow', nth, (world, n) => world.follow(n)),
  act(12, 'all go on', fc.constant(null), (world) => world.goOn()),
  act(8, 'come up', fc.constant(null), (world) => world.comeUp()),
  act(2, 'tick', fc.constantFrom(1000, 30_000), (world, by) => world.tick(by)),
  act(1, 'break', nth, (world, n) => world.kubelet(n, 'unready')),
  act(2, 'image', fc.integer({ min: 1, max: 3 }), (world, to) => world.apply({ image: to })),
  act(1, 'rollback', fc.constant(0), (world, to) => world.rollback(to)),
);

test('in the midst of rollouts and of their ends no write takes pods that must stay, whatever statuses still say', () => {
  let judged = 0;
  const drawn = [
    fc.integer({ min: 2, max: 12 }),
    bounds,
    minReadySeconds,
    fc.array(close, { minLength: 40, maxLength: 120, size: 'max' }),
  ] as const;
  fc.assert(
    fc.property(...drawn, (size, first, ready, acts) => {
      const world = begin(size, first, true, ready);
      for (const one of acts) one(world);
      judged += world.judged();
    }),
    { numRuns: 3000 },
  );
  // A world in which nothing is ever taken away would hold to anything.
  expect(judged).toBeGreaterThan(3000);
}, 240_000);

test('refused for good, it does not run in circles: it asks to run on only while that changes something', () => {
  const refusals = fc.constantFrom<Drawn>('denied', 'failed', 'conflict', 'terminating', 'paced', 'lost-undone');
  fc.assert(
    fc.property(replicas, strategy, story, refusals, (size, first, acts, refusal) => {
      const world = begin(size, first, true);
      for (const one of acts) one(world);
      world.deliver(Number.POSITIVE_INFINITY);
      let runs = 0;
      while (world.run([refusal]).again) expect(runs++).toBeLessThan(3);
    }),
    { numRuns: 500 },
  );
});

test('once it is being deleted it only counts', () => {
  fc.assert(
    fc.property(replicas, strategy, story, story, (size, first, before, after) => {
      const world = begin(size, first, true);
      for (const one of before) one(world);
      world.leave();
      world.deliver(Number.POSITIVE_INFINITY);
      // The world itself checks that no write but the status is done from here on.
      for (const one of after) one(world);
      world.run([]);
    }),
    { numRuns: 500 },
  );
});
