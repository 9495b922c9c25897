import { describe, expect, test } from 'vitest';
import type { Json } from '#core/json.ts';
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { ownerReference } from '#core/owner.ts';
import type { Create, Delete, Patch, Plan, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { pod, replicaSet } from '#kit/build.ts';
import { type Answer, applied, denied, type Fate } from '#kit/fake-store.ts';
import { planOf, scenarios, transitions } from '#kit/scenario.ts';
import { replicaset } from './replicaset.ts';

const key = 'default/web';
const now = '2026-01-01T01:00:00Z';
const READY = '2026-01-01T00:30:00Z';

/** A status that says what is there, so that rows about other things come to rest. */
const says = (replicas: number, ready = 0, more: object = {}) => ({
  replicas,
  fullyLabeledReplicas: replicas,
  readyReplicas: ready,
  availableReplicas: ready,
  terminatingReplicas: 0,
  observedGeneration: 1,
  ...more,
});

const { replicas: _, ...zeros } = says(0);

const create = (owner: ReplicaSet, slot: number, object: Partial<Pod> = {}): Create => ({
  verb: 'create',
  resource: 'core/pods',
  namespace: 'default',
  object: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'web-',
      namespace: 'default',
      labels: { app: 'web' },
      ownerReferences: [ownerReference('apps/replicasets', owner)],
    },
    spec: owner.spec.template?.spec,
    ...object,
  } as Pod,
  reason: 'scale-up',
  slot: String(slot),
});

const remove = (one: Pod): Delete => ({
  verb: 'delete',
  ref: refOf('core/pods', one),
  before: one,
  reason: 'scale-down',
});

const status = (before: ReplicaSet, patch: Record<string, Json>): Patch => ({
  verb: 'patch',
  ref: refOf('apps/replicasets', before),
  subresource: 'status',
  type: 'merge',
  patch: { status: patch },
  after: expect.objectContaining({ spec: before.spec }),
  reason: 'status',
  resourceVersion: before.metadata?.resourceVersion ?? '',
});

const claim = (one: Pod, reason: 'adopt' | 'release', element: Json): Patch => ({
  verb: 'patch',
  ref: refOf('core/pods', one),
  type: 'strategic',
  patch: { metadata: { ownerReferences: [element] } },
  after: expect.objectContaining({ kind: 'Pod' }),
  reason,
  resourceVersion: one.metadata?.resourceVersion ?? '',
});

const plan = (reason: string, writes: readonly Write[], more: Partial<Plan> = {}): Plan => ({
  reason,
  chains: writes.map((write) => [write]),
  events: [],
  ...more,
});

const event = (of: ReplicaSet, type: 'Normal' | 'Warning', reason: string, message: string) => ({
  regarding: refOf('apps/replicasets', of),
  type,
  reason,
  message,
});

const failing =
  (fate: Fate, from = 0): Answer =>
  (_, nth) =>
    nth >= from ? fate : applied;

const quotaUsedUp: Fate = {
  kind: 'failed',
  code: 'API_QUOTA_EXCEEDED',
  status: 403,
  apiReason: 'Forbidden',
  message: 'exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5',
};
const POLICY_SAYS = 'refused by policy: pod-security-baseline/privileged (privileged containers are not allowed)';
const privileged = denied('pod-security-baseline/privileged', 'privileged containers are not allowed');

const failure = (message: string, reason = 'FailedCreate', since = now) => ({
  type: 'ReplicaFailure',
  status: 'True',
  reason,
  message,
  lastTransitionTime: since,
});

const three = replicaSet({ replicas: 3 });
const mine = (owner: ReplicaSet, name: string, more: Parameters<typeof pod>[0] = {}) => pod({ name, owner, ...more });

const full = replicaSet({
  replicas: 1,
  template: {
    metadata: { labels: { app: 'web', tier: 'front' }, annotations: { note: 'x' }, finalizers: ['example.com/drain'] },
    spec: { containers: [{ name: 'app', image: 'i' }] },
  },
});
const zero = replicaSet({ replicas: 0, status: says(1) });
const one = replicaSet({ replicas: 1 });
const settledOne = replicaSet({ replicas: 1, status: says(1, 1) });
const orphan = pod({ name: 'stray-1' });
const labelled = mine(one, 'web-1', { labels: { app: 'other' } });
const confirm = { read: [refOf('apps/replicasets', one)], expect: 'same-uid-live' } as const;
const leaving = { deletionTimestamp: '2026-01-01T00:59:00Z', finalizers: ['foregroundDeletion'] };
const huge = replicaSet({ replicas: 1200 });
const slow = replicaSet({ replicas: 2, minReadySeconds: 60, status: says(2, 2, { availableReplicas: 1 }) });
const slowPods = [
  mine(slow, 'web-1', { readySince: READY }),
  mine(slow, 'web-2', { readySince: '2026-01-01T00:59:30Z' }),
];
const marked = (owner: ReplicaSet) => claim(orphan, 'adopt', { ...ownerReference('apps/replicasets', owner) });

scenarios(replicaset, {
  'makes what is missing, starting slowly, and says so': {
    given: [three],
    key,
    now,
    plan: plan('scale-up', [create(three, 0), create(three, 1), create(three, 2)], { spread: 'slow-start' }),
    settled: {
      plan: plan('status', [status(three, says(3))], {
        events: [1001, 1003, 1005].map((n) => event(three, 'Normal', 'SuccessfulCreate', `Created pod: web-${n}`)),
      }),
    },
  },
  'copies labels, annotations and finalizers of the template': {
    given: [full],
    key,
    now,
    plan: plan(
      'scale-up',
      [
        create(full, 0, {
          metadata: {
            generateName: 'web-',
            namespace: 'default',
            labels: { app: 'web', tier: 'front' },
            annotations: { note: 'x' },
            finalizers: ['example.com/drain'],
            ownerReferences: [ownerReference('apps/replicasets', full)],
          },
        }),
      ],
      { spread: 'slow-start' },
    ),
  },
  'deletes what is too much, those first that are least of a loss': {
    given: [
      replicaSet({ replicas: 1, status: says(3, 2) }),
      mine(one, 'old', { readySince: READY }),
      mine(one, 'young', { readySince: '2026-01-01T00:59:59Z' }),
      mine(one, 'pending', { phase: 'Pending', node: '' }),
    ],
    key,
    now,
    plan: plan(
      'scale-down',
      [
        remove(mine(one, 'pending', { phase: 'Pending', node: '' })),
        remove(mine(one, 'young', { readySince: '2026-01-01T00:59:59Z' })),
      ],
      { spread: 'parallel' },
    ),
    settled: {
      check: ({ events, chains }) => {
        expect(events.map(({ reason, message }) => `${reason} ${message}`)).toEqual([
          'SuccessfulDelete Deleted pod: pending',
          'SuccessfulDelete Deleted pod: young',
        ]);
        expect(chains.flat()).toMatchObject([{ patch: { status: { replicas: 1, readyReplicas: 1 } } }]);
      },
    },
  },
  'spares pods that share a node with a sibling revision last': {
    given: [
      replicaSet({ name: 'web', replicas: 1, metadata: { ownerReferences: [owner('d')] }, status: says(2) }),
      replicaSet({ name: 'next', replicas: 1, metadata: { ownerReferences: [owner('d')] } }),
      mine(one, 'alone', { node: 'a' }),
      mine(one, 'doubled', { node: 'b' }),
      mine(replicaSet({ name: 'next' }), 'sibling', { node: 'b' }),
    ],
    key,
    now,
    check: ({ chains }) => expect(chains.flat()).toMatchObject([{ verb: 'delete', ref: { name: 'doubled' } }]),
  },
  'counts no sibling of another namespace, whatever its owner claims': {
    given: [
      replicaSet({ replicas: 1, metadata: { ownerReferences: [owner('d')] }, status: says(2) }),
      replicaSet({ name: 'forged', metadata: { namespace: 'other', ownerReferences: [owner('d')] } }),
      mine(one, 'aa', { node: 'a' }),
      mine(one, 'bb', { node: 'b' }),
      pod({
        name: 'forged-1',
        node: 'b',
        metadata: { namespace: 'other' },
        owner: replicaSet({ name: 'forged', metadata: { namespace: 'other' } }),
      }),
    ],
    key,
    now,
    check: ({ chains }) => expect(chains.flat()).toMatchObject([{ verb: 'delete', ref: { name: 'aa' } }]),
  },
  'deletes all without choosing when none is wished': {
    given: [zero, mine(zero, 'web-1')],
    key,
    now,
    plan: plan('scale-down', [remove(mine(zero, 'web-1'))], { spread: 'parallel' }),
  },
  'makes at most 500 at once, then goes on': {
    given: [huge],
    key,
    now,
    check: ({ chains }) => expect(chains.length).toBe(500),
    settled: { check: ({ next, events }) => expect([next, events.length]).toEqual(['again', 500]) },
  },
  'deletes at most 500 at once, then goes on': {
    given: [replicaSet({ replicas: 0 }), ...Array.from({ length: 501 }, (_, n) => mine(three, `web-${n}`))],
    key,
    now,
    check: ({ chains }) => expect(chains.length).toBe(500),
    settled: { check: ({ next }) => expect(next).toBe('again') },
  },
  'does not go on at once where a burst failed': {
    given: [huge],
    key,
    now,
    check: ({ spread }) => expect(spread).toBe('slow-start'),
    settled: {
      answer: failing(quotaUsedUp, 1),
      check: (settled) => {
        expect(settled).not.toHaveProperty('next');
        expect(settled.events.map(({ reason }) => reason)).toEqual(['SuccessfulCreate', 'FailedCreate']);
      },
    },
  },
  'counts neither finished nor leaving pods, and touches none of them': {
    given: [
      replicaSet({ replicas: 1 }),
      mine(one, 'done', { phase: 'Succeeded' }),
      mine(one, 'failed', { phase: 'Failed' }),
      mine(one, 'leaving', { deleting: now }),
      mine(one, 'failed-leaving', { phase: 'Failed', deleting: now }),
    ],
    key,
    now,
    plan: plan('scale-up', [create(one, 0)], { spread: 'slow-start' }),
    settled: {
      check: ({ chains }) =>
        expect(chains.flat()).toMatchObject([{ patch: { status: { replicas: 1, terminatingReplicas: 1 } } }]),
    },
  },
  'wishes one where replicas is absent': {
    given: [{ ...one, spec: { selector: one.spec.selector, template: one.spec.template } } as ReplicaSet],
    key,
    now,
    check: ({ chains }) => expect(chains.length).toBe(1),
  },

  'adopts an orphan that matches, once its owner is confirmed alive': {
    given: [one, orphan],
    key,
    now,
    plan: plan('claim', [marked(one)], { confirm }),
    settled: { plan: plan('claimed', [], { next: 'again' }) },
  },
  'releases a pod that does not match any more': {
    given: [one, labelled],
    key,
    now,
    plan: plan('claim', [claim(labelled, 'release', { $patch: 'delete', uid: 'uid-web' })]),
    settled: { plan: plan('claimed', [], { next: 'again' }) },
  },
  'adopts neither finished nor leaving nor foreign nor owned pods': {
    given: [
      replicaSet({ replicas: 0, status: says(0) }),
      pod({ name: 'done', phase: 'Failed' }),
      pod({ name: 'leaving', deleting: now }),
      pod({ name: 'elsewhere', metadata: { namespace: 'other' } }),
      mine(replicaSet({ name: 'another' }), 'owned'),
      pod({ name: 'unlabelled', labels: {} }),
    ],
    key,
    now,
    plan: plan('in-order', []),
  },
  'does not believe an owner reference from another namespace, or one that only shares its uid': {
    given: [
      replicaSet({ replicas: 0, status: says(0) }),
      pod({ name: 'forged', owner: one, metadata: { namespace: 'other' } }),
      pod({ name: 'misnamed', owners: [{ ...ownerReference('apps/replicasets', one), name: 'someone' }] }),
      pod({ name: 'wrong-kind', owners: [{ ...ownerReference('apps/replicasets', one), kind: 'Job' }] }),
    ],
    key,
    now,
    plan: plan('in-order', []),
  },
  'neither takes nor gives nor makes nor deletes while it is being deleted, but counts': {
    given: [replicaSet({ replicas: 3, metadata: leaving }), orphan, labelled, mine(one, 'web-2')],
    key,
    now,
    plan: plan('status', [status(replicaSet({ replicas: 3, metadata: leaving }), says(1))]),
  },
  'waits with the rest while a claim fails': {
    given: [one, orphan],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('claim'),
    settled: { answer: failing({ kind: 'conflict', code: 'API_CONFLICT' }), plan: plan('claimed', []) },
  },
  'writes nothing more where the owner was not confirmed': {
    given: [one, orphan],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('claim'),
    settled: { answer: failing({ kind: 'stale', code: 'GATE_STALE_PLAN' }), plan: plan('stale', []) },
  },
  'remembers an adoption that policy refuses, and goes on without it': {
    given: [one, orphan],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('claim'),
    settled: {
      answer: failing(privileged),
      plan: plan('claimed', [], { memory: { fruitless: ['uid-stray-1'] }, next: 'again' }),
    },
  },
  'remembers one refused adoption beside another': {
    given: [one, orphan, pod({ name: 'stray-2' })],
    key,
    now,
    memory: { fruitless: ['uid-stray-1'] },
    check: ({ chains }) => expect(chains.flat()).toMatchObject([{ reason: 'adopt', ref: { name: 'stray-2' } }]),
    settled: {
      answer: failing(privileged),
      plan: plan('claimed', [], { memory: { fruitless: ['uid-stray-1', 'uid-stray-2'] }, next: 'again' }),
    },
  },
  'makes its own pod beside one that it may not adopt, and asks for that again last': {
    given: [one, orphan],
    key,
    now,
    memory: { fruitless: ['uid-stray-1'] },
    plan: plan('scale-up', [create(one, 0), marked(one)], { spread: 'slow-start', confirm }),
    settled: {
      answer: failing(privileged, 1),
      check: (settled) => {
        expect(settled).not.toHaveProperty('memory');
        expect(settled).not.toHaveProperty('next');
        expect(settled.chains.flat()).toMatchObject([{ patch: { status: { replicas: 1 } } }]);
        expect(settled.events.map(({ reason }) => reason)).toEqual(['SuccessfulCreate']);
      },
    },
  },
  'runs again when an adoption that was refused succeeds after all': {
    given: [settledOne, mine(one, 'web-1', { readySince: READY }), orphan],
    key,
    now,
    memory: { fruitless: ['uid-stray-1'] },
    plan: plan('claim-again', [marked(one)], { spread: 'parallel', confirm }),
    settled: { check: ({ memory, next }) => expect([memory, next]).toEqual([null, 'again']) },
  },
  'takes a release that the API finds invalid for done': {
    given: [one, labelled],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('claim'),
    settled: {
      answer: failing({ kind: 'failed', code: 'API_INVALID', status: 422 }),
      plan: plan('claimed', [], { memory: { fruitless: ['uid-web-1'] }, next: 'again' }),
    },
  },
  'forgets refused claims when their pods are gone': {
    given: [settledOne, mine(one, 'web-1', { readySince: READY })],
    key,
    now,
    memory: { fruitless: ['uid-stray-1'] },
    plan: plan('in-order', [], { memory: null }),
  },
  'is not moved by memory of another shape': {
    given: [settledOne, mine(one, 'web-1', { readySince: READY })],
    key,
    now,
    memory: ['fruitless'],
    plan: plan('in-order', []),
  },

  'writes the status when a pod became ready': {
    given: [
      replicaSet({ replicas: 2, status: says(2) }),
      mine(three, 'web-1', { readySince: READY }),
      mine(three, 'web-2', { labels: { app: 'web', extra: 'label' } }),
    ],
    key,
    now,
    plan: plan('status', [status(replicaSet({ replicas: 2 }), { readyReplicas: 1, availableReplicas: 1 })]),
  },
  'counts pods without all labels of the template as not fully labelled': {
    given: [full, mine(full, 'web-1')],
    key,
    now,
    plan: plan('status', [status(full, { ...says(1), fullyLabeledReplicas: 0 })]),
  },
  'says that it saw a new generation though nothing else changed': {
    given: [replicaSet({ replicas: 0, metadata: { generation: 7 }, status: says(0) })],
    key,
    now,
    plan: plan('status', [status(zero, { observedGeneration: 7 })]),
  },
  'takes zeros that the API left out for zeros': {
    given: [replicaSet({ replicas: 0, status: { replicas: 0, terminatingReplicas: 0, observedGeneration: 1 } })],
    key,
    now,
    plan: plan('in-order', []),
  },
  'wakes when the next pod has been ready long enough': {
    given: [slow, ...slowPods],
    key,
    now,
    plan: plan('in-order', [], { requeueAfter: 30_000 }),
  },
  'counts it as available then': {
    given: [slow, ...slowPods],
    key,
    now: '2026-01-01T01:00:30Z',
    plan: plan('status', [status(slow, { availableReplicas: 2 })]),
  },
  'looks again after minReadySeconds where a pod does not say since when it is ready': {
    given: [
      replicaSet({ replicas: 1, minReadySeconds: 60, status: says(1, 1, { availableReplicas: 0 }) }),
      mine(one, 'web-1', { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }),
    ],
    key,
    now,
    plan: plan('in-order', [], { requeueAfter: 60_000 }),
  },

  'tells whom to ask when policy refuses the pods': {
    given: [three],
    key,
    now,
    check: ({ chains }) => expect(chains.length).toBe(3),
    settled: {
      answer: failing(privileged),
      plan: plan('status', [status(three, { ...zeros, conditions: [failure(POLICY_SAYS)] })], {
        events: [event(three, 'Warning', 'FailedCreate', `Error creating: ${POLICY_SAYS}`)],
      }),
    },
  },
  'tells a failure of several creates once': {
    given: [three],
    key,
    now,
    check: ({ chains }) => expect(chains.length).toBe(3),
    settled: {
      answer: failing(quotaUsedUp, 1),
      check: ({ events, chains }) => {
        expect(events.map(({ message }) => message)).toEqual([
          'Created pod: web-1001',
          `Error creating: forbidden: ${quotaUsedUp.kind === 'failed' ? quotaUsedUp.message : ''}`,
        ]);
        expect(chains.flat()).toMatchObject([
          { patch: { status: { replicas: 1, conditions: [{ reason: 'FailedCreate' }] } } },
        ]);
      },
    },
  },
  'keeps the text of the first failure, so that its own status write causes no other': {
    given: [replicaSet({ replicas: 1, status: says(0, 0, { conditions: [failure('first', 'FailedCreate', READY)] }) })],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-up'),
    settled: {
      answer: failing(quotaUsedUp),
      check: ({ chains, events }) => expect([chains.length, events.length]).toEqual([0, 1]),
    },
  },
  'lets a refusal of policy replace another text': {
    given: [replicaSet({ replicas: 1, status: says(0, 0, { conditions: [failure('first', 'FailedCreate', READY)] }) })],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-up'),
    settled: {
      answer: failing(privileged),
      check: ({ chains }) =>
        expect(chains.flat()).toMatchObject([
          { patch: { status: { conditions: [failure(POLICY_SAYS, 'FailedCreate', READY)] } } },
        ]),
    },
  },
  'takes the failure away when all went well, and leaves other conditions': {
    given: [
      replicaSet({
        replicas: 1,
        status: says(1, 1, { conditions: [failure('first'), { type: 'Other', status: 'True' }] }),
      }),
      mine(one, 'web-1', { readySince: READY }),
    ],
    key,
    now,
    plan: plan('status', [status(one, { conditions: [{ type: 'Other', status: 'True' }] })]),
  },
  'keeps the failure while nobody knows what became of a create': {
    given: [replicaSet({ replicas: 1, status: says(0, 0, { conditions: [failure('first')] }) })],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-up'),
    settled: { answer: failing({ kind: 'unknown', code: 'API_UNKNOWN' }), plan: plan('in-order', []) },
  },
  'does not call its own pacing a failure': {
    given: [replicaSet({ replicas: 1, status: says(0) })],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-up'),
    settled: {
      answer: failing({ kind: 'exhausted', code: 'GATE_QUOTA_EXHAUSTED', retryAfter: 500 }),
      plan: plan('in-order', []),
    },
  },
  'is silent where the namespace ends': {
    given: [replicaSet({ replicas: 1, status: says(0) })],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-up'),
    settled: {
      answer: failing({ kind: 'failed', code: 'API_NAMESPACE_TERMINATING', status: 403 }),
      plan: plan('in-order', []),
    },
  },
  'tells of deletions that fail': {
    given: [replicaSet({ replicas: 0, status: says(1) }), mine(one, 'web-1')],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-down'),
    settled: {
      answer: failing({ kind: 'failed', code: 'API_FORBIDDEN', status: 403, apiReason: 'Forbidden' }),
      plan: plan(
        'status',
        [
          status(zero, {
            conditions: [failure('unable to delete pods: the API server forbids it (Forbidden)', 'FailedDelete')],
          }),
        ],
        { events: [event(zero, 'Warning', 'FailedDelete', 'Error deleting: the API server forbids it (Forbidden)')] },
      ),
    },
  },
  'says nothing of a deletion that found its pod gone': {
    given: [replicaSet({ replicas: 0, status: says(1) }), mine(one, 'web-1')],
    key,
    now,
    check: ({ reason }) => expect(reason).toBe('scale-down'),
    settled: { answer: failing({ kind: 'applied', benign: true }), plan: plan('in-order', []) },
  },

  'leaves a ReplicaSet with an invalid selector alone': {
    given: [replicaSet({ selector: { matchExpressions: [{ key: 'a', operator: 'Like' }] } }), orphan],
    key,
    now,
    plan: plan('invalid-selector', []),
  },
  'makes no pod that it could never find again': {
    given: [replicaSet({ replicas: 1, labels: {}, selector: { matchLabels: { app: 'web' } } })],
    key,
    now,
    check: ({ reason, chains }) => {
      expect(reason).toBe('status');
      expect(chains.flat()).toMatchObject([
        { patch: { status: { conditions: [{ message: 'unable to create pods, no labels' }] } } },
      ]);
    },
  },
  'does nothing for a ReplicaSet that is gone': { given: [], key, plan: plan('gone', []) },
});

function owner(name: string) {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name, uid: `uid-${name}`, controller: true };
}

const other = replicaSet({ name: 'other', labels: { app: 'other' } });
const waiting = replicaSet({ minReadySeconds: 10 });
const at = (version: string) => ({ resourceVersion: version });

transitions(replicaset, 'core/pods', {
  'wakes the owner of a new pod': { given: [one], now: mine(one, 'web-1'), wakes: [{ key }] },
  'wakes the owner of a deleted pod': { given: [one], old: mine(one, 'web-1'), wakes: [{ key }] },
  'wakes the owner of a pod that changed': {
    given: [one],
    old: mine(one, 'web-1'),
    now: mine(one, 'web-1', { metadata: at('2') }),
    wakes: [{ key }],
  },
  'sleeps on when a relist shows the same version': {
    given: [one],
    old: mine(one, 'web-1'),
    now: mine(one, 'web-1'),
    wakes: [],
  },
  'sleeps on for a namesake of the owner': {
    given: [replicaSet({ metadata: { uid: 'reborn' } })],
    now: mine(one, 'web-1'),
    wakes: [],
  },
  'sleeps on for the pods of other kinds': {
    given: [one],
    now: pod({ owners: [{ ...ownerReference('apps/replicasets', one), kind: 'Job' }] }),
    wakes: [],
  },
  'wakes who may adopt a new orphan': { given: [one, other], now: orphan, wakes: [{ key }] },
  'wakes nobody for a new orphan that is on its way out': { given: [one], now: pod({ deleting: now }), wakes: [] },
  'wakes nobody for an orphan that is deleted': { given: [one], old: orphan, wakes: [] },
  'wakes who may adopt an orphan that changed its labels': {
    given: [one, other],
    old: orphan,
    now: pod({ name: 'stray-1', labels: { app: 'other' }, metadata: at('2') }),
    wakes: [{ key: 'default/other' }],
  },
  'sleeps on for other changes of an orphan': {
    given: [one],
    old: orphan,
    now: pod({ name: 'stray-1', phase: 'Pending', metadata: at('2') }),
    wakes: [],
  },
  'wakes the old owner and who may adopt a pod that lost its owner': {
    given: [one, other],
    old: mine(one, 'web-1'),
    now: pod({ name: 'web-1', labels: { app: 'other' }, metadata: at('2') }),
    wakes: [{ key }, { key: 'default/other' }],
  },
  'wakes both owners of a pod that changed hands': {
    given: [one, other],
    old: mine(one, 'web-1'),
    now: mine(other, 'web-1', { metadata: at('2') }),
    wakes: [{ key }, { key: 'default/other' }],
  },
  'adopts nothing by a selector that is empty or invalid': {
    given: [
      replicaSet({ selector: {} }),
      replicaSet({ name: 'broken', selector: { matchLabels: { 'not valid': 'x' } } }),
    ],
    now: orphan,
    wakes: [],
  },
  'wakes again when a pod that became ready will be available': {
    given: [waiting],
    old: mine(waiting, 'web-1'),
    now: mine(waiting, 'web-1', { readySince: now, metadata: at('2') }),
    wakes: [{ key }, { key, after: 10_000 }],
  },
});

describe('replicaset', () => {
  test('never lets the memory of refused claims grow without bound', () => {
    const orphans = Array.from({ length: 700 }, (_, n) => pod({ name: `stray-${n}` }));
    const fruitless = orphans.slice(0, 500).map((stray) => stray.metadata?.uid ?? '');
    const planned = planOf(replicaset, { given: [one, ...orphans], key, now, memory: { fruitless } });
    expect(planned.reason).toBe('scale-up');
    expect(planned.chains.length).toBe(501);
  });
});
