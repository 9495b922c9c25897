/** `npm run chaos`: every fault on a real control plane under load, and what Comptroller made of it. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CommanderError } from 'commander';
import { versions } from '../conformance/versions.ts';
import { Arenas } from './arenas.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/registry.ts';
import { type Options, parseOptions } from './options.ts';
import { inOrder } from './plan.ts';
import { type Done, renderResults, tellRound } from './results.ts';
import { openShim } from './shim/open.ts';

const ROOT = join(import.meta.dirname, '../..');
const RESULTS = join(import.meta.dirname, 'RESULTS.md');
const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

/** One pass over the faults: whoever is free takes the next one. Stops early when the time is over. */
async function pass(faults: readonly Fault[], options: Options, hands: readonly Arenas[], run: Run): Promise<void> {
  const waiting = [...inOrder(faults)];
  const work = async (arenas: Arenas): Promise<void> => {
    for (let fault = waiting.shift(); fault !== undefined && !run.isOver(); fault = waiting.shift())
      await repeat(fault, options, arenas, run);
    await arenas.close();
  };
  await Promise.all(hands.map(work));
}

/** One fault, as often as it says. */
async function repeat(fault: Fault, { short }: Options, arenas: Arenas, run: Run): Promise<void> {
  const times = short ? 1 : (fault.times ?? 1);
  for (let n = 0; n < times && !run.isOver(); n++) {
    const before = run.done.filter((one) => one.fault === fault).length;
    say(`${fault.name}: ${fault.expects}`);
    const round = await arenas.inflict(fault, before, !short);
    run.done.push({ fault, round });
    for (const line of tellRound(fault, round)) say(line);
    run.after();
  }
}

interface Run {
  readonly done: Done[];
  isOver(): boolean;
  /** Each round. */
  after(): void;
}

async function chaos(options: Options): Promise<number> {
  const chosen = FAULTS.filter(({ name }) => options.fault?.includes(name) ?? true);
  const done: Done[] = [];
  const started = new Date();
  const isOver = (): boolean => options.minutes > 0 && Date.now() - started.getTime() > options.minutes * 60_000;
  const hands = Array.from({ length: options.atOnce }, () => new Arenas({ seed: options.seed, shim: openShim, say }));
  const close = (): Promise<unknown> => Promise.allSettled(hands.map((arenas) => arenas.close()));
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
    say('interrupted: ending the control plane');
    void close().finally(() => process.exit(130));
  });
  const listed = (): readonly Done[] => done.toSorted((a, b) => FAULTS.indexOf(a.fault) - FAULTS.indexOf(b.fault));
  const text = (): string => renderResults({ options, done: listed(), started, ended: new Date(), ...versions() });
  // Each time anew: what was found in hours is there also when the last fault is not waited for.
  // What ends with its control plane has failed nothing.
  const after = (): void => void (options.record && !interrupted && writeFileSync(RESULTS, text()));
  try {
    do await pass(chosen, options, hands, { done, isOver, after });
    while (options.minutes > 0 && !isOver());
  } finally {
    await close();
  }
  process.stdout.write(`${text()}\n`);
  if (options.record) say(`written: ${relative(ROOT, RESULTS)}`);
  return done.every(({ round }) => round.complaints.length === 0) ? 0 : 1;
}

try {
  process.exit(
    await chaos(
      parseOptions(
        process.argv.slice(2),
        FAULTS.map(({ name }) => name),
      ),
    ),
  );
} catch (error) {
  // Commander has said it already.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
