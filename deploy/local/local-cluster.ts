import type { ClusterUser, KeyFiles, Subject } from './pki.ts';
import type { RunSpec } from './supervision.ts';
import type { ManagedProcess } from './supervisor.ts';

/**
 * Who runs the control loops: nobody, upstream's kube-controller-manager (started with the cluster), or Comptroller,
 * which whoever composes the two starts.
 */
export type ManagerKind = 'none' | 'upstream' | 'comptroller';

export interface ClusterOptions {
  readonly name?: string;
  /** Simulated nodes; 4 by default. */
  readonly nodes?: number;
  /** `none` by default. */
  readonly manager?: ManagerKind;
  /** Instead of `deploy/audit-policy.yaml`: for tests of what an incomplete audit log does. */
  readonly auditPolicyFile?: string;
  /** APIs that the API server serves beside its defaults, as its flag `--runtime-config` names them. */
  readonly runtimeConfig?: string;
  /** Instead of a temporary one. */
  readonly directory?: string;
  /** Leaves the directory where it is when the cluster ends. */
  readonly keep?: boolean;
  /** Told what is built and started, a line at a time. */
  readonly progress?: (line: string) => void;
}

/** Milliseconds since `startCluster` was called, without the time to build. */
export interface BootTimes {
  /** The API server answers /readyz. */
  readonly api: number;
  /** The scheduler is healthy, and every node is Ready. */
  readonly ready: number;
}

/** A real control plane on this machine. Everything in it ends when the process that started it does. */
export interface LocalCluster {
  readonly name: string;
  readonly manager: ManagerKind;
  readonly directory: string;
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  /** CA of the API server's certificate, PEM. */
  readonly caFile: string;
  /** The same, for `--root-ca-file`: what pods get as kube-root-ca.crt. */
  readonly rootCaFile: string;
  /** Signs the cluster's own clients and servers. */
  readonly clusterCa: KeyFiles;
  /** For Comptroller's keeper. The API server trusts clients that it signed. */
  readonly comptrollerCa: KeyFiles;
  /** Of the API server itself; and whom it takes for a front proxy. For who stands in between. */
  readonly serving: KeyFiles;
  readonly frontProxyClient: KeyFiles;
  /** Signs service-account tokens, PKCS#8 PEM. */
  readonly serviceAccountKeyFile: string;
  /** JSON lines, written before each answer. */
  readonly auditLog: string;
  /** Of the administrator (`system:masters`). */
  readonly kubeconfig: string;
  readonly adminKeys: KeyFiles;
  readonly boot: BootTimes;
  /** Pids of everything that runs for this cluster now, by name; `supervisor` is their parent. */
  pids(): ReadonlyMap<string, number>;
  kubeconfigFor(user: ClusterUser): string;
  /** A client certificate of the cluster's CA (or of another) and a kubeconfig for any user. */
  issue(subject: Subject, ca?: KeyFiles): Promise<KeyFiles & { readonly kubeconfig: string }>;
  /** Runs a program that ends with the cluster at the latest: Comptroller, a second replica, a test's helper. */
  run(spec: RunSpec): Promise<ManagedProcess>;
  /** SIGKILL; resolves when it is gone. */
  killApiServer(): Promise<void>;
  /** On the same port, with the same data; resolves when it is ready. */
  startApiServer(): Promise<void>;
  restartApiServer(): Promise<void>;
  /** In order; the API server goes on without it as well as it can. */
  stopEtcd(): Promise<void>;
  /** On the same ports, with the same data; resolves when the API server is ready again. */
  startEtcd(): Promise<void>;
  /** Drops etcd's history before now; returns its revision. */
  compactEtcd(): Promise<number>;
  /** Keeps a copy of the store as it is now, in the place of what was kept before. */
  keepStore(): void;
  /**
   * Back to the copy, and resourceVersions with it, as an operator would: the API server is down meanwhile, and
   * everything but Comptroller is started afresh. Resolves when all are healthy.
   */
  restoreStore(): Promise<void>;
  /** Upstream's kube-controller-manager, built on demand; resolves when it is healthy. */
  startUpstreamManager(flags?: readonly string[]): Promise<ManagedProcess & { readonly port: number }>;
  /** Adds simulated nodes and waits until they are Ready; returns their names. */
  addNodes(count: number): Promise<readonly string[]>;
  /** Ends everything and removes the directory, unless `keep`. May be called again. */
  stop(): Promise<void>;
  /** Resolves when the cluster has ended, for whatever reason. */
  readonly stopped: Promise<void>;
}
