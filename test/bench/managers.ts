/** Starts one of the managers that are compared: same controllers, same workers, on the same control plane. */
import { CONTROLLERS } from '#controllers/registry.ts';
import { startManager } from '#local/manager.ts';
import type { ManagedProcess } from '#local/supervisor.ts';
import type { Manager } from './options.ts';
import type { Arena } from './rounds.ts';

export interface Running {
  readonly manager: Manager;
  readonly pid: number;
  readonly logFile: string;
  /** Ends it in good order; throws when it had ended before, or does not end well. */
  stop(): Promise<void>;
}

/** Budgets that never bind: Comptroller's defaults are the same. */
const LIFTED = ['--kube-api-qps=5000', '--kube-api-burst=20000'];

export async function start(
  manager: Manager,
  { cluster, at, comptroller }: Pick<Arena, 'cluster' | 'at' | 'comptroller'>,
): Promise<Running> {
  const process =
    manager === 'comptroller'
      ? await startManager(cluster, at, comptroller)
      : await cluster.startUpstreamManager(upstreamFlags(manager));
  const { pid, logFile } = process;
  return { manager, pid, logFile, stop: () => stop(process, manager === 'comptroller') };
}

/** What RESULTS.md says of how each was started. */
export function flagsOf(manager: Manager): readonly string[] {
  return manager === 'comptroller' ? ['(defaults)'] : upstreamFlags(manager);
}

/** Its own lease: who was killed in between would have the next one wait for its end. */
function upstreamFlags(manager: Manager): readonly string[] {
  return [
    `--controllers=${CONTROLLERS.map(({ name }) => `${name}-controller`).join(',')}`,
    `--leader-elect-resource-name=bench-${manager}`,
    ...(manager === 'upstream' ? [...LIFTED, ...workers()] : []),
  ];
}

/** As many at once as Comptroller has, where upstream has a flag for it: those of ServiceAccounts are fixed at one. */
function workers(): readonly string[] {
  const flags = CONTROLLERS.flatMap(({ loops }) =>
    loops.flatMap(({ workersFlag, workers: count }) =>
      workersFlag === undefined ? [] : [`--${workersFlag}=${count}`],
    ),
  );
  return [...new Set(flags)].filter((flag) => !flag.startsWith('--concurrent-serviceaccount-syncs='));
}

async function stop(process: ManagedProcess, isOurs: boolean): Promise<void> {
  const early = await Promise.race([process.exited, Promise.resolve(undefined)]);
  if (early !== undefined) throw new Error(`${process.name} ended by itself with ${early.signal ?? early.code}`);
  const { code, signal } = await process.kill('SIGTERM');
  // Upstream's ends at once, with an error where it does not give back its lease.
  if (isOurs && code !== 0) throw new Error(`${process.name} ended with ${signal ?? code} when asked to stop`);
}
