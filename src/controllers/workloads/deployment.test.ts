import { describe, expect, test } from 'vitest';
import type { Json } from '#core/json.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#core/k8s/types.gen.ts';
import { ownerReference } from '#core/owner.ts';
import type { Create, Patch, Plan, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { deployment as build, pod, replicaSet, revisionOf } from '#kit/build.ts';
import { applied, denied, type Fate } from '#kit/fake-store.ts';
import { scenarios, transitions } from '#kit/scenario.ts';
import { deployment } from './deployment.ts';
import { templateHash } from './deployment-parts/template.ts';

const key = 'default/web';
const now = '2026-01-01T01:00:00Z';
const EARLIER = '2026-01-01T00:55:00Z';
const NAME = 'deployment.kubernetes.io';

const condition = (type: string, status: string, reason: string, message: string, at = now, since = at) => ({
  type,
  status,
  reason,
  message,
  lastUpdateTime: at,
  lastTransitionTime: since,
});
const available = (at = now) =>
  condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', at);
const unavailable = (at = now) =>
  condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', at);
const progressing = (reason: string, message: string, status = 'True', at = now) =>
  condition('Progressing', status, reason, message, at);
const complete = (name: string, at = EARLIER) =>
  progressing('NewReplicaSetAvailable', `ReplicaSet "${name}" has successfully progressed.`, 'True', at);

/** A status that says what is there, so that rows about other things come to rest. */
const says = (replicas: number, updated: number, ready: number, more: object = {}): DeploymentStatus => ({
  observedGeneration: 1,
  ...Object.fromEntries(
    Object.entries({
      replicas,
      updatedReplicas: updated,
      readyReplicas: ready,
      availableReplicas: ready,
    }).filter(([, count]) => count !== 0),
  ),
  terminatingReplicas: 0,
  ...more,
});

/** One whose rollout of `image` is over. */
const settled = (image: string, replicas: number, revision: number, more: Parameters<typeof build>[0] = {}) =>
  build({
    image,
    replicas,
    annotations: { [`${NAME}/revision`]: String(revision), ...more.annotations },
    status: says(replicas, replicas, replicas, {
      conditions: [available(EARLIER), complete(`web-${revision}`)],
    }),
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== 'annotations')),
  });

const plan = (reason: string, writes: readonly Write[], more: Partial<Plan> = {}): Plan => ({
  reason,
  chains: writes.map((write) => [write]),
  events: [],
  ...more,
});

const resize = (before: ReplicaSet, replicas: number, annotations?: Record<string, Json>): Patch => {
  const from = before.spec.replicas ?? 1;
  return {
    verb: 'patch',
    ref: refOf('apps/replicasets', before),
    type: 'merge',
    patch: {
      ...(annotations && { metadata: { annotations } }),
      ...(from !== replicas && { spec: { replicas } }),
    },
    after: expect.objectContaining({ kind: 'ReplicaSet' }),
    reason: from === replicas ? 'annotate' : from < replicas ? 'scale-up' : 'scale-down',
    ...(from !== replicas && { slot: String(from) }),
    resourceVersion: before.metadata?.resourceVersion ?? '',
  };
};
const sizes = (desired: number, max: number) => ({
  [`${NAME}/desired-replicas`]: String(desired),
  [`${NAME}/max-replicas`]: String(max),
});

const status = (before: Deployment, patch: Record<string, Json>, annotations?: Record<string, Json>): Patch => ({
  verb: 'patch',
  ref: refOf('apps/deployments', before),
  subresource: 'status',
  type: 'merge',
  patch: { ...(annotations && { metadata: { annotations } }), status: patch },
  after: expect.objectContaining({ spec: before.spec }),
  reason: 'status',
  resourceVersion: before.metadata?.resourceVersion ?? '',
});

const event = (of: Deployment, type: 'Normal' | 'Warning', reason: string, message: string) => ({
  regarding: refOf('apps/deployments', of),
  type,
  reason,
  message,
});
const scaledEvent = (of: Deployment, message: string) => event(of, 'Normal', 'ScalingReplicaSet', message);

const failing =
  (fate: Fate): ((write: Write) => Fate) =>
  (write) =>
    write.reason === 'status' ? applied : fate;

const says3 = settled('app:1', 3, 1);
const first = revisionOf(says3, { image: 'app:1', revision: 1, replicas: 3, available: 3 });

/** `web-1 4 to 0` for each change of a size. */
const sizesIn = (chains: Plan['chains']): readonly string[] =>
  chains.flat().map((write) => {
    if (write.verb !== 'patch') return write.verb;
    return `${write.ref.name} ${write.slot} to ${(write.after as ReplicaSet).spec.replicas}`;
  });

const nameFor = (owner: Deployment): string => `web-${templateHash(owner.spec.template, owner.status?.collisionCount)}`;

const create = (owner: Deployment, replicas: number, revision: number, max: number, more: object = {}): Create => {
  const hash = templateHash(owner.spec.template, owner.status?.collisionCount);
  const labels = { app: 'web', 'pod-template-hash': hash };
  return {
    verb: 'create',
    resource: 'apps/replicasets',
    namespace: 'default',
    object: {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `web-${hash}`,
        namespace: 'default',
        labels,
        annotations: { [`${NAME}/revision`]: String(revision), ...sizes(owner.spec.replicas ?? 1, max), ...more },
        ownerReferences: [ownerReference('apps/deployments', owner)],
      },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { ...owner.spec.template, metadata: { labels } },
      },
    } as ReplicaSet,
    reason: 'create-replica-set',
  };
};

const brandNew = build({ replicas: 4 });
/** In the middle of a rollout from app:1 to app:2, of 10 pods: at most 13, at least 8. */
const rolling = settled('app:2', 10, 2, {
  status: says(13, 5, 8, {
    unavailableReplicas: 5,
    conditions: [
      available(EARLIER),
      progressing('ReplicaSetUpdated', 'ReplicaSet "web-2" is progressing.', 'True', EARLIER),
    ],
  }),
});
const old8 = revisionOf(rolling, { image: 'app:1', revision: 1, replicas: 8, available: 8 });
const new5 = revisionOf(rolling, { image: 'app:2', revision: 2, replicas: 5 });
const new5ready = revisionOf(rolling, { image: 'app:2', revision: 2, replicas: 5, available: 5 });
const orphan = replicaSet({
  name: 'web-9',
  labels: { app: 'web' },
  metadata: { labels: { app: 'web' } },
  status: { replicas: 0, observedGeneration: 1 },
});
const stray = revisionOf(says3, {
  image: 'app:0',
  revision: 7,
  replicas: 0,
  metadata: { labels: { app: 'other' } },
});
const recreating = settled('app:2', 3, 1, { spec: { strategy: { type: 'Recreate' } } });
const recreateMax = { [`${NAME}/max-replicas`]: '3' };
const oldOf = (replicas: number, at: number) =>
  revisionOf(recreating, { image: 'app:1', revision: 1, replicas, at, annotations: recreateMax });
const quotaUsedUp: Fate = {
  kind: 'failed',
  code: 'API_QUOTA_EXCEEDED',
  status: 403,
  apiReason: 'Forbidden',
  message: 'exceeded quota: small',
};
const NOT_CREATED = `Failed to create new replica set "${nameFor(brandNew)}": forbidden: exceeded quota: small`;
const changed = <O extends Deployment | ReplicaSet>(one: O, more: object): O => ({
  ...one,
  metadata: { ...one.metadata, resourceVersion: '2', ...more },
});
const paused = (more: object = {}) => settled('app:2', 4, 1, { spec: { paused: true, ...more } });
const undone = (to: string) =>
  settled('app:2', 3, 2, { annotations: { 'deprecated.deployment.rollback.to': to, note: 'two' } });
const undoing = undone('0');
const undoOld = revisionOf(undoing, { image: 'app:1', revision: 1, replicas: 0, annotations: { note: 'one' } });
const undoNew = revisionOf(undoing, {
  image: 'app:2',
  revision: 2,
  replicas: 3,
  available: 3,
  annotations: { note: 'two' },
});
const bare = build({ annotations: { 'deprecated.deployment.rollback.to': '7' } });
const takenName: ReplicaSet = replicaSet({
  name: nameFor(brandNew),
  labels: { app: 'web' },
  metadata: { ownerReferences: [ownerReference('apps/deployments', build({ name: 'foreign' }))] },
});
const slow = settled('app:2', 1, 1, {
  status: says(1, 1, 0, {
    unavailableReplicas: 1,
    conditions: [
      progressing('NewReplicaSetCreated', 'Created new replica set "web-1"', 'True', '2026-01-01T00:51:00Z'),
      unavailable(EARLIER),
    ],
  }),
});
const slowSet = revisionOf(slow, { image: 'app:2', revision: 1, replicas: 1 });
const endless = build({ ...{ selector: {} }, replicas: 1 });
const historic = settled('app:5', 1, 5, { spec: { revisionHistoryLimit: 1 } });
const past = (revision: number, more: Partial<Parameters<typeof revisionOf>[1]> = {}) =>
  revisionOf(historic, { image: `app:${revision}`, revision, replicas: 0, ...more });
const current5 = past(5, { replicas: 1, available: 1 });
const remove = (one: ReplicaSet): Write => ({
  verb: 'delete',
  ref: refOf('apps/replicasets', one),
  resourceVersion: one.metadata?.resourceVersion ?? '',
  before: one,
  reason: 'clean-up',
});

scenarios(deployment, {
  'makes the first ReplicaSet at full size, and tells': {
    given: [brandNew],
    key,
    now,
    plan: plan('create-replica-set', [create(brandNew, 4, 1, 5)]),
    settled: {
      plan: plan(
        'status',
        [
          status(
            brandNew,
            {
              observedGeneration: 1,
              terminatingReplicas: 0,
              unavailableReplicas: 4,
              conditions: [
                progressing('NewReplicaSetCreated', `Created new replica set "${nameFor(brandNew)}"`),
                unavailable(),
              ],
            },
            { [`${NAME}/revision`]: '1' },
          ),
        ],
        {
          events: [scaledEvent(brandNew, `Scaled up replica set ${nameFor(brandNew)} from 0 to 4`)],
          next: 'again',
          requeueAfter: 601_000,
        },
      ),
    },
  },
  'is at rest when the rollout is over': { given: [says3, first], key, now, plan: plan('in-order', []) },
  'starts a rollout with what the surge allows, next revision, annotations copied but for its own': {
    given: [settled('app:2', 3, 1, { annotations: { note: 'x', 'deprecated.deployment.rollback.to': 'junk' } }), first],
    key,
    now,
    plan: plan('create-replica-set', [create(settled('app:2', 3, 1), 1, 2, 4, { note: 'x' })]),
  },
  'grows the new ReplicaSet first': {
    given: [
      rolling,
      revisionOf(rolling, { image: 'app:1', revision: 1, replicas: 8, available: 8 }),
      revisionOf(rolling, { image: 'app:2', revision: 2, replicas: 3, available: 3 }),
    ],
    key,
    now,
    plan: plan('roll', [resize(revisionOf(rolling, { image: 'app:2', revision: 2, replicas: 3 }), 5)]),
    settled: {
      check: ({ events }) => expect(events).toEqual([scaledEvent(rolling, 'Scaled up replica set web-2 from 3 to 5')]),
    },
  },
  'waits while new pods are not available': {
    given: [rolling, old8, new5],
    key,
    now,
    plan: plan('in-order', [], { requeueAfter: 301_000 }),
  },
  'takes from the old ReplicaSet what available pods of the new one allow': {
    given: [rolling, old8, new5ready],
    key,
    now,
    plan: plan('roll', [resize(old8, 3)]),
    settled: {
      check: ({ events, chains }) => {
        expect(events).toEqual([scaledEvent(rolling, 'Scaled down replica set web-1 from 8 to 3')]);
        expect(chains.flat()).toMatchObject([{ patch: { status: { availableReplicas: 13 } } }]);
      },
    },
  },
  'takes pods that are not available first, oldest ReplicaSet first': {
    given: [
      rolling,
      revisionOf(rolling, { image: 'app:0', revision: 1, replicas: 4, available: 1 }),
      revisionOf(rolling, { image: 'app:1', revision: 2, replicas: 4, available: 4 }),
      revisionOf(rolling, { image: 'app:2', revision: 3, replicas: 5, available: 5 }),
    ],
    key,
    now,
    check: ({ chains }) => expect(sizesIn(chains)).toEqual(['web-1 4 to 0', 'web-2 4 to 3']),
    restless: 'nobody answers for the pods',
  },
  'counts no pods that are about to go as available': {
    given: [
      rolling,
      revisionOf(rolling, { image: 'app:0', revision: 1, replicas: 2 }),
      revisionOf(rolling, { image: 'app:1', revision: 2, replicas: 2, at: 6, available: 6 }),
      revisionOf(rolling, { image: 'app:1b', revision: 3, replicas: 4, available: 4 }),
      revisionOf(rolling, { image: 'app:2', revision: 4, replicas: 5, available: 5 }),
    ],
    key,
    now,
    check: ({ chains }) => expect(sizesIn(chains)).toEqual(['web-1 2 to 0', 'web-2 2 to 0', 'web-3 4 to 3']),
    restless: 'nobody answers for the pods',
  },
  'takes nothing for pods that a ReplicaSet may be deleting: it has not told of its size, and had a smaller one before':
    {
      given: [rolling, old8, changed(new5ready, { generation: 3, resourceVersion: '1' })],
      key,
      now,
      check: ({ chains }) => expect(chains.flat().filter(({ reason }) => reason !== 'status')).toEqual([]),
    },
  'still takes pods that are not available meanwhile': {
    given: [
      rolling,
      revisionOf(rolling, { image: 'app:1', revision: 1, replicas: 8, available: 5 }),
      changed(new5ready, { generation: 3, resourceVersion: '1' }),
    ],
    key,
    now,
    check: ({ chains }) => expect(sizesIn(chains)).toEqual(['web-1 8 to 5']),
    restless: 'nobody answers for the pods',
  },
  'empties nothing for a new ReplicaSet whose status is of an earlier size': {
    given: [
      says3,
      changed(first, { generation: 3, resourceVersion: '1' }),
      revisionOf(says3, { image: 'app:0', revision: 0, replicas: 2, available: 2, annotations: sizes(2, 3) }),
    ],
    key,
    now,
    check: ({ chains }) => expect(sizesIn(chains)).not.toContain('web-0 2 to 0'),
  },
  'shrinks a new ReplicaSet that is too large': {
    given: [says3, revisionOf(says3, { image: 'app:1', revision: 1, replicas: 9, available: 3 })],
    key,
    now,
    plan: plan('roll', [resize(revisionOf(says3, { image: 'app:1', revision: 1, replicas: 9 }), 3)]),
  },
  'scales the only ReplicaSet, and notes it in the same patch': {
    given: [
      settled('app:1', 5, 1, { status: says(3, 3, 3, { conditions: [available(EARLIER), complete('web-1')] }) }),
      first,
    ],
    key,
    now,
    plan: plan('scale', [resize(first, 5, sizes(5, 7))]),
    settled: {
      check: ({ events }) =>
        expect(events.map(({ message }) => message)).toEqual(['Scaled up replica set web-1 from 3 to 5']),
    },
  },
  'scales in proportion in the midst of a rollout, what is left goes to the largest': {
    given: [settled('app:2', 20, 2), old8, new5],
    key,
    now,
    check: ({ reason, chains }) => {
      expect([reason, chains.length]).toEqual(['scale', 1]);
      expect(chains[0]).toEqual([resize(old8, 15, sizes(20, 25)), resize(new5, 10, sizes(20, 25))]);
    },
  },
  'scales to nothing': {
    given: [settled('app:2', 0, 2), old8, new5],
    key,
    now,
    plan: {
      ...plan('scale', []),
      chains: [[resize(old8, 0, sizes(0, 0)), resize(new5, 0, sizes(0, 0))]],
    },
  },
  'notes the size even where it is right by itself': {
    given: [
      says3,
      revisionOf(says3, { image: 'app:1', revision: 1, replicas: 3, available: 3, annotations: sizes(5, 7) }),
    ],
    key,
    now,
    plan: {
      ...plan('scale', []),
      chains: [[resize(first, 3, sizes(3, 4))]],
    },
    settled: { plan: plan('in-order', [], { next: 'again' }) },
  },
  'takes off old pods once a new ReplicaSet that was adopted has them all': {
    given: [
      says3,
      first,
      revisionOf(says3, { image: 'app:0', revision: 0, replicas: 2, available: 2, annotations: sizes(2, 3) }),
    ],
    key,
    now,
    plan: {
      ...plan('scale', []),
      chains: [[resize(revisionOf(says3, { image: 'app:0', revision: 0, replicas: 2 }), 0, sizes(3, 4))]],
    },
  },
  'keeps annotations, revision and minReadySeconds of the newest in step, and remembers its revisions': {
    given: [
      settled('app:1', 3, 1, { annotations: { note: 'x' }, spec: { minReadySeconds: 5 } }),
      first,
      revisionOf(says3, { image: 'app:0', revision: 4, replicas: 0 }),
    ],
    key,
    now,
    plan: plan('annotate', [
      {
        ...resize(first, 3, { [`${NAME}/revision`]: '5', [`${NAME}/revision-history`]: '1', note: 'x' }),
        patch: {
          metadata: { annotations: { [`${NAME}/revision`]: '5', [`${NAME}/revision-history`]: '1', note: 'x' } },
          spec: { minReadySeconds: 5 },
        },
      },
    ]),
    settled: {
      check: ({ next, chains }) => {
        expect(next).toBe('again');
        expect(chains.flat()).toMatchObject([{ patch: { metadata: { annotations: { [`${NAME}/revision`]: '5' } } } }]);
      },
    },
  },
  'takes over a ReplicaSet whose hash is not ours': {
    given: [build({ replicas: 3 }), first],
    key,
    now,
    plan: plan('status', [
      status(
        build({ replicas: 3 }),
        {
          ...says(3, 3, 3),
          conditions: [
            available(),
            progressing('NewReplicaSetAvailable', 'ReplicaSet "web-1" has successfully progressed.'),
          ],
        },
        { [`${NAME}/revision`]: '1' },
      ),
    ]),
  },
  'adopts orphans and releases strays before anything else': {
    given: [says3, first, orphan, stray],
    key,
    now,
    plan: plan(
      'claim',
      [
        {
          verb: 'patch',
          ref: refOf('apps/replicasets', orphan),
          type: 'strategic',
          patch: { metadata: { ownerReferences: [{ ...ownerReference('apps/deployments', says3) }] } },
          after: expect.objectContaining({ kind: 'ReplicaSet' }),
          reason: 'adopt',
          resourceVersion: '1',
        },
        {
          verb: 'patch',
          ref: refOf('apps/replicasets', stray),
          type: 'strategic',
          patch: { metadata: { ownerReferences: [{ $patch: 'delete', uid: 'uid-web' }] } },
          after: expect.objectContaining({ kind: 'ReplicaSet' }),
          reason: 'release',
          resourceVersion: '1',
        },
      ],
      { confirm: { read: [refOf('apps/deployments', says3)], expect: 'same-uid-live' } },
    ),
    settled: { plan: plan('claimed', [], { next: 'again' }) },
  },
  'goes on beside an orphan that policy lets nobody adopt': {
    given: [settled('app:2', 3, 1), first, orphan],
    key,
    now,
    memory: { fruitless: ['uid-web-9'] },
    check: ({ chains, confirm }) => {
      expect(chains.flat().map(({ reason }) => reason)).toEqual(['create-replica-set', 'adopt']);
      expect(confirm?.expect).toBe('same-uid-live');
    },
  },
  'says why a ReplicaSet cannot be made': {
    given: [brandNew],
    key,
    now,
    plan: plan('create-replica-set', [create(brandNew, 4, 1, 5)]),
    settled: {
      answer: failing(quotaUsedUp),
      plan: plan(
        'status',
        [
          status(brandNew, {
            observedGeneration: 1,
            terminatingReplicas: 0,
            conditions: [progressing('ReplicaSetCreateError', NOT_CREATED, 'False'), unavailable()],
          }),
        ],
        { events: [event(brandNew, 'Warning', 'ReplicaSetCreateError', NOT_CREATED)] },
      ),
    },
  },
  'names the rule of a policy that refuses it': {
    given: [brandNew],
    key,
    now,
    check: () => {},
    settled: {
      answer: failing(denied('deployment/template', 'a title')),
      check: ({ events }) =>
        expect(events.map(({ message }) => message)).toEqual([
          `Failed to create new replica set "${nameFor(brandNew)}": refused by policy: deployment/template (a title)`,
        ]),
    },
  },
  'says nothing where its namespace ends': {
    given: [brandNew],
    key,
    now,
    check: () => {},
    settled: {
      answer: failing({ kind: 'failed', code: 'API_NAMESPACE_TERMINATING', status: 403 }),
      check: ({ events, chains }) => {
        expect(events).toEqual([]);
        expect(JSON.stringify(chains)).not.toContain('ReplicaSetCreateError');
      },
    },
  },
  'takes another name where its own is taken': {
    given: [brandNew, takenName],
    key,
    now,
    plan: plan('create-replica-set', [create(brandNew, 4, 1, 5)]),
    settled: {
      plan: plan('status', [
        status(brandNew, {
          collisionCount: 1,
          observedGeneration: 1,
          terminatingReplicas: 0,
          conditions: [unavailable()],
        }),
      ]),
    },
  },
  'counts no collision while it does not see who took the name': {
    given: [brandNew],
    key,
    now,
    check: () => {},
    settled: {
      answer: failing({ kind: 'failed', code: 'API_EXISTS', status: 409 }),
      check: ({ chains, events }) => {
        expect(JSON.stringify(chains)).not.toContain('collisionCount');
        expect(events).toEqual([]);
      },
    },
  },
  'names differ with the count of collisions': {
    given: [build({ replicas: 4, status: { collisionCount: 1 } })],
    key,
    now,
    check: ({ chains }) => {
      const [write] = chains.flat() as Create[];
      expect(write?.object.metadata?.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
      expect(write?.object.metadata?.name).not.toBe(nameFor(brandNew));
    },
  },
  'Recreate: empties all old ReplicaSets first': {
    given: [recreating, oldOf(3, 3)],
    key,
    now,
    plan: plan('roll', [resize(oldOf(3, 3), 0)]),
    settled: {
      check: ({ events }) =>
        expect(events.map(({ message }) => message)).toEqual(['Scaled down replica set web-1 from 3 to 0']),
    },
  },
  'Recreate: waits for the last old pod, also one on its way out': {
    given: [recreating, oldOf(0, 0), pod({ name: 'web-1-a', owner: oldOf(0, 0), deleting: now })],
    key,
    now,
    check: ({ reason, chains }) => {
      expect(reason).toBe('status');
      expect(chains.flat().map(({ reason }) => reason)).toEqual(['status']);
    },
  },
  'Recreate: waits while an old ReplicaSet believes in its pods': {
    given: [recreating, oldOf(0, 2)],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('status'),
  },
  'Recreate: waits while an old ReplicaSet has not heard yet that its size is none': {
    given: [recreating, changed(oldOf(0, 0), { generation: 2, resourceVersion: '1' })],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('status'),
  },
  'Recreate: starts the new ReplicaSet at full size once only ended pods are left': {
    given: [recreating, oldOf(0, 0), pod({ name: 'web-1-a', owner: oldOf(0, 0), phase: 'Failed' })],
    key,
    now,
    plan: plan('create-replica-set', [create(recreating, 3, 2, 3)]),
  },
  'Recreate: waits for pods of a ReplicaSet that it may not adopt, and looks again, for none of them wakes it': {
    given: [recreating, orphan, pod({ name: 'web-9-a', owner: orphan })],
    key,
    now,
    memory: { fruitless: ['uid-web-9'] },
    check: ({ chains, requeueAfter }) => {
      expect(chains.flat().map(({ reason }) => reason)).toEqual(['adopt']);
      expect(requeueAfter).toBe(10_000);
    },
  },
  'Recreate: goes on beside one that it may not adopt once only ended pods of it are left': {
    given: [recreating, orphan, pod({ name: 'web-9-a', owner: orphan, phase: 'Failed' })],
    key,
    now,
    memory: { fruitless: ['uid-web-9'] },
    check: ({ chains, requeueAfter }) => {
      expect(chains.flat().map(({ reason }) => reason)).toEqual(['create-replica-set', 'adopt']);
      expect(requeueAfter).toBeUndefined();
    },
  },
  'Recreate: goes on where its size changed in the midst of a rolling update': {
    given: [
      settled('app:2', 2, 2, { spec: { strategy: { type: 'Recreate' } } }),
      oldOf(2, 2),
      revisionOf(recreating, { image: 'app:2', revision: 2, replicas: 1 }),
    ],
    key,
    now,
    plan: plan('roll', [resize(oldOf(2, 2), 0, sizes(2, 2))]),
  },
  'paused: rolls nothing out, and says so': {
    given: [paused(), revisionOf(paused(), { image: 'app:1', revision: 1, replicas: 4, available: 4 })],
    key,
    now,
    plan: plan('status', [
      status(paused(), {
        updatedReplicas: null,
        conditions: [
          available(EARLIER),
          condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused'),
        ],
      }),
    ]),
  },
  'paused: still follows its size': {
    given: [paused(), revisionOf(paused(), { image: 'app:1', revision: 1, replicas: 2, annotations: sizes(2, 3) })],
    key,
    now,
    plan: {
      ...plan('scale', []),
      chains: [[resize(revisionOf(paused(), { image: 'app:1', revision: 1, replicas: 2 }), 4, sizes(4, 5))]],
    },
  },
  'paused: still cleans up': {
    given: [
      paused({ revisionHistoryLimit: 0 }),
      revisionOf(paused(), { image: 'app:1', revision: 1, replicas: 4 }),
      revisionOf(paused(), { image: 'app:0', revision: 0, replicas: 0 }),
    ],
    key,
    now,
    plan: plan('clean-up', [remove(revisionOf(paused(), { image: 'app:0', revision: 0, replicas: 0 }))]),
  },
  'paused: keeps the history while a rollback is asked for, which may go back to it': {
    given: [
      settled('app:2', 4, 1, {
        spec: { paused: true, revisionHistoryLimit: 0 },
        annotations: { 'deprecated.deployment.rollback.to': '0' },
      }),
      revisionOf(paused(), { image: 'app:1', revision: 1, replicas: 4, available: 4 }),
      revisionOf(paused(), { image: 'app:0', revision: 0, replicas: 0 }),
    ],
    key,
    now,
    check: ({ chains }) => expect(chains.flat().map(({ reason }) => reason)).toEqual(['status']),
  },
  'finds the new ReplicaSet that it made without hearing so: the rollout before is not this one': {
    given: [
      settled('app:2', 3, 1),
      revisionOf(says3, { image: 'app:1', revision: 1, replicas: 3, available: 3 }),
      revisionOf(says3, { image: 'app:2', revision: 2, replicas: 1, at: 0 }),
    ],
    key,
    now,
    check: ({ chains, requeueAfter }) => {
      expect(requeueAfter).toBe(601_000);
      expect(chains.flat()).toMatchObject([
        {
          patch: {
            metadata: { annotations: { [`${NAME}/revision`]: '2' } },
            status: { conditions: [available(EARLIER), { type: 'Progressing', reason: 'FoundNewReplicaSet' }] },
          },
        },
      ]);
    },
  },
  'tells of no new ReplicaSet where somebody set the revision back: the rollout that is over was of this one': {
    given: [
      settled('app:2', 3, 1, {
        status: says(3, 3, 3, { conditions: [available(EARLIER), complete('web-2')] }),
      }),
      revisionOf(says3, { image: 'app:1', revision: 1, replicas: 0 }),
      revisionOf(says3, { image: 'app:2', revision: 2, replicas: 3, available: 2, at: 0 }),
    ],
    key,
    now,
    check: ({ chains }) => {
      expect(chains.flat()).toMatchObject([{ patch: { metadata: { annotations: { [`${NAME}/revision`]: '2' } } } }]);
      expect(JSON.stringify(chains)).not.toContain('FoundNewReplicaSet');
    },
  },
  'resumed: the time of the pause does not count': {
    given: [
      settled('app:1', 3, 1, {
        status: says(3, 3, 3, {
          conditions: [
            available(EARLIER),
            condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', EARLIER),
          ],
        }),
      }),
      revisionOf(says3, { image: 'app:1', revision: 1, replicas: 3, available: 2 }),
    ],
    key,
    now,
    check: ({ chains, requeueAfter }) => {
      expect(chains.flat()).toMatchObject([
        {
          patch: {
            status: {
              conditions: [
                condition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now, EARLIER),
                { type: 'Available', status: 'False' },
              ],
            },
          },
        },
      ]);
      expect(requeueAfter).toBe(601_000);
    },
  },
  'makes a ReplicaSet for the template that goes, without pods, so that its revision is known': {
    given: [undone('1'), undoOld],
    key,
    now,
    check: ({ reason, chains }) => {
      expect(reason).toBe('create-replica-set');
      expect((chains.flat()[0] as Create).object).toMatchObject({
        metadata: { annotations: { [`${NAME}/revision`]: '2' } },
        spec: { replicas: 0 },
      });
    },
    settled: { check: ({ events }) => expect(events).toEqual([]) },
  },
  'shrinks first what shrinks, where shares go both ways: the whole must not grow above its bound between two writes': {
    given: [
      settled('app:2', 12, 2),
      revisionOf(rolling, { image: 'app:1', revision: 1, replicas: 6, available: 6, annotations: sizes(20, 25) }),
      revisionOf(rolling, { image: 'app:2', revision: 2, replicas: 5, available: 5, annotations: sizes(10, 5) }),
    ],
    key,
    now,
    check: ({ reason, chains }) => {
      expect([reason, chains.length]).toEqual(['scale', 1]);
      expect(sizesIn(chains)).toEqual(['web-1 6 to 4', 'web-2 5 to 11']);
    },
  },
  'rolls back to the last revision, with its annotations': {
    given: [undoing, undoOld, undoNew],
    key,
    now,
    plan: plan('rollback', [
      {
        verb: 'patch',
        ref: refOf('apps/deployments', undoing),
        type: 'merge',
        patch: {
          metadata: { annotations: { 'deprecated.deployment.rollback.to': null, note: 'one' } },
          spec: { template: { spec: { containers: [{ name: 'app', image: 'app:1', resources: {} }] } } },
        },
        after: expect.objectContaining({ kind: 'Deployment' }),
        reason: 'rollback',
        slot: '1',
        resourceVersion: '1',
      },
    ]),
    settled: {
      plan: plan('settled', [], {
        events: [event(undoing, 'Normal', 'DeploymentRollback', 'Rolled back deployment "web" to revision 1')],
      }),
    },
  },
  'rolls back to a revision by its number': {
    given: [undone('1'), undoOld, undoNew],
    key,
    now,
    check: ({ chains }) => expect(chains.flat()).toMatchObject([{ reason: 'rollback', slot: '1' }]),
  },
  'gives up a rollback to a revision that is not there': {
    given: [undone('9'), undoOld, undoNew],
    key,
    now,
    check: ({ chains, events }) => {
      expect(events).toEqual([
        event(undoing, 'Warning', 'DeploymentRollbackRevisionNotFound', 'Unable to find the revision to rollback to.'),
      ]);
      expect(chains.flat()).toMatchObject([
        { patch: { metadata: { annotations: { 'deprecated.deployment.rollback.to': null } } } },
      ]);
    },
    settled: { plan: plan('settled', []) },
  },
  'gives up a rollback where there was no revision before': {
    given: [undoing, undoNew],
    key,
    now,
    check: ({ events }) =>
      expect(events).toEqual([
        event(undoing, 'Warning', 'DeploymentRollbackRevisionNotFound', 'Unable to find last revision.'),
      ]),
  },
  'gives up a rollback to what runs already': {
    given: [undone('2'), undoOld, undoNew],
    key,
    now,
    check: ({ events }) =>
      expect(events).toEqual([
        event(
          undoing,
          'Warning',
          'DeploymentRollbackTemplateUnchanged',
          'The rollback revision contains the same template as current deployment "web"',
        ),
      ]),
  },
  'takes off the wish alone, also where it is the only annotation that the cache shows': {
    given: [bare, revisionOf(bare, { image: 'app:1', revision: 1, replicas: 1, available: 1 })],
    key,
    now,
    check: ({ chains }) =>
      expect(chains.flat()).toMatchObject([
        { patch: { metadata: { annotations: { 'deprecated.deployment.rollback.to': null } } } },
      ]),
  },
  'says that it is stuck once the deadline has passed': {
    given: [slow, slowSet],
    key,
    now: '2026-01-01T01:01:01Z',
    check: ({ chains, requeueAfter }) => {
      expect(chains.flat()).toMatchObject([
        {
          patch: {
            status: {
              conditions: [
                { type: 'Available' },
                {
                  reason: 'ProgressDeadlineExceeded',
                  status: 'False',
                  message: 'ReplicaSet "web-1" has timed out progressing.',
                  lastTransitionTime: '2026-01-01T01:01:01Z',
                },
              ],
            },
          },
        },
      ]);
      expect(requeueAfter).toBeUndefined();
    },
  },
  'looks again a second after the deadline': {
    given: [slow, slowSet],
    key,
    now: '2026-01-01T01:01:00Z',
    plan: plan('in-order', [], { requeueAfter: 1000 }),
  },
  'notes progress anew each time, for the deadline counts from it': {
    given: [
      rolling,
      old8,
      revisionOf(rolling, {
        image: 'app:2',
        revision: 2,
        replicas: 5,
        available: 0,
        at: 5,
        status: { readyReplicas: 3 },
      }),
    ],
    key,
    now,
    check: ({ chains }) =>
      expect(chains.flat()).toMatchObject([
        {
          patch: {
            status: {
              readyReplicas: 11,
              conditions: [
                { type: 'Available' },
                {
                  ...progressing('ReplicaSetUpdated', 'ReplicaSet "web-2" is progressing.'),
                  lastTransitionTime: EARLIER,
                },
              ],
            },
          },
        },
      ]),
  },
  'never says stuck where there is no deadline': {
    given: [
      settled('app:1', 3, 1, { spec: { progressDeadlineSeconds: 2 ** 31 - 1 } }),
      revisionOf(says3, { image: 'app:1', revision: 1, replicas: 3, available: 3 }),
    ],
    key,
    now,
    plan: plan('status', [
      status(settled('app:1', 3, 1, { spec: { progressDeadlineSeconds: 2 ** 31 - 1 } }), {
        conditions: [available(EARLIER)],
      }),
    ]),
  },
  'a rollout that is over never times out': {
    given: [says3, revisionOf(says3, { image: 'app:1', revision: 1, replicas: 3, available: 1 })],
    key,
    now: '2026-01-02T01:00:00Z',
    check: ({ chains, requeueAfter }) => {
      expect(JSON.stringify(chains)).toContain('NewReplicaSetAvailable');
      expect(JSON.stringify(chains)).toContain('MinimumReplicasUnavailable');
      expect(requeueAfter).toBeUndefined();
    },
  },
  'passes on why a ReplicaSet has no pods, and takes it back': {
    given: [
      says3,
      revisionOf(says3, {
        image: 'app:1',
        revision: 1,
        replicas: 3,
        available: 3,
        status: {
          conditions: [
            {
              type: 'ReplicaFailure',
              status: 'True',
              reason: 'FailedCreate',
              message: 'm',
              lastTransitionTime: EARLIER,
            },
          ],
        },
      }),
    ],
    key,
    now,
    plan: plan('status', [
      status(says3, {
        conditions: [
          available(EARLIER),
          complete('web-1'),
          condition('ReplicaFailure', 'True', 'FailedCreate', 'm', EARLIER),
        ],
      }),
    ]),
  },
  'cannot sum terminating pods where a ReplicaSet does not tell': {
    given: [
      says3,
      revisionOf(says3, {
        image: 'app:1',
        revision: 1,
        replicas: 3,
        available: 3,
        status: { terminatingReplicas: undefined } as object,
      }),
    ],
    key,
    now,
    plan: plan('status', [status(says3, { terminatingReplicas: null })]),
  },
  'deletes what is beyond the history, lowest revision first, but nothing with pods': {
    given: [historic, past(1), past(2, { at: 1 }), past(3), past(4), current5],
    key,
    now,
    check: ({ reason, chains }) => {
      // The status does not agree yet: a pod of revision 2 is still there.
      expect(reason).toBe('clean-up');
      expect(chains).toEqual([[remove(past(1))], [remove(past(3))]]);
    },
  },
  'only counts while it is being deleted': {
    given: [
      settled('app:2', 5, 1, { metadata: { deletionTimestamp: EARLIER, finalizers: ['foregroundDeletion'] } }),
      first,
      orphan,
    ],
    key,
    now,
    check: ({ chains }) => {
      expect(chains.flat()).toMatchObject([{ reason: 'status', patch: { status: { replicas: 3 } } }]);
      expect(JSON.stringify(chains)).not.toContain('DeploymentPaused');
    },
  },
  'warns where it selects everything, and does nothing': {
    given: [endless],
    key,
    now,
    plan: {
      ...plan('selects-all', [status(endless, { observedGeneration: 1 })]),
      events: [
        event(
          endless,
          'Warning',
          'SelectingAll',
          'This deployment is selecting all pods. A non-empty selector is required.',
        ),
      ],
    },
  },
  'does nothing where its selector is invalid': {
    given: [build({ selector: { matchExpressions: [{ key: 'a', operator: 'Near' }] } })],
    key,
    now,
    plan: plan('invalid-selector', []),
  },
  'does nothing once it is gone': { given: [], key, now, plan: plan('gone', []) },
  'waits after a plan that was stale': {
    given: [says3, first, orphan],
    key,
    now,
    check: () => {},
    settled: { answer: () => ({ kind: 'stale', code: 'GATE_STALE_PLAN' }), plan: plan('stale', []) },
  },
});

const twin = build({ name: 'twin' });

transitions(deployment, 'apps/replicasets', {
  'its owner hears of a ReplicaSet': { given: [says3], now: first, wakes: [{ key }] },
  'its owner hears that it is gone': { given: [says3], old: first, wakes: [{ key }] },
  'nobody hears of the same version twice': { given: [says3], old: first, now: first, wakes: [] },
  'another of the name is not its owner': {
    given: [changed(says3, { uid: 'another' })],
    now: first,
    wakes: [],
  },
  'everyone who may adopt an orphan hears of it': {
    given: [says3, twin, build({ name: 'all', selector: {} })],
    now: orphan,
    wakes: [{ key }, { key: 'default/twin' }],
  },
  'the former owner hears as well, and who may adopt it now': {
    given: [says3, twin],
    old: first,
    now: changed(first, { ownerReferences: [] }),
    wakes: [{ key }, { key }, { key: 'default/twin' }],
  },
  'nobody hears of an orphan that stays as it was': {
    given: [says3],
    old: orphan,
    now: changed(orphan, {}),
    wakes: [],
  },
});

const idle = pod({ name: 'web-1-a', owner: oldOf(0, 0) });
transitions(deployment, 'core/pods', {
  'who recreates hears that an old pod is gone': {
    given: [recreating, oldOf(0, 0)],
    old: idle,
    wakes: [{ key }],
  },
  'who rolls does not': { given: [says3, first], old: pod({ name: 'web-1-a', owner: first }), wakes: [] },
  'nobody hears of a pod that comes or changes': { given: [recreating, oldOf(0, 0)], now: idle, wakes: [] },
  'nor of one whose ReplicaSet is unknown': { given: [recreating], old: idle, wakes: [] },
});

describe('names of ReplicaSets', () => {
  test('are the same for ever: another name for the same template would be another ReplicaSet', () => {
    expect(nameFor(brandNew)).toBe('web-58d45784d9');
    expect(nameFor(build({ status: { collisionCount: 1 } }))).toBe('web-776d8ddbbf');
  });
});
