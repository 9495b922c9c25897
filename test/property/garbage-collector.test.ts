import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WIDGETS } from './garbage-collector-server.ts';
import { createWorld, type World } from './garbage-collector-world.ts';

type Act = (world: World) => void | Promise<void>;

const nth = fc.nat({ max: 11 });
const drawReference = fc.tuple(nth, fc.nat({ max: 16 }), fc.boolean());
const propagation = fc.constantFrom('Background', 'Foreground', 'Orphan', 'Orphan');

/** So that a counterexample reads as a story. */
function named(name: string, act: Act): Act {
  return Object.assign(act, { [fc.toStringMethod]: () => name });
}

const create = fc
  .tuple(fc.nat({ max: 9 }), fc.array(drawReference, { maxLength: 3 }))
  .map(([kind, references]) =>
    named(`create ${kind} ${JSON.stringify(references)}`, (world) => world.create(kind, references)),
  );

const step: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: create },
  {
    weight: 4,
    arbitrary: fc.tuple(nth, propagation).map(([n, how]) => named(`end ${n} ${how}`, (world) => world.end(n, how))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(nth, fc.option(drawReference, { nil: undefined }))
      .map(([n, to]) => named(`give ${n} ${JSON.stringify(to)}`, (world) => world.give(n, to))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(nth, fc.boolean()).map(([n, on]) => named(`hold ${n} ${on}`, (world) => world.hold(n, on))),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(nth, fc.nat({ max: 4 }))
      .map(([n, count]) => named(`deliver ${n} ${count}`, (world) => world.deliver(world.resource(n), count + 1))),
  },
  { weight: 8, arbitrary: nth.map((n) => named(`start ${n}`, (world) => void world.start(n))) },
  { weight: 16, arbitrary: nth.map((n) => named(`step ${n}`, (world) => world.step(n))) },
  { weight: 2, arbitrary: fc.constant(named('elapse', (world) => world.elapse())) },
  { weight: 1, arbitrary: nth.map((n) => named(`relist ${n}`, (world) => world.relist(world.resource(n)))) },
  { weight: 1, arbitrary: fc.constant(named('restart', (world) => world.restart())) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(3, 4), fc.boolean())
      .map(([n, on]) => named(`serve ${n} ${on}`, (world) => world.serve(world.resource(n), on))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(nth, fc.boolean())
      .map(([n, on]) => named(`down ${n} ${on}`, (world) => world.setDown(world.resource(n), on))),
  },
);

test('nothing goes whose owner lives; in the end what has no owner is gone, and nothing waits in vain', async () => {
  let deletions = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(create, { minLength: 2, maxLength: 6 }),
      fc.array(step, { minLength: 10, maxLength: 60 }),
      async (first, story) => {
        const world = createWorld();
        for (const act of [...first, ...story]) {
          await act(world);
          await world.flush();
        }
        await world.heal();
        expect(world.garbage()).toEqual([]);
        expect(world.stuck()).toEqual([]);
        deletions += world.deletions();
      },
    ),
    { numRuns: 3000 },
  );
  // The stories are worth telling.
  expect(deletions).toBeGreaterThan(1000);
});

describe('a resource that is not served for a while', () => {
  const waiting = async (ends: boolean) => {
    const world = createWorld();
    world.create(1, []);
    world.create(3, [[0, 0, true]]);
    world.deliver('core/configmaps', 9);
    world.deliver(WIDGETS, 9);
    await world.drain();
    world.end(0, 'Foreground');
    world.deliver('core/configmaps', 9);
    world.start(1);
    await world.step(0);
    world.serve(WIDGETS, false);
    await world.drain();
    if (ends) world.end(1, 'Background');
    await world.heal();
    return world;
  };

  test.each([false, true])('keeps nobody waiting who waits for one of it; it ended meanwhile: %s', async (ends) => {
    const world = await waiting(ends);
    expect(world.stuck()).toEqual([]);
    expect(world.objects()).toEqual([]);
  });
});
