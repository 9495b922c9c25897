import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Span, World } from './leader-world.ts';

const runs = { numRuns: 500 };

test('I10: requests under two reigns never overlap, whatever stops, jumps or gets lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 2, max: 3 }), async (seed, replicas) => {
      const world = new World(seed, replicas);
      await world.runUntil(180_000);
      world.stop();
      expect(overlaps(world.spans)).toEqual([]);
    }),
    runs,
  );
}, 60_000);

test('someone leads again once the faults end, and transitions never repeat', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3 }), async (seed, replicas) => {
      const world = new World(seed, replicas);
      await world.runUntil(60_000);
      world.faults = false;
      await world.runUntil(150_000);
      const leaders = world.leaders(2000);
      world.stop();
      expect(leaders).toHaveLength(1);
      const reigns = world.won.map((reign) => reign.transitions);
      expect(reigns).toEqual([...new Set(reigns)].sort((a, b) => a - b));
    }),
    runs,
  );
}, 60_000);

/** Pairs of requests of different replicas that could have been at work at the same time. */
function overlaps(spans: readonly Span[]): [Span, Span][] {
  const found: [Span, Span][] = [];
  let latest: Span | undefined;
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    if (latest !== undefined && latest.replica !== span.replica && span.from <= latest.to) found.push([latest, span]);
    if (latest === undefined || span.to > latest.to) latest = span;
  }
  return found;
}
