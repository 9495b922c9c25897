import { deepFreeze } from '#core/json.ts';
import type {
  ClusterRole,
  ConfigMap,
  Deployment,
  DeploymentSpec,
  DeploymentStatus,
  Job,
  LabelSelector,
  Namespace,
  Node,
  ObjectMeta,
  OwnerReference,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  PolicyRule,
  ReplicaSet,
  ReplicaSetSpec,
  ReplicaSetStatus,
  ServiceAccount,
  Taint,
} from '#core/k8s/types.gen.ts';
import { ownerReference } from '#core/owner.ts';

type Meta = Partial<{ -readonly [K in keyof ObjectMeta]: ObjectMeta[K] }>;

const BORN = '2026-01-01T00:00:00Z';

/** Metadata as the API server would have filled it in; the uid is the name's, so that tests read well. */
function metadata(name: string, more: Meta, namespace: string | undefined): ObjectMeta {
  return {
    ...(namespace !== undefined && { namespace }),
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: BORN,
    ...more,
  };
}

export function namespace(name: string, phase = 'Active', more: Meta = {}): Namespace {
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: metadata(name, more, undefined),
    status: { phase },
  });
}

export function serviceAccount(at: { namespace?: string; name: string }, more: Meta = {}): ServiceAccount {
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(at.name, more, at.namespace ?? 'default'),
  });
}

export function configMap(
  at: { namespace?: string; name: string },
  data: Readonly<Record<string, string>>,
  more: Meta = {},
): ConfigMap {
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(at.name, more, at.namespace ?? 'default'),
    data,
  });
}

export interface DeploymentWish {
  readonly name?: string;
  readonly replicas?: number;
  readonly image?: string;
  readonly selector?: LabelSelector;
  /** Beside selector, replicas and template. */
  readonly spec?: Partial<DeploymentSpec>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly metadata?: Meta;
  readonly status?: DeploymentStatus;
}

/** A Deployment that selects `app: web` and rolls with API defaults (25 %, 600 s, 10 revisions). */
export function deployment(wish: DeploymentWish = {}): Deployment {
  const labels = { app: 'web' };
  return deepFreeze({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(
      wish.name ?? 'web',
      { generation: 1, ...(wish.annotations && { annotations: wish.annotations }), ...wish.metadata },
      wish.metadata?.namespace ?? 'default',
    ),
    spec: {
      replicas: wish.replicas ?? 1,
      selector: wish.selector ?? { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      template: templateOf(wish.image ?? 'app:1', labels),
      ...wish.spec,
    },
    status: wish.status ?? {},
  });
}

const templateOf = (image: string, labels: Readonly<Record<string, string>>): PodTemplateSpec => ({
  metadata: { labels },
  spec: { containers: [{ name: 'app', image, resources: {} }] },
});

export interface RevisionWish {
  readonly image: string;
  readonly revision: number;
  readonly replicas: number;
  /** Of its pods: 0 by default; `at` of them exist by default as many as wished. */
  readonly available?: number;
  readonly at?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly metadata?: Meta;
  readonly status?: Partial<ReplicaSetStatus>;
}

/** A ReplicaSet of a Deployment, named `<deployment>-<revision>`, scaled for its size; the higher its revision, the younger. */
export function revisionOf(owner: Deployment, wish: RevisionWish): ReplicaSet {
  const { name = '', uid = '' } = owner.metadata ?? {};
  const labels = { app: 'web', 'pod-template-hash': `h${wish.revision}` };
  const desired = owner.spec.replicas ?? 1;
  const at = wish.at ?? wish.replicas;
  return replicaSet({
    name: `${name}-${wish.revision}`,
    replicas: wish.replicas,
    labels,
    template: templateOf(wish.image, labels),
    metadata: {
      labels,
      creationTimestamp: `2026-01-01T00:00:${String(wish.revision).padStart(2, '0')}Z`,
      annotations: {
        'deployment.kubernetes.io/revision': String(wish.revision),
        'deployment.kubernetes.io/desired-replicas': String(desired),
        'deployment.kubernetes.io/max-replicas': String(desired + Math.ceil(desired / 4)),
        ...wish.annotations,
      },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true, blockOwnerDeletion: true },
      ],
      ...wish.metadata,
    },
    status: {
      replicas: at,
      readyReplicas: wish.available ?? 0,
      availableReplicas: wish.available ?? 0,
      terminatingReplicas: 0,
      observedGeneration: 1,
      ...wish.status,
    },
  });
}

export interface ReplicaSetWish {
  readonly name?: string;
  readonly replicas?: number;
  readonly minReadySeconds?: number;
  readonly selector?: LabelSelector;
  readonly labels?: Readonly<Record<string, string>>;
  readonly template?: ReplicaSetSpec['template'];
  readonly metadata?: Meta;
  readonly status?: ReplicaSetStatus;
}

/** A ReplicaSet that selects `app: web`; its status says nothing yet. */
export function replicaSet(wish: ReplicaSetWish = {}): ReplicaSet {
  const labels = wish.labels ?? { app: 'web' };
  return deepFreeze({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadata(wish.name ?? 'web', { generation: 1, ...wish.metadata }, wish.metadata?.namespace ?? 'default'),
    spec: {
      replicas: wish.replicas ?? 1,
      ...(wish.minReadySeconds !== undefined && { minReadySeconds: wish.minReadySeconds }),
      selector: wish.selector ?? { matchLabels: labels },
      template: wish.template ?? { metadata: { labels }, spec: SPEC },
    },
    status: wish.status ?? { replicas: 0 },
  });
}

const SPEC: PodSpec = deepFreeze({ containers: [{ name: 'app', image: 'registry.example/app:1' }] });

export interface PodWish {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly owner?: ReplicaSet;
  readonly owners?: readonly OwnerReference[];
  readonly phase?: string;
  readonly node?: string;
  /** Since when it is ready; absent: it is not. */
  readonly readySince?: string;
  readonly deleting?: string;
  readonly metadata?: Meta;
  readonly spec?: Partial<PodSpec>;
  readonly status?: PodStatus;
}

/** A running pod with the labels `app: web`, on a node. */
export function pod(wish: PodWish = {}): Pod {
  const owners = wish.owners ?? (wish.owner === undefined ? [] : [ownerReference('apps/replicasets', wish.owner)]);
  const node = wish.node ?? 'node-1';
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(
      wish.name ?? 'web-1',
      {
        labels: wish.labels ?? { app: 'web' },
        ...(owners.length > 0 && { ownerReferences: owners }),
        ...(wish.deleting !== undefined && { deletionTimestamp: wish.deleting, deletionGracePeriodSeconds: 30 }),
        ...wish.metadata,
      },
      wish.metadata?.namespace ?? wish.owner?.metadata?.namespace ?? 'default',
    ),
    spec: { ...SPEC, ...(node !== '' && { nodeName: node }), ...wish.spec },
    status: {
      phase: wish.phase ?? 'Running',
      ...(wish.readySince !== undefined && {
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: wish.readySince }],
      }),
      ...wish.status,
    },
  });
}

export interface JobWish {
  readonly name?: string;
  readonly ttl?: number;
  /** When it finished; absent: it runs. */
  readonly finishedAt?: string;
  readonly failed?: boolean;
  readonly metadata?: Meta;
}

/** A Job of one pod. */
export function job({ name = 'pi', ttl, finishedAt, failed = false, metadata: more = {} }: JobWish = {}): Job {
  const type = failed ? 'Failed' : 'Complete';
  return deepFreeze({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata(name, more, more.namespace ?? 'default'),
    spec: {
      template: { spec: { ...SPEC, restartPolicy: 'Never' } },
      ...(ttl !== undefined && { ttlSecondsAfterFinished: ttl }),
    },
    status: {
      ...(finishedAt !== undefined && { conditions: [{ type, status: 'True', lastTransitionTime: finishedAt }] }),
    },
  });
}

export interface ClusterRoleWish {
  readonly rules?: readonly PolicyRule[];
  /** The selectors of an aggregated one. */
  readonly aggregates?: readonly LabelSelector[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly metadata?: Meta;
}

export function clusterRole(
  name: string,
  { rules, aggregates, labels, metadata: more }: ClusterRoleWish = {},
): ClusterRole {
  return deepFreeze({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: metadata(name, { ...(labels !== undefined && { labels }), ...more }, undefined),
    ...(aggregates !== undefined && { aggregationRule: { clusterRoleSelectors: aggregates } }),
    ...(rules !== undefined && { rules }),
  });
}

export interface NodeWish {
  readonly ready?: boolean;
  readonly taints?: readonly Taint[];
  readonly metadata?: Meta;
}

/** A node that is ready. */
export function node(name: string, { ready = true, taints, metadata: more = {} }: NodeWish = {}): Node {
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(name, more, undefined),
    spec: { ...(taints !== undefined && { taints }) },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
  });
}
