import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { play } from './run.ts';
import { type Act, type Step, type Story, stories } from './story.ts';

/** What a usual machine plays in about twenty seconds; `npm run twin` plays as many as there is patience for. */
const STORIES = 1200;
/** The same stories each time, so that a change is what makes one fail; `npm run twin` draws others. */
const SEED = 901;
/** A machine that has other work plays fewer. */
const LONGEST = 45_000;

test('whatever happens, in whatever order, every promise is kept and everything ends as wished', async () => {
  await fc.assert(
    fc.asyncProperty(stories(), async (story) => {
      await play(story);
    }),
    { seed: SEED, numRuns: STORIES, interruptAfterTimeLimit: LONGEST },
  );
}, 60_000);

test('a seed tells the same story every time', async () => {
  const story = fc.sample(stories(), { seed: 7, numRuns: 3 });
  for (const one of story) expect(await play(one)).toEqual(await play(one));
});

/** One after the other, each so long after the one before. */
const steps = (...list: readonly (readonly [number, Act])[]): readonly Step[] =>
  list.map(([after, what]) => ({ after, what }));

describe('I16: a disk that is put back to an older copy', () => {
  const early: readonly (readonly [number, Act])[] = [
    [3000, { act: 'replicaset', replicas: 6 }],
    [3000, { act: 'copy', machine: 0 }],
    [100, { act: 'kill', machine: 0, power: false }],
  ];
  const late: readonly (readonly [number, Act])[] = [
    [2000, { act: 'scale', replicas: 1 }],
    [20_000, { act: 'allow' }],
  ];
  const fair = { seed: 5, weather: 'fair' } as const;

  test.each<[string, Story]>([
    [
      'by the process that led with a later one',
      {
        ...fair,
        machines: 1,
        steps: steps(
          ...early,
          [25_000, { act: 'put-back', machine: 0 }],
          [25_000, { act: 'deployment', replicas: 2 }],
          ...late,
        ),
      },
    ],
    [
      'by a follower that led once, though another leads since',
      {
        ...fair,
        machines: 2,
        steps: steps(
          [2000, { act: 'copy', machine: 0 }],
          [1000, { act: 'replicaset', replicas: 6 }],
          [5000, { act: 'cut', machine: 0, length: 26_000 }],
          [25_000, { act: 'put-back', machine: 1 }],
          [5000, { act: 'kill', machine: 0, power: false }],
          [25_000, { act: 'deployment', replicas: 2 }],
          ...late,
        ),
      },
    ],
  ])('is noticed %s: nothing is taken away before a person has looked', async (_, story) => {
    const { lines } = await play(story, true);
    expect(lines.filter((line) => line.includes('finding a ledger that was put back'))).toHaveLength(1);
  });
});
