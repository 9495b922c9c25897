import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import type { Lease, Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { NamingMode } from '#identity/profiles.ts';
import { type Leaf, parseLeaf } from '#ledger/leaf.ts';
import { bundles, claimedAnchor, findLogs, tail } from '#ledger/reader.ts';
import { startCluster } from '#local/cluster.ts';
import type { ClusterOptions, LocalCluster } from '#local/local-cluster.ts';
import { type Installation, install, type ManagerOptions, type RunningManager, startManager } from '#local/manager.ts';
import type { ManagedProcess } from '#local/supervisor.ts';
import { type Admin, admin } from './admin.ts';
import { builtProgram } from './built-program.ts';
import { tellLastWords } from './last-words.ts';
import { until } from './wait.ts';

export interface World {
  readonly cluster: LocalCluster;
  readonly admin: Admin;
  readonly at: Installation;
  /** The replica that `beforeAll` started. */
  readonly manager: RunningManager;
  start(options?: ManagerOptions): Promise<RunningManager>;
}

interface WorldOptions extends ClusterOptions {
  /** Of the replica that is started first; false: none is. */
  readonly first?: ManagerOptions | false;
  readonly naming?: NamingMode;
}

/** A control plane with Comptroller on it, for the tests of a file; filled when the first test runs. */
export function withManager({ first = {}, naming = 'comptroller', ...options }: WorldOptions = {}): World {
  let cluster: LocalCluster | undefined;
  let client: Admin | undefined;
  let at: Installation | undefined;
  let manager: RunningManager | undefined;
  let program: string | undefined;
  const replicas: RunningManager[] = [];
  const start = async (more: ManagerOptions = {}): Promise<RunningManager> => {
    const replica = await startManager(filled(cluster), filled(at), { program: filled(program), ...more });
    replicas.push(replica);
    return replica;
  };
  tellLastWords(replicas);
  beforeAll(async () => {
    cluster = await startCluster({ name: 'whole', ...options });
    client = admin(cluster);
    at = await install(cluster, { mode: naming });
    program = await builtProgram();
    if (first !== false) manager = await start(first);
  });
  afterAll(async () => {
    await client?.close();
    await cluster?.stop();
  });
  const filled = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the cluster starts in beforeAll: use it in tests and hooks only');
    return value;
  };
  return {
    get cluster() {
      return filled(cluster);
    },
    get admin() {
      return filled(client);
    },
    get at() {
      return filled(at);
    },
    get manager() {
      return filled(manager);
    },
    start,
  };
}

/** What a process has logged so far. */
export const saidBy = ({ logFile }: ManagedProcess): string => readFileSync(logFile, 'utf8');

/** Waits until a line of a process's log holds the text. */
export function heard(process: ManagedProcess, part: string, timeout = 20_000): Promise<string> {
  const why = `${process.name} to log ${part}`;
  return until(
    () =>
      saidBy(process)
        .split('\n')
        .find((line) => line.includes(part)),
    { timeout, why },
  );
}

/** For tests that kill a leader: its successor does not wait for long, and a busy machine still renews in time. */
export const SHORT_LEASE = [
  '--leader-elect-lease-duration=8s',
  '--leader-elect-renew-deadline=7s',
  '--leader-elect-retry-period=500ms',
] as const;

export const LEASE = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

export function leaseOf(admin: Admin): Promise<Lease | undefined> {
  return admin.get('coordination.k8s.io/leases', LEASE);
}

const settled = (set: ReplicaSet | undefined, count: number): boolean =>
  set?.status?.replicas === count &&
  (set.status.readyReplicas ?? 0) === count &&
  set.status.observedGeneration === set.metadata?.generation;

/** Waits until a ReplicaSet has exactly so many pods, all ready, and says so. */
export async function ready(
  admin: Admin,
  at: { readonly namespace: string; readonly name: string },
  count: number,
  timeout = 60_000,
): Promise<void> {
  const why = `${count} ready pods of ${at.name}`;
  await admin.waitFor('apps/replicasets', at, (set) => settled(set, count), { timeout, why });
}

export async function scale(
  admin: Admin,
  at: { readonly namespace: string; readonly name: string },
  replicas: number,
): Promise<void> {
  await admin.patch('apps/replicasets', at, { spec: { replicas } });
}

export const isActive = (pod: Pod): boolean =>
  pod.metadata?.deletionTimestamp === undefined && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded';

/** Pods of an app that count. */
export async function activePods(admin: Admin, namespace: string, app: string): Promise<readonly Pod[]> {
  return (await admin.list('core/pods', { namespace, selector: `app=${app}` })).filter(isActive);
}

/** A namespace whose ServiceAccount is there, so that people can make pods in it. */
export async function newNamespace(admin: Admin, name: string, more: object = {}): Promise<void> {
  await admin.create('core/namespaces', { metadata: { name, ...more } });
  await admin.waitFor('core/serviceaccounts', { namespace: name, name: 'default' }, (found) => found !== undefined, {
    why: `the ServiceAccount of ${name}`,
  });
}

/** Every record of every log below a replica's directory, in the order of each log; live and crashed ones as well. */
export async function recordsIn(ledgerDir: string): Promise<readonly (Leaf & { readonly log: string })[]> {
  const found: (Leaf & { log: string })[] = [];
  for (const { id, path } of await findLogs(ledgerDir)) {
    const size = (await claimedAnchor(path))?.size ?? 0;
    const take = (entries: readonly Buffer[]): void => {
      for (const leaf of entries.map(parseLeaf)) if (leaf !== undefined) found.push({ ...leaf, log: id });
    };
    for await (const { entries } of bundles(path, size)) take(entries);
    for await (const { entries } of tail(path, size)) take(entries);
  }
  return found;
}

/** The log that a running process writes. */
export async function liveLog({ ledgerDir }: RunningManager): Promise<{ readonly id: string; readonly path: string }> {
  const logs = await Promise.all(
    (await findLogs(ledgerDir)).map(async (log) => ({ ...log, started: (await firstTime(log.path)) ?? '' })),
  );
  const newest = logs.sort((a, b) => (a.started < b.started ? 1 : -1))[0];
  if (newest === undefined) throw new Error(`looking for the log of a running process: ${ledgerDir} has none`);
  return { id: newest.id, path: newest.path };
}

async function firstTime(path: string): Promise<string | undefined> {
  const size = (await claimedAnchor(path))?.size ?? 0;
  const source = size > 0 ? bundles(path, size) : tail(path, 0);
  for await (const { entries } of source) return parseLeaf(entries[0] as Buffer)?.time;
  return undefined;
}

export interface DoorAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * One request at a replica's door, with a client certificate or as nobody; a POST where there is a body. Its certificate
 * is its own: not checked.
 */
export function knock(
  { port }: RunningManager,
  path: string,
  keys?: { readonly certFile: string; readonly keyFile: string },
  body?: string,
): Promise<DoorAnswer> {
  const pair = keys === undefined ? {} : { cert: readFileSync(keys.certFile), key: readFileSync(keys.keyFile) };
  const method = body === undefined ? 'GET' : 'POST';
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method, headers, agent: false, rejectUnauthorized: false, ...pair },
      (answer) => {
        text(answer).then((said) => resolve({ status: answer.statusCode ?? 0, body: said }), reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The value of one metric at a replica's door; 0 while it has none. */
export async function metric(of: Pick<World, 'manager' | 'cluster'>, name: string, labels = ''): Promise<number> {
  const line = (await metricLines(of)).find((one) => one.startsWith(`${name}${labels}`));
  return valueIn(line);
}

/** All series of a metric together. */
export async function metricSum(of: Pick<World, 'manager' | 'cluster'>, name: string): Promise<number> {
  const lines = (await metricLines(of)).filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + valueIn(line), 0);
}

const valueIn = (line = ' 0'): number => Number(line.slice(line.lastIndexOf(' ') + 1));

/** Every series, one a line. */
export async function metricLines({
  manager,
  cluster,
}: Pick<World, 'manager' | 'cluster'>): Promise<readonly string[]> {
  let answer = await knock(manager, '/metrics', cluster.adminKeys);
  // Who asks again and again is told to wait, and does.
  for (let tries = 0; answer.status === 429 && tries < 20; tries++) {
    await setTimeout(250);
    answer = await knock(manager, '/metrics', cluster.adminKeys);
  }
  const { status, body } = answer;
  if (status !== 200) throw new Error(`reading metrics: ${status}`);
  return body.split('\n').filter((line) => !line.startsWith('#'));
}

export const ROOT = join(import.meta.dirname, '../..');
