import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WIDGETS } from './garbage-collector-server.ts';
import { createWorld, type Trouble, type World } from './garbage-collector-world.ts';

type Act = (world: World) => void | Promise<void>;

const nth = fc.nat({ max: 11 });
const drawReference = fc.tuple(nth, fc.nat({ max: 16 }), fc.boolean());
const propagation = fc.constantFrom('Background', 'Foreground', 'Orphan', 'Orphan');

/** So that a counterexample reads as a story. */
function named(name: string, act: Act): Act {
  return Object.assign(act, { [fc.toStringMethod]: () => name });
}

const create = fc
  .tuple(fc.nat({ max: 9 }), fc.array(drawReference, { maxLength: 3 }), fc.nat({ max: 7 }))
  .map(([kind, references, name]) =>
    named(`create ${kind} ${JSON.stringify(references)} o${name}`, (world) => world.create(kind, references, name)),
  );
const custom = fc.constantFrom(3, 4);
const version = fc.constantFrom('v1', 'v2', 'v3').map((one) => `example.com/${one}`);
const trouble = fc.constantFrom<Trouble>('unknown-done', 'unknown', 'failed', 'denied');

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
  // One run from its beginning to about its end, and all that a watch has to tell: else few stories get anywhere.
  { weight: 8, arbitrary: nth.map((n) => named(`work ${n}`, (world) => world.work(n))) },
  {
    weight: 8,
    arbitrary: nth.map((n) => named(`deliver ${n}`, (world) => world.deliver(world.resource(n), 99))),
  },
  { weight: 16, arbitrary: nth.map((n) => named(`step ${n}`, (world) => world.step(n))) },
  { weight: 2, arbitrary: fc.constant(named('elapse', (world) => world.elapse())) },
  { weight: 2, arbitrary: nth.map((n) => named(`list ${n}`, (world) => world.list(world.resource(n)))) },
  { weight: 4, arbitrary: custom.map((n) => named(`list ${n}`, (world) => world.list(world.resource(n)))) },
  { weight: 4, arbitrary: fc.constant(named('discover', (world) => world.discover())) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(custom, fc.boolean())
      .map(([n, on]) => named(`serve ${n} ${on}`, (world) => world.serve(world.resource(n), on))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.boolean(), fc.boolean())
      .map(([fresh, alone]) => named(`prefer ${fresh} ${alone}`, (world) => world.prefer(fresh, alone))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(version, fc.boolean())
      .map(([of, on]) => named(`failing ${of} ${on}`, (world) => world.setFailing(of, on))),
  },
  { weight: 1, arbitrary: fc.boolean().map((cold) => named(`restart ${cold}`, (world) => world.restart(cold))) },
  { weight: 1, arbitrary: trouble.map((one) => named(`trouble ${one}`, (world) => world.trouble(one))) },
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
      fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
      async (first, story) => {
        const world = createWorld();
        for (const act of [...first, ...story]) {
          await act(world);
          await world.flush();
        }
        deletions += world.deletions();
        await world.heal();
        expect(world.garbage()).toEqual([]);
        expect(world.stuck()).toEqual([]);
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
    world.discover();
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
