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
const looked = (...nodes: [string, string][]): Json => nodes.map(([name, found]) => ({ node: name, found }));

const ended = (name: string, more: Parameters<typeof pod>[0] = {}) => pod({ name, phase: 'Succeeded', ...more });
const born = (creationTimestamp: string) => ({ metadata: { creationTimestamp } });
const evicted = ended('c', { phase: 'Failed', status: { phase: 'Failed', reason: 'Evicted' } });
const old = ended('d', born('2025-12-31T00:00:00Z'));
const stuck = ended('0-stuck', {
  metadata: { deletionTimestamp: now, deletionGracePeriodSeconds: 0, finalizers: ['x'] },
});

const out = node('node-2', {
  ready: false,
  taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }],
});
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
  'ends what terminates on a node that is out of service': {
    given: [here, out, ending, pod({ name: 'stays', node: 'node-2' })],
    key,
    now,
    plan: plan('collect', [
      [fail(ending, 'out-of-service', { observedGeneration: 3 }), force(ending, 'out-of-service')],
    ]),
  },
  'not where the node is ready all the same': { given: [outButReady, ending], key, plan: plan('in-order', []) },
  'nor where it is only not ready': { given: [onlyNotReady, ending], key, plan: plan('in-order', []) },
  'puts a node that is not there in quarantine': {
    given: [here, lost, pod({ name: 'fine' })],
    key,
    now,
    plan: plan('in-order', [], { memory: missing(['gone', NOW]) }),
  },
  'keeps it there until it was looked for': {
    given: [here, lost],
    key,
    now,
    memory: missing(['gone', NOW - 39_999]),
    facts: [],
    plan: plan('in-order', []),
  },
  'ends its pods once it is not there live either, and tells why': {
    given: [here, lost],
    key,
    now,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'nothing']),
    plan: plan(
      'collect',
      [[fail(lost, 'orphaned', { observedGeneration: 2, conditions: [condition()] }), force(lost, 'orphaned')]],
      { memory: null },
    ),
    settled: settled(),
  },
  'replaces a condition of that type where it stands, and keeps its time': {
    given: [conditioned],
    key,
    now,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'nothing']),
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
  'begins the quarantine of a node anew that is there live': {
    given: [lost],
    key,
    now,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'node']),
    plan: plan('in-order', [], { memory: null }),
  },
  'or that nobody could tell of': {
    given: [lost],
    key,
    now,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'no-answer']),
    plan: plan('in-order', [], { memory: null }),
  },
  'spares the pods of a node that came while it was looked for': {
    given: [lost, node('gone')],
    key,
    now,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'nothing']),
    plan: plan('in-order', [], { memory: null }),
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
  'ends each pod once, whatever speaks against it': {
    given: [ended('l', { node: 'gone' }), ended('b'), ended('z')],
    key,
    now,
    settings,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'nothing']),
    check: ({ chains }) =>
      expect(chains.map((chain) => chain.map(({ reason }) => reason))).toEqual([['terminated'], ['orphaned']]),
  },
  "leaves Comptroller's own pods alone": {
    given: [ours],
    key,
    now,
    memory: missing(['gone', since]),
    facts: looked(['gone', 'nothing']),
    plan: plan('in-order', [], { memory: null }),
  },
  'ends only so many in a run, goes on at once, and keeps in mind which node was looked at': {
    given: [here, ...many, ended('l', { node: 'gone' })],
    key,
    now,
    settings: { terminatedPodGcThreshold: 1 },
    memory: missing(['gone', since]),
    facts: looked(['gone', 'nothing']),
    check: (found) => {
      expect(found).toMatchObject({ reason: 'collect-more', chains: { length: BURST } });
      expect(found.memory).toBeUndefined();
    },
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
  expect(planOf(podGarbageCollector, { given: pods, key, facts: [] }).chains).toHaveLength(2);
});

describe('the live look', () => {
  const [loop] = podGarbageCollector.loops;
  const gather = (memory: Json | undefined, answers: Readonly<Record<string, ReadResult<Node>>>, asked: string[]) => {
    const reads = {
      get: async (_resource: Resource, { name }: { name: string }) => {
        asked.push(name);
        return answers[name] ?? { ok: false, status: 404, reason: 'NotFound' };
      },
    } as unknown as Reads;
    const given = ['gone', 'cut', 'lags', 'young', 'node-1'].map((name) => pod({ name, node: name }));
    const input = {
      view: viewOf([here, ...given], ['core/pods', 'core/nodes']),
      memory,
      now: { wall: NOW, mono: NOW },
    } as unknown as Omit<Input<Resource, ApiObject>, 'facts'>;
    return loop?.gather?.(input, reads);
  };

  test('is for nodes whose quarantine is over; only NotFound says that there is none', async () => {
    const asked: string[] = [];
    const memory = missing(['gone', since], ['cut', since], ['lags', since], ['young', since + 1], ['node-1', since]);
    const answers: Record<string, ReadResult<Node>> = {
      lags: { ok: true, object: node('lags') },
      cut: { ok: false, status: 404, reason: '' },
    };
    expect(await gather(memory, answers, asked)).toEqual(
      looked(['gone', 'nothing'], ['cut', 'no-answer'], ['lags', 'node']),
    );
    expect(asked).toEqual(['gone', 'cut', 'lags']);
    expect(await gather(undefined, {}, [])).toEqual([]);
  });
});
