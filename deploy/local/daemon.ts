/**
 * The background process that owns a detached cluster. Until the cluster is ready its life hangs on the `up` that
 * started it; from then on on nobody's but `down`. Whenever it ends, its supervisor ends the cluster.
 */
import { startCluster } from './cluster.ts';
import type { LocalCluster, ManagerKind } from './local-cluster.ts';
import type { ManagedComptroller, StartComptroller } from './manager-port.ts';
import { startedAt } from './processes.ts';
import { type ClusterState, clusterDirectory, writeState } from './state.ts';

/** Argument of this process. */
export interface DaemonOptions {
  readonly name: string;
  readonly nodes: number;
  readonly manager: ManagerKind;
}

export type DaemonNotice =
  | { readonly ready: true }
  | { readonly ready: false; readonly line: string }
  | { readonly ready: false; readonly why: string };

const options = JSON.parse(process.argv[2] ?? '{}') as DaemonOptions;
let cluster: LocalCluster | undefined;
let comptroller: ManagedComptroller | undefined;
let ready = false;

function tell(notice: DaemonNotice): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(notice, () => resolve());
    else resolve();
  });
}

/** Not by a static import: a cluster without Comptroller starts even where Comptroller does not compile. */
async function startComptroller(on: LocalCluster): Promise<ManagedComptroller> {
  const manager: { readonly startComptroller: StartComptroller } = await import('./manager.ts');
  return manager.startComptroller(on);
}

async function up(): Promise<void> {
  const { name, nodes, manager } = options;
  const state: ClusterState = {
    name,
    nodes,
    manager,
    pid: process.pid,
    started: startedAt(process.pid) ?? '',
    phase: 'starting',
  };
  writeState(state);
  const progress = (line: string) => void tell({ ready: false, line });
  cluster = await startCluster({ name, nodes, manager, directory: clusterDirectory(name), progress });
  void cluster.stopped.then(() => process.exit(1));
  if (manager === 'comptroller') comptroller = await startComptroller(cluster);
  const { server, kubeconfig, auditLog } = cluster;
  const pids = { daemon: process.pid, ...Object.fromEntries(cluster.pids()) };
  writeState({ ...state, phase: 'ready', server, kubeconfig, auditLog, pids });
  ready = true;
  await tell({ ready: true });
  process.disconnect?.();
}

async function down(): Promise<never> {
  try {
    await comptroller?.stop();
  } finally {
    await cluster?.stop();
  }
  process.exit(0);
}

process.on('disconnect', () => {
  // Without a cluster's supervisor to clean up there is nothing to clean up yet but what `up` removes itself.
  if (!ready) process.exit(1);
});
process.on('SIGTERM', () => void down());
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

try {
  await up();
} catch (error) {
  await tell({ ready: false, why: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
