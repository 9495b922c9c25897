import type { LocalCluster } from './local-cluster.ts';

/** Comptroller, as it runs on a local cluster. */
export interface ManagedComptroller {
  readonly pid: number;
  /** Ends it in order: drained, lease released, ledger closed. */
  stop(): Promise<void>;
}

/** What `manager.ts` exports as `startComptroller`; resolves when its controllers are at work. */
export type StartComptroller = (cluster: LocalCluster) => Promise<ManagedComptroller>;
