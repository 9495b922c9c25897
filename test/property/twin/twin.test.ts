import fc from 'fast-check';
import { expect, test } from 'vitest';
import { play } from './run.ts';
import { stories } from './story.ts';

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
