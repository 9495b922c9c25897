/** `npm run bench`: Comptroller and upstream's manager in turns on one control plane, and what each of them took. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { admin } from '#kit/admin.ts';
import { ensureBinaries } from '#local/build.ts';
import { startCluster } from '#local/cluster.ts';
import { install, type ManagerOptions } from '#local/manager.ts';
import { buildRelease } from '../../deploy/release/build.ts';
import { booksOf } from '../conformance/books.ts';
import { type Options, parseOptions } from './options.ts';
import { profilingFlags, renderProfiles } from './profile.ts';
import { record } from './record.ts';
import { renderRounds } from './results.ts';
import { type Arena, playRound, type Round, type Turn } from './rounds.ts';

const ROOT = join(import.meta.dirname, '../..');
const DIRECTORY = join(ROOT, 'test-results/bench');
/** Kept, for a flame graph in a browser's developer tools. */
const PROFILES = join(DIRECTORY, 'profiles');
const progress = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

async function bench(options: Options): Promise<number> {
  await ensureBinaries(['kube-controller-manager'], { progress });
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { recursive: true });
  const cluster = await startCluster({ name: 'bench', nodes: options.nodes, progress });
  const person = admin(cluster);
  const stop = (): void => void cluster.stop().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const comptroller = await howToStart(options);
    const arena: Arena = { cluster, admin: person, at: await install(cluster), comptroller, progress };
    const rounds: Round[] = [];
    for (const turn of turns(options)) rounds.push(await playRound(arena, turn));
    const faults = options.managers.includes('comptroller') ? await books(arena) : [];
    process.stdout.write(`${renderRounds(rounds)}\n`);
    const [first] = rounds;
    if (options.profile && first !== undefined) process.stdout.write(`\n${renderProfiles(PROFILES, first.window)}\n`);
    for (const fault of faults) process.stdout.write(`FAULT: ${fault}\n`);
    if (options.record !== undefined) progress(`written: ${record(options.record, { options, rounds, faults })}`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await person.close();
    cpSync(join(cluster.directory, 'logs'), join(DIRECTORY, 'logs'), { recursive: true });
    await cluster.stop();
  }
}

/** As in production, unless asked otherwise: what `npm run build` makes. */
async function howToStart({ sources, profile }: Options): Promise<ManagerOptions> {
  if (!sources) progress('building the program');
  return {
    ...(!sources && { program: await buildRelease(join(ROOT, 'dist')) }),
    ...(profile && { nodeFlags: profilingFlags(PROFILES) }),
  };
}

/** Shape by shape, round by round; who begins alternates, as the control plane's state is another each time. */
function turns({ shapes, managers, rounds }: Options): readonly Turn[] {
  return shapes.flatMap((shape) =>
    Array.from({ length: rounds }, (_, at) => at + 1).flatMap((round) => {
      const order = round % 2 === 1 ? managers : managers.toReversed();
      return order.map((manager) => ({ shape, manager, round }));
    }),
  );
}

/** The invariants hold here as well: every write was recorded, and the API server saw nothing else. */
async function books({ cluster, at }: Arena): Promise<readonly string[]> {
  progress('ledger and audit log');
  const { faults, says } = await booksOf(cluster, join(at.ledgers, 'one'), DIRECTORY);
  progress(`comptroller: ${says}`);
  return faults;
}

try {
  process.exit(await bench(parseOptions(process.argv.slice(2))));
} catch (error) {
  // Commander has said it already.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  progress(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
