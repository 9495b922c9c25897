import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROLLERS } from '#controllers/registry.ts';
import { besideFlags } from '#local/beside.ts';
import { startCluster } from '#local/cluster.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { install, startManager } from '#local/manager.ts';
import type { ManagedProcess } from '#local/supervisor.ts';
import { booksOf } from './books.ts';
import type { Options, Side } from './options.ts';
import type { Results } from './report.ts';
import { runSuite } from './suite.ts';

export interface SideRun extends Results {
  readonly side: Side;
  /** What is wrong beside the tests. */
  readonly faults: readonly string[];
  /** What was looked at in the books, in one line. */
  readonly says?: string;
}

interface Run {
  readonly options: Options;
  /** What happened is kept here. */
  readonly directory: string;
  readonly progress: (line: string) => void;
}

/** Ends the control loops, and says what is wrong with them beside the tests. */
type Settle = () => Promise<Pick<SideRun, 'faults' | 'says'>>;

/** The tests on a control plane of their own, with these control loops. */
export async function runSide(side: Side, { options, directory, progress }: Run): Promise<SideRun> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const cluster = await startCluster({ name: side, nodes: options.nodes, progress });
  let interrupted = false;
  const stop = (): void => {
    interrupted = true;
    void cluster.stop();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const settle = side === 'upstream' ? await startUpstream(cluster) : await startBoth(cluster, directory, progress);
    progress(
      `${side}: control loops at work; the tests' output is in ${join(directory, 'logs/ginkgo.log')} afterwards`,
    );
    const results = await runSuite(cluster, options, directory, progress);
    return { side, ...results, ...(await settle()) };
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    if (!interrupted) keepLogs(cluster, directory);
    await cluster.stop();
    // Its processes ended under the tests: what they said of that is of no use.
    if (interrupted) process.exit(130);
  }
}

function keepLogs({ directory: from, auditLog }: LocalCluster, directory: string): void {
  cpSync(join(from, 'logs'), join(directory, 'logs'), { recursive: true });
  cpSync(auditLog, join(directory, 'audit.log'));
}

async function startUpstream(cluster: LocalCluster): Promise<Settle> {
  const manager = await cluster.startUpstreamManager();
  return async () => ({ faults: await endedEarly(manager) });
}

/** Comptroller with all it has, and upstream's manager for the rest. */
async function startBoth(cluster: LocalCluster, directory: string, progress: Run['progress']): Promise<Settle> {
  const comptroller = await startManager(cluster, await install(cluster));
  const upstream = await cluster.startUpstreamManager(besideFlags(CONTROLLERS));
  return async () => {
    const early = [...(await endedEarly(comptroller)), ...(await endedEarly(upstream))];
    const { code, signal } = await comptroller.kill('SIGTERM');
    const { faults, says } = await booksOf(cluster, comptroller.ledgerDir, directory);
    progress(`comptroller: ${says}`);
    const ending =
      code === 0 || early.length > 0 ? [] : [`Comptroller ended with ${signal ?? code} when asked to stop`];
    return { faults: [...early, ...ending, ...faults], says };
  };
}

async function endedEarly({ name, exited }: ManagedProcess): Promise<readonly string[]> {
  const exit = await Promise.race([exited, Promise.resolve(undefined)]);
  return exit === undefined ? [] : [`${name} ended during the tests with ${exit.signal ?? exit.code}`];
}
