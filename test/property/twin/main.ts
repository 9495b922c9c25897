/** `npm run twin`: as many stories of simulated lives as there is patience for. */
import { Command, InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { play } from './run.ts';
import { stories } from './story.ts';

const whole =
  (most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from 1 to ${most}`);
  };
interface Values {
  readonly runs: number;
  readonly seed: number;
  readonly path?: string;
  readonly seconds?: number;
  readonly restores: boolean;
  readonly first: boolean;
  readonly loud: boolean;
}
const values = new Command('twin')
  .description('lets simulated replicas live through drawn stories of faults, and checks what they did to the cluster')
  .option('--runs <count>', 'stories', whole(10_000_000), 10_000)
  .option('--seed <number>', 'the same stories again', whole(2 ** 31), 1 + (Date.now() % (2 ** 31 - 1)))
  .option('--path <path>', 'with --seed: the one story that a failure named')
  .option('--seconds <count>', 'stop after so long', whole(604_800))
  .option('--no-restores', 'without restores of older snapshots')
  .option('--first', 'do not look for a smaller story that fails as well', false)
  .option('--loud', 'also tell what the processes log', false)
  .parse()
  .opts<Values>();
const { seed, runs } = values;
const began = process.cpuUsage();
let steps = 0;
let told = 0;

const property = fc.asyncProperty(stories({ restores: values.restores }), async (story) => {
  steps += (await play(story, values.loud)).steps;
  told += 1;
  if (told % 1000 === 0) console.error(`${told} stories`);
});
const result = await fc.check(property, {
  seed,
  numRuns: runs,
  endOnFailure: values.first,
  ...(values.path !== undefined && { path: values.path }),
  ...(values.seconds !== undefined && { interruptAfterTimeLimit: values.seconds * 1000 }),
});
const { user, system } = process.cpuUsage(began);
console.log(`${told} stories, ${steps} steps, ${((user + system) / 1e6).toFixed(1)} s of CPU, seed ${seed}`);
if (result.failed) {
  console.log(`after ${result.numRuns} stories, shrunk ${result.numShrinks} times, path ${result.counterexamplePath}`);
  console.log(JSON.stringify(result.counterexample?.[0]));
  console.log(result.errorInstance);
  process.exitCode = 1;
}
