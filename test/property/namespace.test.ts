import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWorld, GROUPS, KINDS, LIST_TROUBLES, type Trouble, type World } from './namespace-world.ts';

type Step = (world: World) => unknown;

/** So that a counterexample reads as a story. */
function named(name: string, act: Step): Step {
  return Object.assign(act, { [fc.toStringMethod]: () => name });
}

const held = fc.constantFrom<readonly string[]>([], [], ['example.com/a'], ['example.com/a', '__proto__']);
const appears = fc
  .tuple(fc.constantFrom(...KINDS), held)
  .map(([kind, finalizers]) => named(`appears ${kind} ${finalizers}`, (world) => world.appear(kind, finalizers)));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constant(
      named('run', async (world) => {
        world.sleep();
        await world.run();
      }),
    ),
  },
  { weight: 3, arbitrary: fc.constant(named('event', (world) => world.interrupted())) },
  { weight: 3, arbitrary: fc.nat({ max: 5 }).map((n) => named(`release ${n}`, (world) => world.release(n))) },
  { weight: 2, arbitrary: appears },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...GROUPS), fc.boolean())
      .map(([group, is]) => named(`${group} ${is ? 'away' : 'back'}`, (world) => world.setAway(group, is))),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom<Trouble>('none', 'none', 'failed', 'denied', 'conflict', 'lost')
      .map((trouble) => named(`trouble ${trouble}`, (world) => world.setTrouble(trouble))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...KINDS), fc.option(fc.constantFrom(...LIST_TROUBLES), { nil: undefined }))
      .map(([kind, status]) => named(`lists of ${kind}: ${status ?? 'well'}`, (world) => world.setList(kind, status))),
  },
  { weight: 1, arbitrary: fc.constant(named('definition ends', (world) => world.endDefinition())) },
  { weight: 2, arbitrary: fc.constantFrom(1000, 60_000).map((by) => named(`tick ${by}`, (world) => world.tick(by))) },
  { weight: 1, arbitrary: fc.constant(named('failover', (world) => world.failover())) },
  {
    weight: 1,
    arbitrary: fc.constant(
      named('run, overtaken by another namespace of that name', async (world) => {
        world.sleep();
        await world.run(() => world.replaceByAnother());
      }),
    ),
  },
);
const content = fc.array(appears, { maxLength: 8 });
const steps = fc.array(step, { maxLength: 40 });

/** A namespace with that content beside one that stays. */
async function told(first: readonly Step[], story: readonly Step[]): Promise<World> {
  const world = createWorld();
  for (const kind of KINDS) world.appear(kind, [], 'other');
  for (const act of [...first, ...story]) await act(world);
  return world;
}

// The world itself throws at a write outside of the namespace, at one on anything but pods while there are pods, and at
// the end of a namespace that is not empty or whose emptiness nobody can know.
test('whatever happens, in the end everything of the namespace is gone, and of no other', async () => {
  await fc.assert(
    fc.asyncProperty(content, steps, async (first, story) => {
      const world = await told(first, story);
      await world.heal();
      expect(world.inside()).toEqual([]);
      const others = KINDS.filter((kind) => world.isDefined(kind));
      expect(world.inside('other').map(({ resource }) => resource)).toEqual(others);
    }),
    { numRuns: 1500 },
  );
});

test('while something holds it, it stays, says so, and is not looked at again and again', async () => {
  await fc.assert(
    fc.asyncProperty(content, steps, fc.constantFrom(...KINDS), async (first, story, kind) => {
      const world = await told(first, story);
      world.setTrouble('none');
      for (const group of GROUPS) world.setAway(group, false);
      for (const each of KINDS) world.setList(each, undefined);
      world.keepDefinition();
      world.appear(kind, ['example.com/a']);
      // Too late: it had been seen empty.
      if (!world.inside().some(({ metadata }) => metadata?.finalizers?.length)) return;
      let again = 0;
      for (let round = 0; round < 40; round++) {
        world.sleep();
        again = (await world.run()) ? again + 1 : 0;
        expect(again).toBeLessThan(8);
      }
      expect(world.isGone()).toBe(false);
      const says = world.namespace()?.status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining');
      expect(says?.status).toBe('True');
      // Events of others cost nothing while it waits.
      const before = world.requests();
      for (let n = 0; n < 20; n++) {
        await world.interrupted();
      }
      expect(world.requests()).toBe(before);
    }),
    { numRuns: 500 },
  );
});
