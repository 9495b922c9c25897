/** A control plane with Comptroller on it behind a proxy, under load: what a fault is done to. */
import { admin } from '#kit/admin.ts';
import { builtProgram } from '#kit/built-program.ts';
import { startCluster } from '#local/cluster.ts';
import { install } from '#local/manager.ts';
import { openBetween } from './between/open.ts';
import { Auditing } from './books.ts';
import type { Arena, Draw } from './fault.ts';
import { KeptFleet } from './fleet.ts';
import { Churn } from './load.ts';
import type { OpenShim } from './shim/port.ts';

/** Of `SHORT_LEASE`: what a take-over is measured against. */
export const LEASE_SECONDS = 8;
export const RETRY_MS = 500;
const NODES = 8;

export interface ArenaOptions {
  readonly replicas: number;
  /** Of every replica. */
  readonly flags: readonly string[];
  /** Opens the shim that every replica runs with; none does when undefined. */
  readonly shim?: OpenShim | undefined;
  /** Of the load. */
  readonly draw: Draw;
  /** Milliseconds between two changes of the load; five a second by default. */
  readonly every?: number | undefined;
  say(line: string): void;
}

export interface OpenArena extends Arena {
  readonly auditing: Auditing;
  /** Another fault draws from a sequence of its own. */
  with(draw: Draw): Arena;
  close(): Promise<void>;
}

/** Resolves when a replica leads and the load has begun. */
export async function openArena({
  replicas,
  flags,
  shim: openShim,
  draw,
  every,
  say,
}: ArenaOptions): Promise<OpenArena> {
  const program = await builtProgram();
  const cluster = await startCluster({ name: 'chaos', nodes: NODES, progress: say });
  const closers: (() => unknown)[] = [() => cluster.stop()];
  const close = async (): Promise<void> => {
    for (const step of closers.splice(0).reverse()) await step();
  };
  try {
    const person = admin(cluster);
    closers.push(() => person.close());
    const between = await openBetween(cluster);
    closers.push(() => between.close());
    const at = await install(cluster, { server: between.server });
    const opened = await openShim?.(cluster.directory);
    closers.push(() => opened?.close());
    const names = Array.from({ length: replicas }, (_, index) => String.fromCharCode('a'.charCodeAt(0) + index));
    const environment = (name: string) => opened?.environment(name);
    const fleet = new KeptFleet({ cluster, admin: person, at, program, names, flags, environment, say });
    closers.push(() => fleet.close());
    await fleet.start();
    await fleet.leader();
    const load = new Churn(person, draw, every);
    closers.push(() => load.close());
    load.resume();
    const auditing = new Auditing({
      auditLog: cluster.auditLog,
      ledgerDirs: fleet.replicas.map(({ ledgerDir }) => ledgerDir),
      stateDirs: fleet.replicas.map(({ stateDir }) => stateDir),
    });
    auditing.learnKeys();
    const arena: Arena = { cluster, admin: person, at, fleet, between, shim: opened?.shim, load, draw, say };
    return { ...arena, auditing, with: (other) => ({ ...arena, draw: other }), close };
  } catch (error) {
    await close();
    throw error;
  }
}
