/**
 * `npm run twin -- [--runs N] [--seed S] [--path P] [--seconds T] [--no-restores] [--first] [--loud]`: as many
 * stories as there is patience for. `--first` does not look for a smaller one that fails as well, `--loud` also tells what the processes log, in the story that `--seed` and `--path` lead to.
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { play } from './run.ts';
import { stories } from './story.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    path: { type: 'string' },
    seconds: { type: 'string' },
    first: { type: 'boolean', default: false },
    loud: { type: 'boolean', default: false },
    'no-restores': { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const numRuns = Number(values.runs);
const began = process.cpuUsage();
let steps = 0;
let told = 0;

const property = fc.asyncProperty(stories({ restores: !values['no-restores'] }), async (story) => {
  steps += (await play(story, values.loud)).steps;
  told += 1;
});
const result = await fc.check(property, {
  seed,
  numRuns,
  endOnFailure: values.first,
  ...(values.path !== undefined && { path: values.path }),
  ...(values.seconds !== undefined && { interruptAfterTimeLimit: Number(values.seconds) * 1000 }),
});
const { user, system } = process.cpuUsage(began);
console.log(`${told} stories, ${steps} steps, ${((user + system) / 1e6).toFixed(1)} s of CPU, seed ${seed}`);
if (result.failed) {
  console.log(`after ${result.numRuns} stories, shrunk ${result.numShrinks} times, path ${result.counterexamplePath}`);
  console.log(JSON.stringify(result.counterexample?.[0]));
  console.log(result.errorInstance);
  process.exitCode = 1;
}
