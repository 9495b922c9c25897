/** The arithmetic of rollouts, against Kubernetes' own: the same answers for thousands of drawn Deployments. */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import {
  historyAfter,
  lastRevision,
  maxRevision,
  newestAnnotations,
  rolledBackAnnotations,
} from '#controllers/workloads/deployment-parts/annotations.ts';
import {
  desiredOf,
  isRolling,
  maxSurge,
  maxUnavailable,
  minAvailable,
  sizeOf,
  sum,
} from '#controllers/workloads/deployment-parts/bounds.ts';
import { deadlineOf, type Told, tell } from '#controllers/workloads/deployment-parts/conditions.ts';
import { activeOrLatest, byAge, byRevision, bySize, familyOf } from '#controllers/workloads/deployment-parts/family.ts';
import {
  isSaturated,
  newestSize,
  proportionOf,
  rollDown,
  type Target,
} from '#controllers/workloads/deployment-parts/sizes.ts';
import { hasProgressed, isComplete, terminatingOf } from '#controllers/workloads/deployment-parts/status.ts';
import { sized } from '#controllers/workloads/deployment-parts/steps.ts';
import { sameTemplate, templateHash, withoutHash } from '#controllers/workloads/deployment-parts/template.ts';
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  PodTemplateSpec,
  ReplicaSet,
} from '#core/k8s/types.gen.ts';
import { formatTime } from '#core/time.ts';
import { deployment as build, revisionOf } from '#kit/build.ts';
import { buildOracle, compareWith, type Oracle } from '#kit/oracle.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await buildOracle();
}, 600_000);

const RUNS = 1000;
const NAME = 'deployment.kubernetes.io';

const drawShare = fc.oneof(
  fc.nat({ max: 30 }),
  fc.nat({ max: 200 }).map((percent) => `${percent}%`),
  fc.constantFrom('0%', '1%', '25%', '33%', '99%', '100%'),
);
const drawStrategy = fc.oneof(
  { weight: 5, arbitrary: fc.record({ maxSurge: drawShare, maxUnavailable: drawShare }) },
  { weight: 1, arbitrary: fc.constant('Recreate' as const) },
);
/** Below where upstream's 32 bits overflow: there ours goes on counting. */
const drawCount = fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 20_000 }));
const drawInteger = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 30 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '0', '007', '+5', '-3', '1e3', ' 1', '0x1', 'x', '2147483647', '2147483648'),
  },
  { weight: 1, arbitrary: fc.constantFrom('9223372036854775806', '9223372036854775808', '-9223372036854775808') },
);
const drawNotes = fc.dictionary(
  fc.constantFrom(
    'note',
    'constructor',
    `${NAME}/revision`,
    'deprecated.deployment.rollback.to',
    `${NAME}/max-replicas`,
  ),
  drawInteger,
);
const drawCounts = fc.record(
  {
    replicas: fc.nat({ max: 12 }),
    updatedReplicas: fc.nat({ max: 12 }),
    readyReplicas: fc.nat({ max: 12 }),
    availableReplicas: fc.nat({ max: 12 }),
    observedGeneration: fc.nat({ max: 2 }),
  },
  { requiredKeys: [] },
);
const drawDeployment: fc.Arbitrary<Deployment> = fc
  .record({
    replicas: drawCount,
    strategy: drawStrategy,
    annotations: drawNotes,
    status: drawCounts,
    deadline: fc.constantFrom(undefined, 1, 600, 2 ** 31 - 1),
    generation: fc.nat({ max: 2 }),
  })
  .map(({ replicas, strategy, annotations, status, deadline, generation }) =>
    build({
      replicas,
      annotations,
      status,
      metadata: { annotations, generation },
      spec: {
        strategy: strategy === 'Recreate' ? { type: strategy } : { type: 'RollingUpdate', rollingUpdate: strategy },
        ...(deadline === undefined ? { progressDeadlineSeconds: undefined } : { progressDeadlineSeconds: deadline }),
      } as Partial<Deployment['spec']>,
    }),
  );

const drawSet = (owner: Deployment, nth: number): fc.Arbitrary<ReplicaSet> =>
  fc
    .record({
      replicas: fc.oneof(fc.constant(0), fc.nat({ max: 12 }), fc.constant(owner.spec.replicas ?? 1)),
      available: fc.oneof(fc.nat({ max: 12 }), fc.constant(owner.spec.replicas ?? 1)),
      image: fc.constantFrom('app:1', 'app:2', 'app:3'),
      born: fc.nat({ max: 3 }),
      annotations: fc.record(
        {
          [`${NAME}/revision`]: drawInteger,
          [`${NAME}/revision-history`]: fc.constantFrom('', '1', '1,2', '1,22,333,4444', ','),
          [`${NAME}/max-replicas`]: fc.oneof(drawInteger, drawCount.map(String)),
          [`${NAME}/desired-replicas`]: fc.oneof(drawInteger, fc.constant(String(owner.spec.replicas))),
          note: drawInteger,
        },
        { requiredKeys: [] },
      ),
      terminating: fc.constantFrom(undefined, 0, 3),
      observed: fc.nat({ max: 1 }),
    })
    .map(({ replicas, available, image, born, annotations, terminating, observed }) => {
      const set = revisionOf(owner, { image, revision: nth, replicas, available });
      const creationTimestamp = formatTime(Date.parse('2026-01-01T00:00:00Z') + born * 1000);
      return {
        ...set,
        metadata: { ...set.metadata, annotations, creationTimestamp },
        status: {
          replicas,
          availableReplicas: available,
          observedGeneration: observed,
          ...(terminating !== undefined && { terminatingReplicas: terminating }),
        },
      } as ReplicaSet;
    });
const drawRollout = drawDeployment.chain((owner) =>
  fc
    .integer({ min: 0, max: 5 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, nth) => drawSet(owner, nth))))
    .map((replicaSets) => ({ deployment: owner, replicaSets })),
);
type Rollout = { readonly deployment: Deployment; readonly replicaSets: readonly ReplicaSet[] };
const nameOf = (set: ReplicaSet | undefined): string => set?.metadata?.name ?? '';

/** The API server fills in what is absent, and refuses what is negative or malformed: that, upstream answers with an error. */
const drawBounded = fc
  .tuple(drawDeployment, fc.constantFrom('maxSurge', 'maxUnavailable', 'neither', 'neither'))
  .map(([one, absent]): Deployment => {
    const { type, rollingUpdate } = one.spec.strategy ?? {};
    if (rollingUpdate === undefined) return one;
    const kept = Object.fromEntries(Object.entries(rollingUpdate).filter(([key]) => key !== absent));
    return { ...one, spec: { ...one.spec, strategy: { ...(type && { type }), rollingUpdate: kept } } };
  });

test('surge and unavailability are bounded as upstream bounds them', async () => {
  await compareWith<Deployment, object>(
    oracle,
    drawBounded,
    RUNS,
    (one) => ({ op: 'deployment/bounds', deployment: one }),
    (one, answer) =>
      expect({ surge: maxSurge(one), unavailable: maxUnavailable(one), available: minAvailable(one) }).toEqual(answer),
  );
});

interface FamilyAnswer {
  readonly newest: string;
  readonly size?: number;
}

test('new and old ReplicaSets, revisions, sizes and saturation are those that upstream finds', async () => {
  await compareWith<Rollout, FamilyAnswer>(
    oracle,
    drawRollout,
    RUNS,
    (rollout) => ({ op: 'deployment/family', ...rollout }),
    ({ deployment, replicaSets }, answer) => {
      const family = familyOf(deployment, { own: replicaSets, orphans: [] });
      const { newest, old } = family;
      expect({
        newest: nameOf(newest),
        old: old.map(nameOf),
        max: String(maxRevision(old)),
        last: String(lastRevision([...replicaSets].sort(byAge))),
        saturated: isSaturated(deployment, newest),
        terminating: terminatingOf(replicaSets) ?? null,
        only: nameOf(activeOrLatest(family)),
        ...(newest && { size: newestSize(deployment, sizeOf(newest), sum(replicaSets, sizeOf)) }),
      }).toEqual(answer);
    },
  );
});

test('ReplicaSets are put in the orders that upstream puts them in', async () => {
  await compareWith<Rollout, object>(
    oracle,
    // Where a revision is no number upstream's order is none: it is not transitive.
    drawRollout.filter(({ replicaSets }) => replicaSets.every(hasRevision)),
    RUNS,
    (rollout) => ({ op: 'deployment/orders', ...rollout }),
    ({ replicaSets }, answer) => {
      const by = (compare: (a: ReplicaSet, b: ReplicaSet) => number) => [...replicaSets].sort(compare).map(nameOf);
      expect({
        age: by(byAge),
        newer: by(bySize('newer')),
        older: by(bySize('older')),
        revision: by(byRevision),
      }).toEqual(answer);
    },
  );
});

const hasRevision = ({ metadata }: ReplicaSet): boolean =>
  /^[0-9]{1,9}$/.test(metadata?.annotations?.[`${NAME}/revision`] ?? '0');

test('shares of a change of size are those that upstream gives', async () => {
  const drawn = drawDeployment.chain((owner) =>
    fc.record({
      deployment: fc.constant(owner),
      replicaSet: drawSet(owner, 1),
      change: fc.integer({ min: -20, max: 20 }),
      given: fc.integer({ min: -20, max: 20 }),
    }),
  );
  await compareWith<typeof drawn extends fc.Arbitrary<infer D> ? D : never, number>(
    oracle,
    drawn,
    RUNS,
    (asked) => ({ op: 'deployment/proportion', ...asked }),
    ({ deployment, replicaSet, change, given }, answer) => {
      // Products beyond 32 bits overflow there.
      if (sizeOf(replicaSet) * (desiredOf(deployment) + maxSurge(deployment)) >= 2 ** 31) return;
      expect(proportionOf(deployment, replicaSet, change, given) + 0).toBe(answer);
    },
  );
});

/**
 * A rollout whose ReplicaSets have told of their sizes, and count no more pods than they wish. Of others the answers
 * differ on purpose: upstream counts pods that are about to go.
 */
const drawTold: fc.Arbitrary<Rollout> = drawRollout.map(({ deployment, replicaSets }) => ({
  deployment,
  replicaSets: replicaSets.map(
    (set): ReplicaSet => ({
      ...set,
      status: {
        ...set.status,
        replicas: sizeOf(set),
        availableReplicas: Math.min(set.status?.availableReplicas ?? 0, sizeOf(set)),
        observedGeneration: set.metadata?.generation ?? 0,
      },
    }),
  ),
}));

type Sizes = Readonly<Record<string, number>>;
const sizesIn = (sets: readonly ReplicaSet[]): Sizes =>
  Object.fromEntries(sets.map((one) => [nameOf(one), sizeOf(one)]));
const sizesWith = (sets: readonly ReplicaSet[], targets: readonly Target[]): Sizes => ({
  ...sizesIn(sets),
  ...Object.fromEntries(targets.map(({ replicaSet, replicas }) => [nameOf(replicaSet), replicas])),
});

test('old ReplicaSets are made as small as upstream makes them', async () => {
  let lowered = 0;
  await compareWith<Rollout, Sizes>(
    oracle,
    drawTold.filter(({ deployment, replicaSets }) => {
      const { newest } = familyOf(deployment, { own: replicaSets, orphans: [] });
      return isRolling(deployment) && newest !== undefined;
    }),
    RUNS,
    (rollout) => ({ op: 'deployment/lower', ...rollout }),
    ({ deployment, replicaSets }, answer) => {
      const family = familyOf(deployment, { own: replicaSets, orphans: [] });
      const targets = rollDown(deployment, family, family.newest as ReplicaSet);
      expect(sizesWith(replicaSets, targets)).toEqual(answer);
      if (targets.length > 0) lowered += 1;
    },
  );
  expect(lowered).toBeGreaterThan(RUNS / 10);
});

test('a change of size is shared among ReplicaSets as upstream shares it', async () => {
  let shared = 0;
  await compareWith<Rollout, Sizes>(
    oracle,
    drawTold,
    RUNS,
    (rollout) => ({ op: 'deployment/scale', ...rollout }),
    ({ deployment, replicaSets }, answer) => {
      const family = familyOf(deployment, { own: replicaSets, orphans: [] });
      const allowed = desiredOf(deployment) + maxSurge(deployment);
      const total = Object.values(answer).reduce((all, size) => all + size, 0);
      // Shares that annotations of somebody else blow up are cut here; products beyond 32 bits overflow there.
      if (activeOrLatest(family) === undefined && total > allowed) return;
      if (replicaSets.some((one) => sizeOf(one) * allowed >= 2 ** 31)) return;
      const patches = sized(deployment, family, { unkept: new Set() }).chains.flat();
      const after = patches.map((write) => (write.verb === 'patch' ? (write.after as ReplicaSet) : undefined));
      const ours = { ...sizesIn(replicaSets), ...sizesIn(after.filter((one) => one !== undefined)) };
      expect(ours).toEqual(answer);
      if (patches.length > 1) shared += 1;
    },
  );
  expect(shared).toBeGreaterThan(RUNS / 10);
});

test('annotations of the new ReplicaSet, its revision and its history are those that upstream writes', async () => {
  const drawn = drawDeployment.chain((deployment) =>
    fc.record({
      deployment: fc.constant(deployment),
      replicaSet: drawSet(deployment, 1),
      revision: fc.nat({ max: 40 }),
    }),
  );
  await compareWith<{ deployment: Deployment; replicaSet: ReplicaSet; revision: number }, object>(
    oracle,
    drawn,
    RUNS,
    ({ revision, ...asked }) => ({ op: 'deployment/annotations', ...asked, revision: String(revision), most: 2000 }),
    ({ deployment, replicaSet, revision }, answer) => {
      // Where its revision is no number upstream throws away what it copied; so nothing is written.
      const revised = replicaSet.metadata?.annotations?.[`${NAME}/revision`] ?? '';
      const ours = newestAnnotations(deployment, replicaSet, BigInt(revision));
      if (ours !== replicaSet.metadata?.annotations) expect(ours).toEqual(answer ?? {});
      else expect(isInt64(revised)).toBe(false);
    },
  );
});

const isInt64 = (text: string): boolean =>
  text === '' || (/^[+-]?[0-9]+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text));

test('histories are cut as upstream cuts them', async () => {
  const drawHistory = fc.array(fc.nat({ max: 99_999 }), { maxLength: 12 }).map((revisions) => revisions.join(','));
  const drawn = fc.record({ history: drawHistory, revision: fc.nat({ max: 999 }), most: fc.nat({ max: 60 }) });
  await compareWith<{ history: string; revision: number; most: number }, Record<string, string>>(
    oracle,
    drawn,
    RUNS,
    ({ history, revision, most }) => {
      const annotations = { [`${NAME}/revision`]: String(revision), [`${NAME}/revision-history`]: history };
      return {
        op: 'deployment/annotations',
        deployment: build({}),
        replicaSet: { metadata: { annotations } },
        revision: '1000',
        most,
      };
    },
    ({ history, revision, most }, answer) =>
      expect(historyAfter(history, String(revision), most)).toBe(answer[`${NAME}/revision-history`]),
  );
});

test('what a rollback leaves of annotations and labels is what upstream leaves', async () => {
  const drawn = drawDeployment.chain((deployment) =>
    fc.record({ deployment: fc.constant(deployment), replicaSet: drawSet(deployment, 1) }),
  );
  await compareWith<{ deployment: Deployment; replicaSet: ReplicaSet }, object>(
    oracle,
    drawn,
    RUNS,
    (asked) => ({ op: 'deployment/rolled-back', ...asked }),
    ({ deployment, replicaSet }, answer) =>
      expect({
        annotations: rolledBackAnnotations(deployment, replicaSet),
        labels: withoutHash(replicaSet.spec.template ?? {}).metadata?.labels,
      }).toEqual(answer),
  );
});

const drawQuantity = fc.constantFrom(
  '0',
  '1',
  '1000m',
  '1.0',
  '1e0',
  '500m',
  '0.5',
  '1Gi',
  '1024Mi',
  '1073741824',
  '2',
);
const drawLabels = fc.dictionary(fc.constantFrom('app', 'sizeLimit', 'pod-template-hash', 'constructor'), drawQuantity);
const drawTemplate: fc.Arbitrary<PodTemplateSpec> = fc
  .record({
    metadata: fc.record(
      { labels: drawLabels, annotations: drawLabels, creationTimestamp: fc.constant(null) },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        containers: fc.array(
          fc.record(
            {
              name: fc.constant('c'),
              image: fc.constantFrom('a', 'b'),
              args: fc.constantFrom([], ['x'], ['x', 'y']),
              env: fc.constantFrom([], [{ name: 'A' }], [{ name: 'A', value: '1' }]),
              resources: fc.record(
                { limits: fc.record({ cpu: drawQuantity }), requests: fc.constant({}) },
                { requiredKeys: [] },
              ),
              securityContext: fc.constantFrom({}, { privileged: false }),
            },
            { requiredKeys: ['name'] },
          ),
          { minLength: 1, maxLength: 2 },
        ),
        volumes: fc.array(
          fc.record(
            {
              name: fc.constant('v'),
              emptyDir: fc.record({ sizeLimit: drawQuantity }, { requiredKeys: [] }),
            },
            { requiredKeys: ['name'] },
          ),
          { maxLength: 1 },
        ),
        nodeSelector: drawLabels,
        overhead: fc.record({ cpu: drawQuantity }, { requiredKeys: [] }),
        securityContext: fc.constantFrom({}, { runAsUser: 1 }),
        tolerations: fc.constantFrom([], [{ key: 'a' }]),
      },
      { requiredKeys: ['containers'] },
    ),
  })
  .map((template) => template as unknown as PodTemplateSpec);

/** One template, and another that mostly differs from it in one place. */
const drawPair = fc
  .tuple(drawTemplate, drawTemplate, fc.constantFrom('metadata', 'spec', 'containers', 'nothing', 'all'))
  .map(([a, other, what]): { a: PodTemplateSpec; b: PodTemplateSpec } => {
    if (what === 'all') return { a, b: other };
    if (what === 'metadata') return { a, b: { ...a, ...(other.metadata && { metadata: other.metadata }) } };
    if (what === 'spec') return { a, b: { ...other, ...(a.metadata && { metadata: a.metadata }) } };
    if (what === 'nothing' || a.spec === undefined) return { a, b: structuredClone(a) };
    return { a, b: { ...a, spec: { ...a.spec, containers: other.spec?.containers ?? [] } } };
  });

test('templates are the same where upstream finds them so, as they are sent and as the API server writes them', async () => {
  let [same, different] = [0, 0];
  await compareWith<
    { a: PodTemplateSpec; b: PodTemplateSpec },
    { same: boolean; a: PodTemplateSpec; b: PodTemplateSpec }
  >(
    oracle,
    drawPair,
    RUNS,
    (pair) => ({ op: 'deployment/templates', ...pair }),
    ({ a, b }, answer) => {
      expect([sameTemplate(answer.a, answer.b), sameTemplate(a, b)]).toEqual([answer.same, answer.same]);
      const hashes = [answer.a, answer.b].map((one) => templateHash(withoutHash(one), undefined));
      expect(new Set(hashes).size).toBe(answer.same ? 1 : 2);
      if (answer.same) same += 1;
      else different += 1;
    },
  );
  expect(Math.min(same, different)).toBeGreaterThan(RUNS / 10);
});

const drawCondition: fc.Arbitrary<DeploymentCondition> = fc.record({
  type: fc.constantFrom('Available', 'Progressing', 'ReplicaFailure'),
  status: fc.constantFrom('True', 'False', 'Unknown'),
  reason: fc.constantFrom('R', 'S'),
  message: fc.constantFrom('m', 'n'),
  lastUpdateTime: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:07Z'),
  lastTransitionTime: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:07Z'),
});
const TOLD = '2026-01-01T01:00:00Z';

test('rollouts are complete, have progressed and are told of as upstream does', async () => {
  const drawn = fc.record({
    deployment: fc.oneof(
      drawDeployment,
      drawCounts.map((status) => build({ replicas: status.replicas ?? 0, status, metadata: { generation: 1 } })),
    ),
    status: drawCounts,
    conditions: fc.uniqueArray(drawCondition, { selector: ({ type }) => type }),
    condition: drawCondition,
  });
  await compareWith<
    {
      deployment: Deployment;
      status: DeploymentStatus;
      conditions: DeploymentCondition[];
      condition: DeploymentCondition;
    },
    object
  >(
    oracle,
    drawn,
    RUNS,
    ({ deployment, status, conditions, condition }) => ({
      op: 'deployment/status',
      deployment,
      status: { ...status, conditions },
      condition: { ...condition, lastUpdateTime: TOLD, lastTransitionTime: TOLD },
    }),
    ({ deployment, status, conditions, condition }, answer) => {
      const { lastUpdateTime: _u, lastTransitionTime: _t, ...told } = condition;
      expect({
        complete: isComplete(deployment, status),
        progressed: hasProgressed(deployment.status ?? {}, status),
        deadline: deadlineOf(deployment) !== undefined,
        conditions: tell(conditions, told as Told, Date.parse(TOLD)),
      }).toEqual(answer);
    },
  );
});
