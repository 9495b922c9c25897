/**
 * The parent of every server of one cluster. It outlives its owner by the moment that it takes to kill them: the IPC
 * channel closes however the owner ends, by SIGKILL too. It leads a session of its own, so that Ctrl-C reaches the
 * owner only; and the kernel kills the servers should somebody kill this process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { serverEnvironment } from './env.ts';
import { boundToParent } from './processes.ts';
import type { Notice, Order, SupervisorOptions } from './supervision.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as SupervisorOptions;
const children = new Map<number, ChildProcess>();
let ending = false;

function tell(notice: Notice): void {
  if (process.connected) process.send?.(notice, () => {});
}

function run({ id, spec, logFile }: Extract<Order, { order: 'run' }>): void {
  if (ending) {
    tell({ notice: 'failed', id, why: 'the cluster is being stopped' });
    return;
  }
  const log = openSync(logFile, 'a', 0o600);
  const bound = boundToParent(spec.command, spec.args);
  const child = spawn(bound.command, bound.args, {
    cwd: spec.cwd ?? '/',
    env: { ...(spec.env ?? serverEnvironment()) },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.once('error', (error) => {
    if (child.pid === undefined) tell({ notice: 'failed', id, why: error.message });
  });
  if (child.pid === undefined) return;
  children.set(id, child);
  tell({ notice: 'running', id, pid: child.pid });
  child.once('exit', (code, signal) => {
    children.delete(id);
    tell({ notice: 'exited', id, exit: { code, signal } });
    if (ending && children.size === 0) finish();
  });
}

/** Nothing is asked politely: a cluster that ends is thrown away, and an API server waits a minute for its watches. */
function end(): void {
  if (ending) return;
  ending = true;
  for (const child of children.values()) child.kill('SIGKILL');
  if (children.size === 0) finish();
}

function finish(): void {
  if (options.remove !== undefined)
    rmSync(options.remove, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  // What the servers started themselves is in this process group too.
  process.kill(-process.pid, 'SIGKILL');
}

process.on('disconnect', end);
process.on('SIGTERM', end);
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('message', (order: Order) => {
  if (order.order === 'run') run(order);
  else if (order.order === 'signal') children.get(order.id)?.kill(order.signal);
  else end();
});
tell({ notice: 'ready' });
