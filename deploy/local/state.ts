import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirectory } from './env.ts';
import type { ManagerKind } from './local-cluster.ts';
import { startedAt } from './processes.ts';

/** What is known of a detached cluster: `state.json` in its directory, which goes away together with the cluster. */
export interface ClusterState {
  readonly name: string;
  /** Of the background process that owns it, with when that started: pids are used again. */
  readonly pid: number;
  readonly started: string;
  readonly phase: 'starting' | 'ready';
  readonly nodes: number;
  readonly manager: ManagerKind;
  readonly server?: string;
  readonly kubeconfig?: string;
  readonly auditLog?: string;
  readonly pids?: Readonly<Record<string, number>>;
}

function clustersDirectory(): string {
  return join(stateDirectory(), 'clusters');
}

export function clusterDirectory(name: string): string {
  return join(clustersDirectory(), name);
}

/** Held while a cluster of that name is being started. */
export function lockFile(name: string): string {
  return join(clustersDirectory(), `${name}.lock`);
}

/** The name becomes a directory, a context of a kubeconfig and part of command lines. */
export function checkName(name: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) return name;
  throw new Error(
    `reading --name: expected at most 40 lower-case letters, digits and inner hyphens, got ${JSON.stringify(name.slice(0, 60))}`,
  );
}

export function writeState(state: ClusterState): void {
  const directory = clusterDirectory(state.name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'state.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The state of a cluster whose owner runs; undefined when there is none, or only what a dead one left. */
export function runningState(name: string): ClusterState | undefined {
  try {
    const state = JSON.parse(readFileSync(join(clusterDirectory(name), 'state.json'), 'utf8')) as ClusterState;
    return typeof state.pid === 'number' && startedAt(state.pid) === state.started ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Names with a directory, whether their cluster runs or not. */
export function knownNames(): readonly string[] {
  try {
    const entries = readdirSync(clustersDirectory(), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Whether there was anything of a dead cluster to remove. */
export function removeStale(name: string): boolean {
  if (!knownNames().includes(name)) return false;
  rmSync(clusterDirectory(name), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return true;
}
