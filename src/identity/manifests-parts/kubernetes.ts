/** The few kinds that are generated, as far as they are used here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [part: string]: unknown;
}

/** One file of `deploy/`, and what is in it, in the order to apply it. */
export interface ManifestFile {
  /** `rbac/replicaset.yaml`. */
  readonly file: string;
  readonly objects: readonly Manifest[];
}

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Of one of Comptroller's own doors. */
export interface DoorRule {
  readonly nonResourceURLs: readonly string[];
  readonly verbs: readonly string[];
}

export const SYSTEM_NAMESPACE = 'comptroller-system';

/** On every generated object, so that an operator can list and prune them. */
export const LABELS = { 'app.kubernetes.io/part-of': 'comptroller' } as const;
