import { describe, expect, test } from 'vitest';
import type { Input, ReadResult, Reads } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import type { Node, Pod } from '#core/k8s/types.gen.ts';
import type { Delete, Patch, Plan, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { node, pod } from '#kit/build.ts';
import { denied, type Fate } from '#kit/fake-store.ts';
import { planOf, scenarios } from '#kit/scenario.ts';
import { viewOf } from '#kit/view.ts';
import { BURST, podGarbageCollector } from './pod-garbage-collector.ts';
import { MOST_SEEN } from './pod-garbage-collector-parts/seen.ts';

const key = 'singleton';
const now = '2026-01-01T01:00:00Z';
const NOW = Date.parse(now);
const here = node('node-1');
const settings = { terminatedPodGcThreshold: 2 };

const force = (before: Pod, reason: string): Delete => ({
  verb: 'delete',
  ref: refOf('core/pods', before),
  gracePeriodSeconds: 0,
  before,
  reason,
});
const fail = (before: Pod, reason: string, more: object = {}): Patch => ({
  verb: 'patch',
  ref: refOf('core/pods', before),
  subresource: 'status',
  type: 'merge',
  patch: { status: { phase: 'Failed', ...more } },
  after: { ...before, status: { ...before.status, phase: 'Failed', ...more } } as Pod,
  reason,
  resourceVersion: before.metadata?.resourceVersion ?? '',
});
const plan = (reason: string, chains: readonly (readonly Write[])[], more: Partial<Plan> = {}): Plan => ({
  reason,
  chains,
  events: [],
  ...more,
});
const settled = (more: Partial<Plan> = {}) => ({ plan: plan('settled', [], more) });
const missing = (...nodes: [string, number][]): Json => ({ missing: nodes, refused: [] });
const sendFor = (...keys: string[]): Partial<Plan> => ({
  enqueue: keys.map((one) => ({ loop: 'orphaned_pods_nodes', key: one })),
});
const causedBy = (name: string, uid?: string): Partial<Plan> => ({
  blast: {
    root: { resource: 'core/nodes', name, ...(uid !== undefined && { uid }) },
    evidence: 'absent',
  },
});

const ended = (name: string, more: Parameters<typeof pod>[0] = {}) => pod({ name, phase: 'Succeeded', ...more });
const born = (creationTimestamp: string) => ({ metadata: { creationTimestamp } });
const evicted = ended('c', { phase: 'Failed', status: { phase: 'Failed', reason: 'Evicted' } });
const old = ended('d', born('2025-12-31T00:00:00Z'));
const stuck = ended('0-stuck', {
  metadata: { deletionTimestamp: now, deletionGracePeriodSeconds: 0, finalizers: ['x'] },
});

const outSpec = {
  ready: false,
  taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }],
};
const out = node('node-2', outSpec);
const outButReady = node('node-2', { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] });
const onlyNotReady = node('node-2', { ready: false, taints: [{ key: 'other', effect: 'NoExecute' }] });
const ending = pod({ name: 'e', node: 'node-2', deleting: now, metadata: { generation: 3 } });

const lost = pod({ name: 'l', node: 'gone', metadata: { generation: 2 } });
const since = NOW - 40_000;
const condition = (more: object = {}) => ({
  type: 'DisruptionTarget',
  observedGeneration: 2,
  status: 'True',
  lastTransitionTime: now,
  reason: 'DeletionByPodGC',
  message: 'PodGC: node no longer exists',
  ...more,
});
const ready = { type: 'Ready', status: 'True' };
const evictedByTaint = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'Other',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const scheduled = { type: 'PodScheduled', status: 'True' };
const conditioned = pod({
  name: 'l',
  node: 'gone',
  status: { phase: 'Running', conditions: [ready, evictedByTaint, scheduled] },
});
const nowhere = pod({ name: 'n', node: '', phase: 'Pending', deleting: now });
const nowhereStuck = pod({
  name: 'n',
  node: '',
  phase: 'Pending',
  metadata: { deletionTimestamp: now, deletionGracePeriodSeconds: 0, finalizers: ['batch.kubernetes.io/job-tracking'] },
});
const hostile = pod({ name: 'h', node: '__proto__' });
const ours = pod({ name: 'o', node: 'gone', metadata: { namespace: 'comptroller-system' } });
const manyLost = Array.from({ length: BURST + 1 }, (_, nth) =>
  ended(`m-${String(nth).padStart(4, '0')}`, { node: 'gone' }),
);
const many = Array.from({ length: BURST + 1 }, (_, nth) => ended(`m-${String(nth).padStart(4, '0')}`));
const kept = ended('a');
const refusal: Fate = denied('site/keep', 'kept');

scenarios(podGarbageCollector, {
  'deletes as many terminated pods as are too many: evicted ones, then the oldest': {
    given: [here, ended('b'), ended('a'), evicted, old, pod({ name: 'runs' })],
    key,
    settings,
    plan: plan('collect', [[force(evicted, 'terminated')], [force(old, 'terminated')]]),
    settled: settled(),
  },
  'breaks ties by name': {
    given: [here, ended('b'), ended('c'), ended('a')],
    key,
    settings,
    plan: plan('collect', [[force(ended('a'), 'terminated')]]),
  },
  'tolerates as many as the threshold says': {
    given: [here, ended('a'), ended('b')],
    key,
    settings,
    plan: plan('in-order', []),
  },
  'zero turns that off': {
    given: [here, ended('a'), ended('b')],
    key,
    settings: { terminatedPodGcThreshold: 0 },
    plan: plan('in-order', []),
  },
  'less than zero as well': {
    given: [here, ended('a')],
    key,
    settings: { terminatedPodGcThreshold: -1 },
    plan: plan('in-order', []),
  },
  'counts a pod that only its finalizers keep, and asks no more of it': {
    given: [here, stuck, ended('b'), ended('c')],
    key,
    settings,
    plan: plan('in-order', []),
  },
  'sends for a node that is out of service where pods of it end, once': {
    given: [
      here,
      out,
      node('node-3', outSpec),
      ending,
      { ...ending, metadata: { ...ending.metadata, uid: 'other', name: 'other' } },
    ],
    key,
    plan: plan('in-order', [], sendFor('node-2')),
  },
  'not where the node is ready all the same': { given: [outButReady, ending], key, plan: plan('in-order', []) },
  'nor where it is only not ready': { given: [onlyNotReady, ending], key, plan: plan('in-order', []) },
  'puts a node that is not there in quarantine': {
    given: [here, lost, pod({ name: 'fine' })],
    key,
    now,
    plan: plan('in-order', [], { memory: missing(['gone', NOW]) }),
  },
  'keeps it there until its time is over': {
    given: [here, lost],
    key,
    now,
    memory: missing(['gone', NOW - 39_999]),
    plan: plan('in-order', []),
  },
  'sends for it then, and begins its quarantine anew': {
    given: [here, lost],
    key,
    now,
    memory: missing(['gone', since]),
    plan: plan('in-order', [], { ...sendFor('gone'), memory: null }),
  },
  'forgets a node that came back': {
    given: [lost, node('gone')],
    key,
    now,
    memory: missing(['gone', since]),
    plan: plan('in-order', [], { memory: null }),
  },
  'does not mind how a node is named': {
    given: [hostile],
    key,
    now,
    plan: plan('in-order', [], { memory: missing(['__proto__', NOW]) }),
  },
  'ends what terminates and was never scheduled': {
    given: [here, nowhere, pod({ name: 'waits', node: '', phase: 'Pending' })],
    key,
    plan: plan('collect', [[fail(nowhere, 'unscheduled'), force(nowhere, 'unscheduled')]]),
  },
  'marks as failed what only finalizers keep, for who holds them may wait for that': {
    given: [nowhereStuck],
    key,
    plan: plan('collect', [[fail(nowhereStuck, 'unscheduled')]]),
  },
  'ends a terminated pod once, also where it was never scheduled': {
    given: [here, ended('n', { node: '', metadata: { deletionTimestamp: now } }), ended('z'), ended('y')],
    key,
    settings,
    check: ({ chains }) => expect(chains.flat().map(({ reason }) => reason)).toHaveLength(1),
  },
  'ends only so many in a run, and goes on at once': {
    given: [here, ...many, kept],
    key,
    settings: { terminatedPodGcThreshold: 1 },
    check: (found) => expect(found).toMatchObject({ reason: 'collect-more', chains: { length: BURST } }),
    settled: settled({ next: 'again' }),
  },
  'does not go on where something failed': {
    given: [here, ...many, kept],
    key,
    settings: { terminatedPodGcThreshold: 1 },
    check: ({ reason }) => expect(reason).toBe('collect-more'),
    settled: { ...settled(), answer: () => ({ kind: 'failed', code: 'API_UNAVAILABLE' }) },
  },
  'remembers what was refused': {
    given: [here, kept, ended('b'), ended('c')],
    key,
    settings,
    plan: plan('collect', [[force(kept, 'terminated')]]),
    settled: { ...settled({ memory: { missing: [], refused: ['uid-a'] } }), answer: () => refusal },
  },
  'asks for it after all others, and forgets it when it is done': {
    given: [here, kept, nowhere, ended('b'), ended('c')],
    key,
    settings,
    memory: { missing: [], refused: ['uid-a'] },
    plan: plan('collect', [[fail(nowhere, 'unscheduled'), force(nowhere, 'unscheduled')], [force(kept, 'terminated')]]),
    settled: settled({ memory: null }),
  },
});

test('without a setting the threshold is that of upstream', () => {
  const pods = Array.from({ length: 12_502 }, (_, nth) => ended(`t-${nth}`));
  expect(planOf(podGarbageCollector, { given: pods, key }).chains).toHaveLength(2);
});

scenarios(
  podGarbageCollector,
  {
    'ends what terminates on a node that is out of service': {
      given: [here, out, ending, pod({ name: 'stays', node: 'node-2' }), pod({ name: 'elsewhere', deleting: now })],
      key: 'node-2',
      facts: 'node',
      plan: plan(
        'collect',
        [[fail(ending, 'out-of-service', { observedGeneration: 3 }), force(ending, 'out-of-service')]],
        causedBy('node-2', 'uid-node-2'),
      ),
    },
    'not where the node is ready by now': {
      given: [outButReady, ending],
      key: 'node-2',
      facts: 'node',
      plan: plan('in-order', []),
    },
    'ends the pods of a node that is not there live either, of no other, and tells why': {
      given: [here, lost, pod({ name: 'of-another', node: 'gone-too' })],
      key: 'gone',
      now,
      facts: 'nothing',
      plan: plan(
        'collect',
        [[fail(lost, 'orphaned', { observedGeneration: 2, conditions: [condition()] }), force(lost, 'orphaned')]],
        causedBy('gone'),
      ),
      settled: settled(),
    },
    'with evidence where the end of the node was watched, under its uid': {
      given: [here, lost],
      key: 'gone',
      now,
      facts: 'nothing',
      derived: new Map([['gone', 'uid-gone']]),
      check: ({ blast }) =>
        expect(blast).toEqual({
          root: { resource: 'core/nodes', name: 'gone', uid: 'uid-gone' },
          evidence: 'owner-deleted-seen',
        }),
    },
    'without where only a node of another name ended': {
      given: [hostile],
      key: '__proto__',
      now,
      facts: 'nothing',
      derived: new Map([['gone', 'uid-gone']]),
      check: ({ blast, chains }) => {
        expect(blast).toEqual(causedBy('__proto__').blast);
        expect(chains).toHaveLength(1);
      },
    },
    'replaces a condition of that type where it stands, and keeps its time': {
      given: [conditioned],
      key: 'gone',
      now,
      facts: 'nothing',
      check: ({ chains }) =>
        expect(chains[0]?.[0]).toMatchObject({
          patch: {
            status: {
              conditions: [
                ready,
                { ...condition(), observedGeneration: undefined, lastTransitionTime: '2026-01-01T00:00:00Z' },
                scheduled,
              ].map((one) => JSON.parse(JSON.stringify(one))),
            },
          },
        }),
    },
    'spares them where the node is there live': {
      given: [lost],
      key: 'gone',
      facts: 'node',
      plan: plan('in-order', []),
    },
    'or where nobody could tell': { given: [lost], key: 'gone', facts: 'no-answer', plan: plan('in-order', []) },
    'or where it came while it was looked for': {
      given: [lost, node('gone')],
      key: 'gone',
      facts: 'nothing',
      plan: plan('in-order', []),
    },
    "leaves Comptroller's own pods alone": { given: [ours], key: 'gone', facts: 'nothing', plan: plan('in-order', []) },
    'ends only so many in a run': {
      given: manyLost,
      key: 'gone',
      facts: 'nothing',
      check: (found) => expect(found).toMatchObject({ reason: 'collect-more', chains: { length: BURST } }),
      settled: settled({ next: 'again' }),
    },
    'remembers what was refused, and looks again whether it may forget': {
      given: [lost],
      key: 'gone',
      facts: 'nothing',
      check: ({ reason }) => expect(reason).toBe('collect'),
      settled: {
        ...settled({ memory: { missing: [], refused: ['uid-l'] }, requeueAfter: 60_000 }),
        answer: () => refusal,
      },
    },
    'asks for it after all others': {
      given: [lost, pod({ name: 'z', node: 'gone' })],
      key: 'gone',
      facts: 'nothing',
      memory: { missing: [], refused: ['uid-l'] },
      check: ({ chains }) =>
        expect(chains.map(([first]) => first !== undefined && 'ref' in first && first.ref.name)).toEqual(['z', 'l']),
      settled: settled({ memory: null }),
    },
    'forgets what is not there any more': {
      given: [],
      key: 'gone',
      facts: 'nothing',
      memory: { missing: [], refused: ['uid-l'] },
      plan: plan('in-order', [], { memory: null }),
      settled: settled(),
    },
  },
  'orphaned_pods_nodes',
);

describe('the end of a node', () => {
  const fold = (state: unknown, resource: Resource, old?: ApiObject, after?: ApiObject) =>
    podGarbageCollector.derive?.fold(state, resource, old, after, { wall: NOW, mono: NOW });
  const begin = () => podGarbageCollector.derive?.initial() as Map<string, string>;

  test('is remembered by its uid until one of that name is there again', () => {
    const seen = begin();
    expect(fold(seen, 'core/nodes', here)).toEqual([]);
    fold(seen, 'core/pods', pod({ name: 'p' }));
    expect([...seen]).toEqual([['node-1', 'uid-node-1']]);
    fold(seen, 'core/nodes', undefined, here);
    expect([...seen]).toEqual([]);
  });

  test('of so many at most, and the first is forgotten', () => {
    const seen = begin();
    for (let nth = 0; nth <= MOST_SEEN; nth++) fold(seen, 'core/nodes', node(`n-${nth}`));
    expect([seen.size, seen.has('n-0'), seen.has(`n-${MOST_SEEN}`)]).toEqual([MOST_SEEN, false, true]);
  });
});

describe('the live look', () => {
  const loop = podGarbageCollector.loops.find(({ queue }) => queue === 'orphaned_pods_nodes');
  const look = async (name: string, answer: ReadResult<Node>): Promise<[unknown, number]> => {
    let asked = 0;
    const reads = {
      get: async () => {
        asked += 1;
        return answer;
      },
    } as unknown as Reads;
    const input = {
      key: name,
      view: viewOf([here], ['core/pods', 'core/nodes']),
      now: { wall: NOW, mono: NOW },
    } as unknown as Omit<Input<Resource, ApiObject>, 'facts'>;
    return [await loop?.gather?.(input, reads), asked];
  };

  test.each<[string, string, ReadResult<Node>, string, number]>([
    ['only NotFound says that there is none', 'gone', { ok: false, status: 404, reason: 'NotFound' }, 'nothing', 1],
    ['not what a proxy says', 'cut', { ok: false, status: 404, reason: '' }, 'no-answer', 1],
    ['the cache lags', 'lags', { ok: true, object: node('lags') }, 'node', 1],
    ['the cache holds it', 'node-1', { ok: false, status: 404, reason: 'NotFound' }, 'node', 0],
  ])('%s', async (_, name, answer, found, asked) => expect(await look(name, answer)).toEqual([found, asked]));
});
