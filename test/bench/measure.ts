/** One phase of one shape with one manager, measured from outside. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LocalCluster } from '#local/local-cluster.ts';
import type { Running } from './managers.ts';
import type { Manager } from './options.ts';
import { type Requests, requestsBetween, sizeOf } from './requests.ts';
import type { Phase, Stage } from './shapes.ts';
import { cpuOf, cpuOfMachine } from './usage.ts';

export interface Measured {
  readonly shape: string;
  readonly phase: string;
  readonly manager: Manager;
  readonly round: number;
  /** Seconds from the first request until everything is as wished. */
  readonly wall: number;
  /** CPU seconds of all the manager's processes, with what they still did afterwards. */
  readonly cpu: number;
  /** Of kube-apiserver, etcd, kube-scheduler and kwok. */
  readonly controlPlane: number;
  /** Processors that others on this machine kept busy meanwhile. */
  readonly others: number;
  readonly requests: Requests;
}

export interface Counters {
  readonly time: number;
  readonly audit: number;
  readonly manager: number;
  readonly cluster: number;
  readonly self: number;
  readonly machine: number;
}

export type OfPhase = Omit<Measured, 'shape' | 'round'>;

export async function measure(
  phase: Phase,
  stage: Stage,
  cluster: LocalCluster,
  { manager, pid }: Running,
): Promise<OfPhase> {
  const act = await phase.prepare(stage);
  await quiet(pid);
  const before = counters(cluster, pid);
  await act();
  const wall = (performance.now() - before.time) / 1000;
  await quiet(pid);
  return tally(cluster, { phase: phase.name, manager, wall }, before, counters(cluster, pid));
}

/** What was used between two looks. */
export async function tally(
  { auditLog }: LocalCluster,
  of: Pick<Measured, 'phase' | 'manager' | 'wall'>,
  before: Counters,
  after: Counters,
): Promise<OfPhase> {
  const passed = (counter: keyof Counters): number => after[counter] - before[counter];
  return {
    ...of,
    cpu: passed('manager'),
    controlPlane: passed('cluster') - passed('manager'),
    others: Math.max(0, (passed('machine') - passed('cluster') - passed('self')) / (passed('time') / 1000)),
    requests: await requestsBetween(auditLog, of.manager, { from: before.audit, to: after.audit }),
  };
}

/** Without a pid: before the manager has started. */
export function counters(cluster: LocalCluster, pid?: number): Counters {
  const { user, system } = process.cpuUsage();
  return {
    time: performance.now(),
    audit: sizeOf(cluster.auditLog),
    manager: pid === undefined ? 0 : cpuOf(pid),
    // The manager is one of its children.
    cluster: cpuOf(cluster.pids().get('supervisor') ?? 0),
    self: (user + system) / 1e6,
    machine: cpuOfMachine(),
  };
}

/** Until a manager has nothing left to do: under a tenth of a processor, twice; five seconds at most. */
export async function quiet(pid: number): Promise<void> {
  let last = cpuOf(pid);
  for (let calm = 0, looks = 0; calm < 2 && looks < 25; looks++) {
    await pause(200);
    const now = cpuOf(pid);
    calm = now - last < 0.025 ? calm + 1 : 0;
    last = now;
  }
}
