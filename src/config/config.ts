import type { Ms } from '#core/time.ts';
import type { ServingConfig } from '#doors/port.ts';
import type { BreakerLimits } from '#gate/breaker/port.ts';

/** What `comptroller run` was told, checked, complete and frozen. Paths are as given. */
export interface Config {
  readonly mode: 'enforce';
  readonly kubeconfig: string;
  /** Overrides the server of the kubeconfig. */
  readonly master?: string;
  /** Names of the controllers that run. */
  readonly controllers: readonly string[];
  /** How many keys at once, by the loop's `workersFlag`. */
  readonly workers: ReadonlyMap<string, number>;
  /** Each controller's own budget of writes. */
  readonly api: { readonly qps: number; readonly burst: number };
  /** Its further budgets: of one verb, in one namespace, for one reconciled object; and of all, in bytes for a namespace. */
  readonly budgets: Readonly<Record<'verb' | 'namespace' | 'owner' | 'bytes', BudgetConfig>>;
  readonly leaderElection: LeaderElectionConfig;
  readonly serving: ServingConfig;
  readonly cluster: {
    readonly name: string;
    readonly rootCaFile?: string;
    readonly terminatedPodGcThreshold: number;
  };
  readonly endpoints: {
    readonly maxPerSlice: number;
    readonly sliceUpdatesBatchPeriod: Ms;
    readonly updatesBatchPeriod: Ms;
  };
  readonly namespaces: { readonly syncPeriod: Ms };
  readonly identity: {
    readonly namingMode: 'comptroller' | 'upstream';
    readonly certificateLifetime: Ms;
  };
  readonly keeper: {
    /** Of a keeper that runs already. */
    readonly socket?: string;
    /** For a keeper that run starts; only the path of the key is known here. */
    readonly caCertFile?: string;
    readonly caKeyFile?: string;
  };
  readonly policy: { readonly bundle?: string; readonly keys: readonly string[] };
  /** What may be taken away before a person is asked. */
  readonly breaker: BreakerLimits;
  readonly stateDir: string;
  readonly ledgerDir: string;
  readonly log: { readonly format: 'json' | 'text'; readonly verbosity: number };
  /** What was accepted without effect, to be logged at the start. */
  readonly warnings: readonly string[];
}

export interface BudgetConfig {
  /** Writes, or bytes, a second. */
  readonly rate: number;
  readonly burst: number;
}

export interface LeaderElectionConfig {
  readonly enabled: boolean;
  readonly leaseDuration: Ms;
  readonly renewDeadline: Ms;
  readonly retryPeriod: Ms;
  readonly name: string;
  readonly namespace: string;
}
