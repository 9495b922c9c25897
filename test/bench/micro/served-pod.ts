/** A pod as an API server serves it: defaults, status and managed fields; about 4 KB. */
export function servedPod(n: number, version: number, phase: 'Pending' | 'Running' = 'Pending'): object {
  const name = `web-7d4b9c6f5d-${n.toString(36).padStart(5, '0')}`;
  const time = '2026-01-01T00:00:00Z';
  const condition = (type: string) => ({
    type,
    status: phase === 'Running' || type === 'PodScheduled' ? 'True' : 'False',
    lastProbeTime: null,
    lastTransitionTime: time,
  });
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      generateName: 'web-7d4b9c6f5d-',
      namespace: `team-${n % 50}`,
      uid: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
      resourceVersion: String(version),
      generation: 1,
      creationTimestamp: time,
      labels: { app: 'web', tier: 'web', 'pod-template-hash': '7d4b9c6f5d' },
      ownerReferences: [owner(n % 500)],
      managedFields: [managed('kube-controller-manager', spec(n)), managed('kubelet', { conditions: {}, phase: {} })],
    },
    spec: spec(n),
    status: {
      phase,
      conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
        condition,
      ),
      hostIP: '10.0.0.1',
      podIP: `10.244.${(n >> 8) % 256}.${n % 256}`,
      podIPs: [{ ip: `10.244.${(n >> 8) % 256}.${n % 256}` }],
      startTime: time,
      containerStatuses: [
        {
          name: 'main',
          state: phase === 'Running' ? { running: { startedAt: time } } : { waiting: { reason: 'ContainerCreating' } },
          lastState: {},
          ready: phase === 'Running',
          restartCount: 0,
          image: 'registry.example/web:1',
          imageID: 'registry.example/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
          containerID: `containerd://${n.toString(16).padStart(64, '0')}`,
          started: phase === 'Running',
        },
      ],
      qosClass: 'Burstable',
    },
  };
}

const owner = (set: number) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: `web-${set}`,
  uid: `00000000-0000-4000-9000-${set.toString(16).padStart(12, '0')}`,
  controller: true,
  blockOwnerDeletion: true,
});

function spec(n: number): object {
  const probe = { httpGet: { path: '/ready', port: 8080, scheme: 'HTTP' }, timeoutSeconds: 1, periodSeconds: 10 };
  return {
    volumes: [{ name: 'kube-api-access', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
    containers: [
      {
        name: 'main',
        image: 'registry.example/web:1',
        ports: [{ containerPort: 8080, protocol: 'TCP' }],
        env: Array.from({ length: 6 }, (_, at) => ({ name: `SETTING_${at}`, value: `value-${at}` })),
        resources: { limits: { memory: '64Mi' }, requests: { cpu: '10m', memory: '16Mi' } },
        volumeMounts: [{ name: 'kube-api-access', readOnly: true, mountPath: '/var/run/secrets' }],
        readinessProbe: { ...probe, successThreshold: 1, failureThreshold: 3 },
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'IfNotPresent',
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    nodeName: `node-${n % 100}`,
    securityContext: {},
    schedulerName: 'default-scheduler',
    tolerations: ['not-ready', 'unreachable'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  };
}

/** Server-side apply's books: each field once more, as `f:` keys. */
function managed(manager: string, of: object): object {
  const fields = (value: unknown): object =>
    typeof value !== 'object' || value === null
      ? {}
      : Object.fromEntries(Object.entries(value).map(([key, inner]) => [`f:${key}`, fields(inner)]));
  const fieldsV1 = { 'f:spec': fields(of) };
  return {
    manager,
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
  };
}
