/** What a fault is, and what it may touch: the contract between the harness and the files in faults/. Types only. */
import type { Admin } from '#kit/admin.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import type { Installation, RunningManager } from '#local/manager.ts';
import type { Exit } from '#local/supervision.ts';
import type { Between } from './between/port.ts';

/** Seeded: the same seed hurts in the same places. */
export interface Draw {
  /** Both ends included. */
  int(min: number, max: number): number;
  of<T>(list: readonly T[]): T;
  chance(share: number): boolean;
}

/** A replica that is started again when it ends, as systemd or a kubelet would. */
export interface Replica {
  readonly name: string;
  readonly ledgerDir: string;
  readonly stateDir: string;
  /** Undefined between an end and the next start. */
  readonly process: RunningManager | undefined;
}

export interface Ended {
  readonly replica: string;
  readonly exit: Exit;
  /** Asked for by `kill`, or by itself. */
  readonly wanted: boolean;
  /** The end of what it logged. */
  readonly said: string;
}

export interface Fleet {
  readonly replicas: readonly Replica[];
  /** Who holds the Lease and is at work; waits for one. */
  leader(patience?: { readonly timeout: number }): Promise<Replica>;
  /** Ends one with a signal (SIGKILL by default); it is started again at once unless it is held. */
  kill(replica: Replica, signal?: NodeJS.Signals): Promise<Exit>;
  /** Does not start a replica again until `release`: for faults that need it down. */
  hold(replica: Replica): void;
  /** Starts it again, from now on with these flags as well. */
  release(replica: Replica, flags?: readonly string[]): Promise<void>;
  /** Every end since the arena was built, in order. */
  readonly ended: readonly Ended[];
}

/** Deployments and namespaces that come, roll, scale and go all the time, by a client that does not pass the proxy. */
export interface Load {
  /** Stops the changes and waits until everything is as wished; throws, naming what is not. */
  settle(patience?: { readonly timeout: number }): Promise<void>;
  resume(): void;
  /** Takes what is there as what is wished: for faults after which the store is not what it was. Changes are stopped. */
  adopt(): Promise<void>;
  /** Changes made so far. */
  readonly changes: number;
}

/** Faults below libc, for the processes of this arena: delays and errors of disk writes, and what time it is. */
export interface Shim {
  /** Applies from the next call on; an empty object heals. Durations in milliseconds. */
  set(faults: ShimFaults, replica?: Replica): void;
}

export interface ShimFaults {
  /** Added to the wall clock; the monotonic one goes on. */
  readonly clock?: number;
  /** Of fdatasync and fsync below the ledger. */
  readonly syncDelay?: number;
  readonly syncError?: 'EIO' | 'ENOSPC';
  readonly writeError?: 'EIO' | 'ENOSPC' | 'EROFS';
}

export interface Arena {
  readonly cluster: LocalCluster;
  readonly admin: Admin;
  readonly at: Installation;
  readonly fleet: Fleet;
  /** Every replica reaches the API server through it; it passes everything until told otherwise. */
  readonly between: Between;
  /** Only where the fault asked for it. */
  readonly shim: Shim | undefined;
  readonly load: Load;
  readonly draw: Draw;
  say(line: string): void;
}

export interface Needs {
  /** 1 by default. */
  readonly replicas?: number;
  readonly shim?: boolean;
  /** The lease as it is by default, instead of the short one that take-overs are measured with. */
  readonly usualLease?: boolean;
  /** An arena for itself: what it leaves would disturb the next fault. */
  readonly alone?: boolean;
}

/** What the books of an arena cannot show after a fault that takes records away, each for a reason that stands in the table. */
export interface Excuse {
  readonly finding: 'unrecorded' | 'unseen' | 'unverifiable' | 'epochs';
  readonly because: string;
}

/** Shown in the table: `{ 'took over': '4.8 s' }`. */
export type Measured = Readonly<Record<string, string | number>>;

export interface Fault {
  readonly name: string;
  readonly group:
    | 'process'
    | 'failover'
    | 'transport'
    | 'answers'
    | 'store'
    | 'disk'
    | 'ledger'
    | 'clock'
    | 'identity'
    | 'policy'
    | 'tenant'
    | 'flood';
  /** One sentence for the table: what must hold. */
  readonly expects: string;
  readonly needs?: Needs;
  readonly excuses?: readonly Excuse[];
  /** How often a process may end by itself while it lasts; 0 by default. */
  readonly ends?: number;
  /** How often in a full run; 1 by default. */
  readonly times?: number;
  /** Milliseconds until everything must be as wished after it; 60,000 by default. */
  readonly recovery?: number;
  /**
   * Hurts, looks, and heals: when it returns nothing is broken any more. Throws where what it expects did not hold.
   * The harness then waits for the load, and reads ledger, audit log and ends of processes.
   */
  inflict(arena: Arena, full: boolean): Promise<Measured>;
}
