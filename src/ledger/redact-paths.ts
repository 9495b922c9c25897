import type { Resource } from '#core/resource.ts';

/**
 * What of an object may stand in a body as it is; all else becomes a keyed digest. A dot parts the steps, `*` is any
 * list item or map value, `**` all that lies below. Nothing here may ever hold a tenant's configuration or a secret.
 */
const METADATA = [
  'apiVersion',
  'kind',
  'metadata.name',
  'metadata.generateName',
  'metadata.namespace',
  'metadata.uid',
  'metadata.resourceVersion',
  'metadata.generation',
  'metadata.creationTimestamp',
  'metadata.deletionTimestamp',
  'metadata.deletionGracePeriodSeconds',
  'metadata.finalizers.*',
  'metadata.labels.*',
  'metadata.ownerReferences.**',
];

const CONDITIONS = ['type', 'status', 'reason', 'lastTransitionTime', 'lastUpdateTime', 'observedGeneration'].map(
  (field) => `status.conditions.*.${field}`,
);

const CONTAINER = [
  'name',
  'image',
  'imagePullPolicy',
  'resources.**',
  'securityContext.**',
  'ports.**',
  'restartPolicy',
  'terminationMessagePolicy',
  'env.*.name',
  'volumeMounts.*.name',
  'volumeMounts.*.mountPath',
  'volumeMounts.*.readOnly',
];

const POD_SPEC = [
  'nodeName',
  'nodeSelector.*',
  'serviceAccountName',
  'automountServiceAccountToken',
  'restartPolicy',
  'schedulerName',
  'priorityClassName',
  'priority',
  'preemptionPolicy',
  'runtimeClassName',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'hostUsers',
  'terminationGracePeriodSeconds',
  'activeDeadlineSeconds',
  'dnsPolicy',
  'enableServiceLinks',
  'os.name',
  'securityContext.**',
  'tolerations.**',
  'topologySpreadConstraints.**',
  'volumes.*.name',
  'volumes.*.emptyDir.**',
  'volumes.*.hostPath.**',
  'volumes.*.configMap.name',
  'volumes.*.secret.secretName',
  'volumes.*.persistentVolumeClaim.**',
  'volumes.*.csi.driver',
  ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) =>
    CONTAINER.map((path) => `${list}.*.${path}`),
  ),
];

const TEMPLATE = ['metadata.labels.*', ...POD_SPEC.map((path) => `spec.${path}`)].map(
  (path) => `spec.template.${path}`,
);

const EVENT = [
  'type',
  'reason',
  'action',
  'count',
  'firstTimestamp',
  'lastTimestamp',
  'eventTime',
  'involvedObject.**',
  'regarding.**',
  'series.**',
  'reportingController',
  'reportingComponent',
  'source.component',
  'deprecatedCount',
];

/** Kinds beyond their metadata. A kind that is not here is recorded with its metadata only. */
const KINDS: Partial<Record<Resource, readonly string[]>> = {
  'core/pods': [...POD_SPEC.map((path) => `spec.${path}`), 'status.phase', ...CONDITIONS],
  'apps/replicasets': [
    'spec.replicas',
    'spec.minReadySeconds',
    'spec.selector.**',
    ...TEMPLATE,
    'status.replicas',
    'status.fullyLabeledReplicas',
    'status.readyReplicas',
    'status.availableReplicas',
    'status.terminatingReplicas',
    'status.observedGeneration',
    ...CONDITIONS,
  ],
  'core/serviceaccounts': ['automountServiceAccountToken', 'imagePullSecrets.*.name', 'secrets.*.name'],
  'core/namespaces': ['spec.finalizers.*', 'status.phase', ...CONDITIONS],
  'core/events': EVENT,
  'events.k8s.io/events': EVENT,
  'coordination.k8s.io/leases': ['spec.**'],
};

/** A step of the allow-list: what may follow, and whether what is here may stand. */
export interface Step {
  readonly next: ReadonlyMap<string, Step>;
  readonly keep: 'leaf' | 'all' | 'none';
}
interface Growing {
  next: Map<string, Growing>;
  keep: Step['keep'];
}

function compile(paths: readonly string[]): Step {
  const root: Growing = { next: new Map(), keep: 'none' };
  for (const path of paths) {
    let at = root;
    for (const step of path.split('.')) {
      if (step === '**') {
        at.keep = 'all';
        continue;
      }
      const next: Growing = at.next.get(step) ?? { next: new Map(), keep: 'none' };
      at.next.set(step, next);
      at = next;
    }
    if (at.keep === 'none') at.keep = 'leaf';
  }
  return root;
}

const COMPILED: ReadonlyMap<string, Step> = new Map(
  Object.entries(KINDS).map(([resource, paths]) => [resource, compile([...METADATA, ...(paths ?? [])])]),
);
const METADATA_ONLY = compile(METADATA);

export function allowedPaths(resource: Resource): Step {
  return COMPILED.get(resource) ?? METADATA_ONLY;
}

/** Kinds and subresources whose content is a secret: nothing of it is kept, not even a digest that could be guessed. */
export function isSecret(target: { readonly resource: Resource; readonly subresource?: string }): boolean {
  return target.resource === 'core/secrets' || target.subresource === 'token';
}
