import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DaemonNotice, DaemonOptions } from './daemon.ts';
import { withLock } from './lock.ts';
import { isAlive, signal } from './processes.ts';
import { type ClusterState, clusterDirectory, lockFile, removeStale, runningState } from './state.ts';
import { until } from './until.ts';

export interface UpOptions extends DaemonOptions {
  readonly progress: (line: string) => void;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}

export interface UpResult {
  readonly state: ClusterState;
  /** False: it ran already, and nothing was done. */
  readonly started: boolean;
}

/** Starts a cluster in the background and returns when it is ready; one that runs already is left alone. */
export function up(options: UpOptions): Promise<UpResult> {
  const { name, progress } = options;
  const waiting = (pid: number) => progress(`waiting for process ${pid}, which is starting ${name}`);
  return withLock(lockFile(name), () => upLocked(options), waiting);
}

async function upLocked(options: UpOptions): Promise<UpResult> {
  const { name, progress } = options;
  const running = runningState(name);
  if (running !== undefined) return { state: running, started: false };
  if (removeStale(name)) progress(`removed what a cluster ${name} left that did not end in order`);
  const daemon = forkDaemon(options);
  try {
    await untilReady(daemon, options);
  } catch (error) {
    await abandon(daemon, name);
    throw error;
  }
  const state = runningState(name);
  if (state === undefined) throw new Error(`starting cluster ${name}: it ended as soon as it was ready`);
  return { state, started: true };
}

function forkDaemon({ name, nodes, manager }: UpOptions): ChildProcess {
  const logs = join(clusterDirectory(name), 'logs');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const log = openSync(join(logs, 'daemon.log'), 'a', 0o600);
  const options: DaemonOptions = { name, nodes, manager };
  const daemon = fork(fileURLToPath(new URL('./daemon.ts', import.meta.url)), [JSON.stringify(options)], {
    detached: true,
    execArgv: [],
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  return daemon;
}

function untilReady(daemon: ChildProcess, { name, progress, interrupted }: UpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    daemon.on('message', (notice: DaemonNotice) => {
      if (notice.ready) {
        daemon.unref();
        resolve();
      } else if ('line' in notice) progress(notice.line);
      else reject(new Error(notice.why));
    });
    daemon.once('error', reject);
    daemon.once('exit', (code, by) =>
      reject(new Error(`starting cluster ${name}: its owner ended with ${by ?? code}`)),
    );
    const interrupt = () => reject(new Error(`starting cluster ${name}: interrupted`));
    if (interrupted.aborted) interrupt();
    interrupted.addEventListener('abort', interrupt, { once: true });
  });
}

/** Cuts the line that a cluster's life hangs on while it starts, and waits until nothing is left of it. */
async function abandon(daemon: ChildProcess, name: string): Promise<void> {
  if (daemon.connected) daemon.disconnect();
  const { pid } = daemon;
  if (pid !== undefined) await until(() => !isAlive(pid), { timeout: 10_000, why: `the owner of ${name} to end` });
  await gone(name).catch(() => removeStale(name));
}

/** A supervisor removes the directory as the last thing it does. */
function gone(name: string): Promise<boolean> {
  return until(() => !existsSync(clusterDirectory(name)), { timeout: 3000, why: `${name} to be removed` });
}

/** Ends a cluster and removes its directory; tells what there was to do. */
export async function down(name: string): Promise<'stopped' | 'cleaned' | 'absent'> {
  const state = runningState(name);
  if (state === undefined) return removeStale(name) ? 'cleaned' : 'absent';
  signal(state.pid, 'SIGTERM');
  const ended = () => runningState(name) === undefined && !isAlive(state.pid);
  try {
    await until(ended, { timeout: 20_000, why: `the owner of ${name} to end` });
  } catch {
    // Its supervisor sees that and ends the rest.
    signal(state.pid, 'SIGKILL');
    await until(ended, { timeout: 5000, why: `the owner of ${name} to be killed` });
  }
  await gone(name).catch(() => removeStale(name));
  return 'stopped';
}
