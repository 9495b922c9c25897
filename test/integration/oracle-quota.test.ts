import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Container, PersistentVolumeClaim, Pod, ResourceQuota, Service } from '#core/k8s/types.gen.ts';
import { demandOn, hasRoom, quotaOf } from '#core/quota/admits.ts';
import { evaluatorOf } from '#core/quota/evaluators.ts';
import { withDefaults } from '#core/quota/pods.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { NOW } from '#kit/draw.ts';
import { buildOracle, compareWith, type Oracle } from '#kit/oracle.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await buildOracle();
});

interface Answer {
  readonly usage: Readonly<Record<string, string>>;
  readonly tracked: readonly string[] | null;
  readonly refusal: string | null;
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 2) => fc.option(arbitrary, { nil: undefined, freq });
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [], noNullPrototype: true });

const POD_NAMES = [
  'cpu',
  'cpu',
  'memory',
  'memory',
  'ephemeral-storage',
  'hugepages-2Mi',
  'nvidia.com/gpu',
  'example.com/constructor',
  'deviceclass.resource.kubernetes.io/fast',
  'node.kubernetes.io/odd',
  'requests.example.com/odd',
  'plain',
];
const drawAmount = fc.constantFrom('0', '1', '2', '100m', '1500m', '0.1', '64Mi', '1Gi', '3e2', '1n', '2k');
const drawList = fc.dictionary(fc.constantFrom(...POD_NAMES), drawAmount, { maxKeys: 4, noNullPrototype: true });
const drawLists = record({ requests: drawList, limits: drawList });

const drawContainer = (names: readonly string[], sidecars: boolean): fc.Arbitrary<Container> =>
  fc
    .tuple(
      fc.constantFrom(...names),
      maybe(drawLists, 6),
      sidecars ? fc.constantFrom(undefined, 'Always') : fc.constant(undefined),
    )
    .map(([name, resources, restartPolicy]) => ({
      name,
      ...(resources && { resources }),
      ...(restartPolicy && { restartPolicy }),
    }));

const drawStatuses = fc.array(
  fc
    .tuple(fc.constantFrom('a', 'b', 'i'), maybe(drawList), maybe(drawLists))
    .map(([name, allocatedResources, resources]) => ({
      name,
      image: '',
      imageID: '',
      ready: true,
      restartCount: 0,
      ...(allocatedResources && { allocatedResources }),
      ...(resources && { resources }),
    })),
  { maxLength: 2 },
);

const drawTerm = record({
  topologyKey: fc.constant('zone'),
  namespaces: fc.subarray(['other']),
  namespaceSelector: fc.constant({}),
});
const drawAffinity = record({
  requiredDuringSchedulingIgnoredDuringExecution: fc.array(drawTerm, { maxLength: 1 }),
  preferredDuringSchedulingIgnoredDuringExecution: fc.array(
    drawTerm.map((podAffinityTerm) => ({ weight: 1, podAffinityTerm })),
    { maxLength: 1 },
  ),
});

const drawSpec = record({
  containers: fc.array(drawContainer(['a', 'b'], false), { minLength: 1, maxLength: 2 }),
  initContainers: fc.array(drawContainer(['i', 'j', 'k'], true), { maxLength: 3 }),
  resources: drawLists,
  overhead: drawList,
  activeDeadlineSeconds: fc.constantFrom(0, 1, -1),
  priorityClassName: fc.constantFrom('', 'high', 'low', 'constructor'),
  affinity: record({ podAffinity: drawAffinity, podAntiAffinity: drawAffinity }),
});
const drawStatus = record({
  phase: fc.constantFrom('Running', 'Pending', 'Failed', 'Succeeded'),
  qosClass: fc.constantFrom('BestEffort', 'Burstable', ''),
  containerStatuses: drawStatuses,
  initContainerStatuses: drawStatuses,
  conditions: fc.constantFrom(
    [],
    [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }],
    [{ type: 'PodResizePending', status: 'True', reason: 'Deferred' }],
  ),
});
const drawDeletion = fc.constantFrom(
  {},
  {},
  {},
  { deletionTimestamp: '2026-03-01T11:59:50Z', deletionGracePeriodSeconds: 5 },
  { deletionTimestamp: '2026-03-01T11:59:50Z', deletionGracePeriodSeconds: 30 },
);
const drawPod = fc.tuple(drawSpec, maybe(drawStatus, 1), drawDeletion).map(([spec, status, deletion]) => ({
  metadata: { name: 'x', namespace: 'a', ...deletion },
  spec: { containers: [], ...spec },
  ...(status && { status }),
})) as unknown as fc.Arbitrary<Pod>;

const drawService = record({
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  allocateLoadBalancerNodePorts: fc.boolean(),
  ports: fc.array(record({ port: fc.constant(80), nodePort: fc.constantFrom(0, 30_000) }), { maxLength: 3 }),
}).map((spec) => ({ metadata: { name: 'x', namespace: 'a' }, spec })) as unknown as fc.Arbitrary<Service>;

const drawStorage = record({ storage: fc.constantFrom('1Gi', '1500m', '2G', '1', '0.1') });
const drawClass = fc.constantFrom('', 'gold', 'constructor');
const drawClaim = fc
  .tuple(
    record({
      storageClassName: drawClass,
      resources: record({ requests: drawStorage }),
      volumeAttributesClassName: drawClass,
    }),
    record({
      allocatedResources: drawStorage,
      currentVolumeAttributesClassName: drawClass,
      modifyVolumeStatus: drawClass.map((targetVolumeAttributesClassName) => ({
        targetVolumeAttributesClassName,
        status: 'Pending',
      })),
    }),
    fc.constantFrom({}, {}, { 'volume.beta.kubernetes.io/storage-class': 'beta' }),
  )
  .map(([spec, status, annotations]) => ({
    metadata: { name: 'x', namespace: 'a', annotations },
    spec,
    status,
  })) as unknown as fc.Arbitrary<PersistentVolumeClaim>;

const QUOTA_NAMES = [
  'pods',
  'count/pods',
  'cpu',
  'requests.cpu',
  'limits.cpu',
  'requests.memory',
  'limits.memory',
  'ephemeral-storage',
  'limits.ephemeral-storage',
  'hugepages-2Mi',
  'requests.hugepages-2Mi',
  'requests.nvidia.com/gpu',
  'requests.example.com/constructor',
  'requests.deviceclass.resource.kubernetes.io/fast',
  'requests.node.kubernetes.io/odd',
  'requests.plain',
  'services',
  'count/services',
  'services.nodeports',
  'services.loadbalancers',
  'persistentvolumeclaims',
  'count/persistentvolumeclaims',
  'requests.storage',
  'gold.storageclass.storage.k8s.io/requests.storage',
  'gold.storageclass.storage.k8s.io/persistentvolumeclaims',
  'constructor.storageclass.storage.k8s.io/requests.storage',
  'configmaps',
  'count/configmaps',
  'count/deployments.apps',
  'constructor',
];
const drawScope = fc.oneof(
  fc.constantFrom('Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'CrossNamespacePodAffinity'),
  fc.constantFrom('PriorityClass', 'VolumeAttributesClass', 'Unknown'),
);
const drawRequirement = fc.oneof(
  fc
    .tuple(fc.constantFrom('PriorityClass', 'VolumeAttributesClass'), fc.constantFrom('In', 'NotIn'))
    .chain(([scopeName, operator]) =>
      fc
        .subarray(['high', 'low', 'gold', 'constructor'], { minLength: 1 })
        .map((values) => ({ scopeName, operator, values })),
    ),
  fc
    .tuple(fc.constantFrom('PriorityClass', 'VolumeAttributesClass'), fc.constantFrom('Exists', 'DoesNotExist'))
    .map(([scopeName, operator]) => ({ scopeName, operator })),
);

const drawQuota = (names: readonly string[]): fc.Arbitrary<ResourceQuota> =>
  fc
    .tuple(
      fc.uniqueArray(
        fc.tuple(fc.constantFrom(...names), fc.constantFrom('0', '1', '2', '5', '1500m', '1Gi', '10Gi', '100')),
        { selector: ([name]) => name, minLength: 1, maxLength: 4 },
      ),
      fc.array(fc.constantFrom('0', '0', '1', '500m', '1Gi'), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 0, max: 9 }),
      maybe(fc.array(drawScope, { maxLength: 2 }), 1),
      maybe(fc.array(drawRequirement, { maxLength: 2 }), 1),
    )
    .map(([hard, used, uncounted, scopes, matchExpressions]) => ({
      metadata: { name: 'q', namespace: 'a' },
      spec: { ...(scopes && { scopes }), ...(matchExpressions && { scopeSelector: { matchExpressions } }) },
      status: {
        hard: Object.fromEntries(hard),
        used: Object.fromEntries(
          hard.flatMap(([name], at) => (at === uncounted ? [] : [[name, used[at] as string] as const])),
        ),
      },
    }));

const drawQuotas = (names: readonly string[]) => fc.array(drawQuota(names), { minLength: 1, maxLength: 2 });

function compareAll(
  resource: Resource,
  objects: fc.Arbitrary<ApiObject>,
  numRuns: number,
  names: readonly string[],
  defaults = false,
): Promise<void> {
  const [group = '', plural = ''] = resource.split('/');
  const evaluator = evaluatorOf(resource);
  if (evaluator === undefined) throw new Error(`no evaluator for ${resource}`);
  return compareWith<[ApiObject, ResourceQuota[]], Answer>(
    oracle,
    fc.tuple(objects, drawQuotas(names)),
    numRuns,
    ([object, quotas]) => ({
      op: 'admit',
      group: group === 'core' ? '' : group,
      resource: plural,
      object,
      quotas,
      names: QUOTA_NAMES,
      now: NOW,
      defaults,
    }),
    ([drawn, quotas], answer) => {
      const object = defaults ? withDefaults(drawn as Pod) : drawn;
      const usage = Object.fromEntries([...evaluator.usage(object, NOW)].map(([name, much]) => [name, String(much)]));
      const asked = quotas.map(quotaOf).map((quota) => ({ quota, demand: demandOn(quota, object, evaluator, NOW) }));
      const blocked = asked.some(({ demand }) => demand?.blocked === true);
      const full = asked.some(
        ({ quota, demand }) => demand !== undefined && !hasRoom(quota, new Map(), demand.amounts),
      );
      expect({ object, quotas, usage, refused: blocked || full }).toEqual({
        object,
        quotas,
        usage: answer.usage,
        refused: answer.refusal !== null,
      });
      expect(QUOTA_NAMES.filter((name) => evaluator.tracks(name)).sort()).toEqual([...(answer.tracked ?? [])].sort());
      if (answer.refusal === 'exceeded quota') expect({ object, quotas, full }).toEqual({ object, quotas, full: true });
      else if (answer.refusal !== null) expect({ object, quotas, blocked }).toEqual({ object, quotas, blocked: true });
    },
  );
}

test('pods take what upstream counts, and are admitted where upstream admits them', async () => {
  await compareAll('core/pods', drawPod, 1500, QUOTA_NAMES.slice(0, 17));
});

test('limits stand in for requests that are not said', async () => {
  await compareAll('core/pods', drawPod, 1000, QUOTA_NAMES.slice(0, 17), true);
});

test('services', async () => {
  await compareAll('core/services', drawService, 500, QUOTA_NAMES.slice(16, 21));
});

test('persistent volume claims, by storage class', async () => {
  await compareAll('core/persistentvolumeclaims', drawClaim, 1000, QUOTA_NAMES.slice(20));
});

test.each<Resource>(['core/configmaps', 'apps/deployments'])('%s are counted', async (resource) => {
  await compareAll(resource, fc.constant({ metadata: { name: 'x' } }), 200, QUOTA_NAMES.slice(-5));
});
