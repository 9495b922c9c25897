/** `npm run bench:micro -- [topic...]`: what the parts take, without a cluster, against their targets. */
import { availableParallelism } from 'node:os';
import { Argument, Command, CommanderError } from 'commander';
import { table } from '../results.ts';
import { cpuOfMachine } from '../usage.ts';
import { cache } from './cache.ts';
import { decisions } from './decisions.ts';
import { gate } from './gate.ts';
import { ledger } from './ledger.ts';
import { queue } from './queue.ts';
import type { Row } from './row.ts';

const TOPICS: Readonly<Record<string, () => Promise<readonly Row[]>>> = { decisions, ledger, gate, cache, queue };

function topics(argv: readonly string[]): readonly string[] {
  const names = Object.keys(TOPICS);
  const program = new Command('bench:micro')
    .description('what the parts take, without a cluster; run it on a quiet machine')
    .addArgument(new Argument('[topics...]', 'what to measure; everything by default').choices(names))
    .exitOverride();
  const [chosen = []] = program.parse(argv, { from: 'user' }).processedArgs as [string[] | undefined];
  return chosen.length === 0 ? names : chosen;
}

const told = ({ what, result, target }: Row): readonly string[] => [
  what,
  result,
  target?.says ?? '',
  target === undefined ? '' : target.held ? 'yes' : 'NO',
];

interface Machine {
  readonly time: number;
  readonly all: number;
  readonly own: number;
}

function machine(): Machine {
  const { user, system } = process.cpuUsage();
  return { time: performance.now() / 1000, all: cpuOfMachine(), own: (user + system) / 1e6 };
}

const held = (before: Machine, after: Machine): number =>
  Math.max(0, (after.all - before.all - (after.own - before.own)) / (after.time - before.time));

try {
  const rows: Row[] = [];
  const others: string[] = [];
  for (const topic of topics(process.argv.slice(2))) {
    process.stderr.write(`${topic}\n`);
    const before = machine();
    rows.push(...((await TOPICS[topic]?.()) ?? []));
    others.push(`${topic} ${held(before, machine()).toFixed(1)}`);
  }
  process.stdout.write(`${table(['what', 'result', 'target', 'held'], rows.map(told))}\n`);
  // What waits in line for a processor is slow whatever it does: then only the CPU times say something.
  process.stdout.write(
    `\nProcessors that others kept busy meanwhile, of ${availableParallelism()}: ${others.join(', ')}\n`,
  );
} catch (error) {
  // Commander has said it already.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode;
}
