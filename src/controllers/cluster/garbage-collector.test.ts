import { describe, expect, test } from 'vitest';
import type { AnyLoop, Derive, ReadResult } from '#core/controller.ts';
import type { Blast, Delete, Patch, Plan } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { follow, graphAfter, owner, SERVED, type Seen, START, textOf, thing, WIDGETS } from '#kit/graph.ts';
import { type Scenario, scenarios } from '#kit/scenario.ts';
import { garbageCollector } from './garbage-collector.ts';
import type { DeleteFacts, OrphanFacts, OwnerState } from './garbage-collector-parts/facts.ts';
import { fold } from './garbage-collector-parts/fold.ts';
import { gatherForDelete, gatherForOrphan } from './garbage-collector-parts/gather.ts';
import type { Graph } from './garbage-collector-parts/graph.ts';
import { asJson, learn } from './garbage-collector-parts/learn.ts';

const POD = 'core/pods';
const SET = 'apps/replicasets';
const MAP = 'core/configmaps';
const NODE = 'core/nodes';
/** Facts are of one moment: run on the same ones again, it decides the same. */
const restless = 'the same facts make the same plan';

const set = thing(SET, 'web');
const pod = thing(POD, 'p', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] });
const ending = (object: ApiObject, finalizer: string): ApiObject => ({
  ...object,
  metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:30:00Z', finalizers: [finalizer] },
});

/** The owner's end was watched. */
const END: readonly Seen[] = [
  [SET, undefined, set],
  [POD, undefined, pod],
  [SET, set, undefined],
];

const found = (
  resource: Resource,
  object: ApiObject,
  ...states: readonly OwnerState[]
): Extract<DeleteFacts, { item: 'found' }> => ({
  item: 'found',
  resource,
  object,
  owners: states.map((state, nth) => {
    const reference = object.metadata?.ownerReferences?.[nth];
    if (reference === undefined) throw new TypeError('a state too many');
    return { reference, state };
  }),
});
/** The loops read no more of their input than this. */
const asInput = (part: object) => part as Parameters<AnyLoop['reconcile']>[0];
const given = (seen: readonly Seen[], facts: DeleteFacts | OrphanFacts, key = 'a/uid-p') => ({
  given: [],
  key,
  derived: graphAfter(seen).graph,
  facts,
  restless,
});
const idle = (reason: string, more: Partial<Plan> = {}): Plan => ({ reason, chains: [], events: [], ...more });
const deletion = (
  resource: Resource,
  before: ApiObject,
  blast: Partial<Blast>,
  propagation: Delete['propagation'] = 'Background',
): Plan => ({
  reason: 'collect',
  chains: [
    [
      {
        verb: 'delete',
        ref: refOf(resource, before),
        resourceVersion: '7',
        ...(propagation !== undefined && { propagation }),
        before,
        reason: 'collect',
      },
    ],
  ],
  events: [],
  blast: { root: refOf(SET, set), total: 1, evidence: 'owner-deleted-seen', ...blast },
});
const patchOf = (resource: Resource, object: ApiObject, patch: Partial<Patch>): Patch => ({
  verb: 'patch',
  ref: refOf(resource, object),
  type: 'strategic',
  patch: {},
  after: expect.objectContaining({ kind: object.kind }),
  reason: 'drop-owners',
  resourceVersion: '7',
  ...patch,
});
const references = (...elements: readonly object[]) => ({ metadata: { ownerReferences: elements } }) as Patch['patch'];

const two = thing(POD, 'p', { ownerReferences: [owner(SET, 'web'), owner(MAP, 'm')] });
const widget = thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web'), owner(MAP, 'm')] });
const child = thing(POD, 'c', { ownerReferences: [owner(POD, 'p')] });
const foreground = ending(set, 'foregroundDeletion');
/** As a cluster-scoped object names it. */
const NOWHERE = { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: '', name: 'web', uid: 'uid-web' };

const IN_CIRCLE: readonly Seen[] = [
  [POD, undefined, pod],
  [SET, undefined, ending(thing(SET, 'web', { ownerReferences: [owner(POD, 'p')] }), 'foregroundDeletion')],
];
const LET_GO = [
  [
    patchOf(POD, pod, {
      reason: 'break-circle',
      patch: references(owner(SET, 'web', { blockOwnerDeletion: false })),
    }),
  ],
];

const ROWS: Readonly<Record<string, Scenario>> = {
  'an object whose owner is gone goes': {
    ...given(END, found(POD, pod, 'dangling')),
    plan: deletion(POD, pod, {}),
  },
  'it goes as somebody wished it for its dependents': {
    ...given(END, found(POD, thing(POD, 'p', { ...pod.metadata, finalizers: ['orphan'] }), 'dangling')),
    plan: deletion(POD, thing(POD, 'p', { ...pod.metadata, finalizers: ['orphan'] }), {}, 'Orphan'),
  },
  'or in the foreground': {
    ...given(END, found(POD, thing(POD, 'p', { ...pod.metadata, finalizers: ['foregroundDeletion'] }), 'dangling')),
    plan: deletion(POD, thing(POD, 'p', { ...pod.metadata, finalizers: ['foregroundDeletion'] }), {}, 'Foreground'),
  },
  'an object whose owner lives stays': { ...given(END, found(POD, pod, 'solid')), plan: idle('owned') },
  'an object without owners stays': { ...given(END, found(POD, thing(POD, 'p'))), plan: idle('no-owners') },
  'an object that ends already is left to its end': {
    ...given(END, found(POD, ending(pod, 'example.com/hold'), 'dangling')),
    plan: idle('ending'),
  },
  'of two owners the one that is gone is let go of': {
    ...given(END, found(POD, two, 'dangling', 'solid')),
    plan: {
      ...idle('owned'),
      chains: [[patchOf(POD, two, { patch: references({ $patch: 'delete', uid: 'uid-web' }) })]],
    },
  },
  'of a custom object the whole list is given, of the version that was read': {
    ...given([[WIDGETS, undefined, widget]], found(WIDGETS, widget, 'waiting', 'solid'), 'a/uid-w'),
    plan: {
      ...idle('owned'),
      chains: [[patchOf(WIDGETS, widget, { type: 'merge', patch: references(owner(MAP, 'm')) })]],
    },
  },
  'an owner that is named twice, once rightly, stays one': {
    ...given(
      END,
      found(
        POD,
        thing(POD, 'p', { ownerReferences: [owner(SET, 'web'), owner(SET, 'web', { name: 'api' })] }),
        'solid',
        'dangling',
      ),
    ),
    plan: idle('owned'),
  },
  'an owner that waits for it has it go': {
    ...given(
      [
        [SET, undefined, set],
        [POD, undefined, pod],
        [SET, set, foreground],
      ],
      found(POD, pod, 'waiting'),
    ),
    plan: deletion(POD, pod, { evidence: 'owner-terminating' }),
  },
  'in the foreground, where it has dependents itself': {
    ...given(
      [
        [SET, undefined, set],
        [POD, undefined, pod],
        [POD, undefined, child],
        [SET, set, foreground],
      ],
      found(POD, pod, 'waiting'),
    ),
    plan: deletion(POD, pod, { evidence: 'owner-terminating', total: 2 }, 'Foreground'),
  },
  'in a circle of owners that wait for each other it lets go first': {
    ...given(IN_CIRCLE, found(POD, pod, 'waiting')),
    given: [pod],
    plan: {
      ...idle('circle'),
      chains: LET_GO,
    },
    settled: { answer: () => ({ kind: 'applied' }), plan: idle('settled', { next: 'again' }) },
  },
  'I11: in a circle, where it may not let go, it waits as every refused write does': {
    ...given(IN_CIRCLE, found(POD, pod, 'waiting')),
    plan: {
      ...idle('circle'),
      chains: LET_GO,
    },
    settled: {
      answer: () => ({ kind: 'denied', code: 'POLICY_INPUT_TOO_LARGE', rules: [] }),
      plan: idle('settled'),
    },
  },
  'a custom object in a circle': {
    ...given(
      [
        [
          WIDGETS,
          undefined,
          thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] }),
        ],
        [SET, undefined, ending(thing(SET, 'web', { ownerReferences: [owner(WIDGETS, 'w')] }), 'foregroundDeletion')],
      ],
      found(
        WIDGETS,
        thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] }),
        'waiting',
      ),
      'a/uid-w',
    ),
    check: (plan) =>
      expect(plan.chains[0]?.[0]).toMatchObject({
        type: 'merge',
        resourceVersion: '7',
        patch: references(owner(SET, 'web', { blockOwnerDeletion: false })),
      }),
  },
  'an owner of unknown kind is waited for': {
    ...given(END, found(POD, two, 'dangling', 'unknown-kind')),
    plan: idle('unknown-kind', { next: 'backoff', learnt: [{ kind: 'unknown-kind', key: 'a/uid-p' }] }),
  },
  'an owner that could not be read is asked for again': {
    ...given(END, found(POD, two, 'unread', 'dangling')),
    plan: idle('unread', { next: 'backoff' }),
  },
  'a cluster-scoped object with a namespaced owner stays': {
    ...given(
      [[NODE, undefined, thing(NODE, 'n', { ownerReferences: [owner(SET, 'web')] })]],
      found(NODE, thing(NODE, 'n', { ownerReferences: [owner(SET, 'web')] }), 'misplaced'),
      '/uid-n',
    ),
    plan: idle('misplaced'),
  },
  'an owner of another namespace is none, and an Event says so': {
    ...given(
      [
        [SET, undefined, thing(SET, 'web', { namespace: 'b' })],
        [POD, undefined, pod],
      ],
      found(POD, pod, 'dangling'),
    ),
    plan: {
      ...deletion(POD, pod, { root: { ...refOf(SET, set) }, evidence: 'absent' }),
      events: [
        {
          regarding: refOf(POD, pod),
          type: 'Warning',
          reason: 'OwnerRefInvalidNamespace',
          message:
            'ownerRef [apps/v1/ReplicaSet, namespace: a, name: web, uid: uid-web] does not exist in namespace "a"',
        },
      ],
    },
  },
  'what was found out goes into the graph': {
    ...given([[POD, undefined, pod]], {
      ...found(POD, pod),
      owners: [
        {
          reference: owner(SET, 'web'),
          state: 'dangling',
          absent: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'a', name: 'web', uid: 'uid-web' },
        },
      ],
    }),
    plan: {
      ...deletion(POD, pod, { evidence: 'absent' }),
      learnt: [
        {
          kind: 'absent-owner',
          identity: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'a', name: 'web', uid: 'uid-web' },
        },
      ],
    },
  },
  'an owner that no watch has shown yet is looked at again': {
    ...given([[POD, undefined, pod]], found(SET, set), 'a/uid-web'),
    plan: idle('no-owners', { next: 'backoff' }),
  },
  'an owner that is not there is learnt': {
    ...given(
      [[POD, undefined, pod]],
      {
        item: 'absent',
        identity: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'a', name: 'web', uid: 'u' },
      },
      'a/uid-web',
    ),
    plan: idle('absent', {
      learnt: [
        {
          kind: 'absent',
          identity: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'a', name: 'web', uid: 'u' },
        },
      ],
    }),
  },
  'an owner whose dependents are gone ends': {
    ...given(
      [[SET, undefined, foreground]],
      { item: 'found', resource: SET, object: foreground, owners: undefined },
      'a/uid-web',
    ),
    plan: {
      ...idle('finish-foreground'),
      chains: [
        [
          patchOf(SET, foreground, {
            type: 'merge',
            reason: 'finish-foreground',
            patch: { metadata: { finalizers: null } },
          }),
        ],
      ],
    },
  },
  'an owner whose dependents are there has them looked at': {
    ...given(
      [
        [SET, undefined, foreground],
        [POD, undefined, pod],
      ],
      { item: 'found', resource: SET, object: foreground, owners: undefined },
      'a/uid-web',
    ),
    plan: idle('waiting-for-dependents', { enqueue: [{ key: 'a/uid-p' }] }),
  },
  'an owner does not wait for a stranger, nor for itself': {
    ...given(
      [
        [
          SET,
          undefined,
          ending(
            thing(SET, 'web', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] }),
            'foregroundDeletion',
          ),
        ],
        [POD, undefined, thing(POD, 'p', { ...pod.metadata, namespace: 'b' })],
      ],
      { item: 'found', resource: SET, object: foreground, owners: undefined },
      'a/uid-web',
    ),
    check: (plan) => expect(plan.reason).toBe('finish-foreground'),
  },
  'a foreground deletion that begins while owners are read is run again': {
    ...given([[POD, undefined, ending(pod, 'foregroundDeletion')]], found(POD, pod, 'dangling')),
    plan: idle('changed-meanwhile', { next: 'again' }),
  },
  'nothing to look at': { ...given([], { item: 'none' }), plan: idle('nothing-to-do') },
  'it went while it was looked at': { ...given([], found(POD, pod, 'dangling')), plan: idle('gone') },
  'not all is watched yet': {
    ...given([], { item: 'incomplete' }),
    plan: idle('waiting-for-resources', { requeueAfter: 1000 }),
  },
  'it could not be read': { ...given([], { item: 'unread' }), plan: idle('unread', { next: 'backoff' }) },
  'a namespaced owner that only cluster-scoped objects name': {
    ...given([], { item: 'misplaced', identity: NOWHERE }),
    plan: idle('misplaced', { learnt: [{ kind: 'misplaced', identity: NOWHERE }] }),
  },
  'a deletion that finds nothing is a discovery': {
    ...given(END, found(POD, pod, 'dangling')),
    plan: deletion(POD, pod, {}),
    settled: {
      answer: () => ({ kind: 'applied', benign: true }),
      plan: idle('absent', {
        learnt: [
          { kind: 'absent', identity: { apiVersion: 'v1', kind: 'Pod', namespace: 'a', name: 'p', uid: 'uid-p' } },
        ],
      }),
    },
  },
};

scenarios(garbageCollector, ROWS);

describe('the blast of a collection', () => {
  const blastOf = (seen: readonly Seen[], facts: DeleteFacts, key = 'a/uid-p'): Blast | undefined =>
    garbageCollector.loops[0]?.reconcile(asInput(given(seen, facts, key))).blast;

  test('of a chain is one: the root is what ended first, with everything below it', () => {
    const top = thing(MAP, 'top');
    const middle = thing(SET, 'web', { ownerReferences: [owner(MAP, 'top')] });
    const seen: Seen[] = [
      [MAP, undefined, top],
      [SET, undefined, middle],
      [POD, undefined, pod],
      [POD, undefined, thing(POD, 'q', { ownerReferences: [owner(SET, 'web')] })],
      [MAP, top, undefined],
    ];
    const root = { root: refOf(MAP, top), total: 3, evidence: 'owner-deleted-seen' };
    expect(blastOf(seen, found(SET, middle, 'dangling'), 'a/uid-web')).toEqual(root);
    expect(blastOf([...seen, [SET, middle, undefined]], found(POD, pod, 'dangling'))).toEqual(root);
  });

  test('does not count what another owner keeps', () => {
    const kept = thing(POD, 'q', { ownerReferences: [owner(SET, 'web'), owner(NODE, 'n')] });
    const seen: Seen[] = [
      [NODE, undefined, thing(NODE, 'n')],
      [SET, undefined, set],
      [POD, undefined, pod],
      [POD, undefined, kept],
      [SET, set, undefined],
    ];
    expect(blastOf(seen, found(POD, pod, 'dangling'))?.total).toBe(1);
  });

  const younger = thing(SET, 'web', { creationTimestamp: '2026-01-01T00:00:01Z' });
  test.each<[string, readonly Seen[]]>([
    [
      'was handed over later',
      [
        [SET, undefined, set],
        [POD, undefined, thing(POD, 'p')],
        [POD, thing(POD, 'p'), pod],
        [SET, set, undefined],
      ],
    ],
    [
      'was handed over after the end',
      [
        [SET, undefined, set],
        [POD, undefined, thing(POD, 'q', { ownerReferences: [owner(SET, 'web')] })],
        [POD, undefined, thing(POD, 'p')],
        [SET, set, undefined],
        [POD, thing(POD, 'p'), pod],
      ],
    ],
    [
      'is older than its owner',
      [
        [SET, undefined, younger],
        [POD, undefined, pod],
        [SET, younger, undefined],
      ],
    ],
    ['has an owner whose end nobody saw', [[POD, undefined, pod]]],
  ])('says nothing of the owner where the dependent %s', (_, seen) => {
    expect(blastOf(seen, found(POD, pod, 'dangling'))).toMatchObject({ evidence: 'absent', root: refOf(SET, set) });
  });

  test('knows no owner that only the live read shows: it may have been handed over', () => {
    const bare = thing(POD, 'p');
    const seen: Seen[] = [
      [SET, undefined, set],
      [POD, undefined, bare],
      [POD, undefined, thing(POD, 'q', { ownerReferences: [owner(SET, 'web')] })],
      [SET, set, undefined],
    ];
    const input = asInput(given(seen, found(POD, pod, 'dangling')));
    expect(garbageCollector.loops[0]?.reconcile(input).blast).toMatchObject({ evidence: 'absent' });
  });

  test('of a dependent that is seen after its owner went is that of the others', () => {
    const late = thing(POD, 'late', { ownerReferences: [owner(SET, 'web')] });
    const blast = blastOf([...END, [POD, undefined, late]], found(POD, late, 'dangling'), 'a/uid-late');
    expect(blast).toEqual({ root: refOf(SET, set), total: 1, evidence: 'owner-deleted-seen' });
  });
});

const owned = { resource: POD, identity: { apiVersion: 'v1', kind: 'Pod', namespace: 'a', name: 'p', uid: 'uid-p' } };
const leaving = ending(set, 'orphan');
const LEAVE: readonly Seen[] = [
  [SET, undefined, set],
  [POD, undefined, pod],
  [SET, set, leaving],
];
const leaves = (dependents: Extract<OrphanFacts, { item: 'found' }>['dependents']): OrphanFacts => ({
  item: 'found',
  resource: SET,
  object: leaving,
  dependents,
});
const finish = patchOf(SET, leaving, {
  type: 'merge',
  reason: 'finish-orphan',
  patch: { metadata: { finalizers: null } },
});
const freeing: Patch = {
  verb: 'patch',
  ref: refOf(POD, pod),
  type: 'strategic',
  patch: references({ $patch: 'delete', uid: 'uid-web' }),
  after: expect.objectContaining({ kind: 'Pod' }),
  reason: 'orphan',
  blind: 'one reference is removed by its uid, whatever else changed',
};
const freed = { ...idle('orphan'), chains: [[freeing]] };
const freedOne = { kind: 'freed', owner: 'uid-web', dependents: [{ uid: 'uid-p' }] };
const references1 = pod.metadata?.ownerReferences ?? [];

const ORPHAN_ROWS: Readonly<Record<string, Scenario>> = {
  'dependents are freed first, then their owner ends': {
    ...given(LEAVE, leaves([{ ...owned, owners: references1 } as never]), 'a/uid-web'),
    plan: freed,
    settled: {
      answer: () => ({ kind: 'applied', benign: true }),
      plan: { ...idle('finish-orphan'), chains: [[finish]], learnt: [freedOne] },
    },
  },
  'the owner waits where one could not be freed': {
    ...given(LEAVE, leaves([{ ...owned, owners: references1 } as never]), 'a/uid-web'),
    plan: freed,
    settled: {
      answer: () => ({ kind: 'failed', code: 'API_UNAVAILABLE', status: 503 }),
      plan: idle('dependents-remain'),
    },
  },
  'one that came meanwhile is freed as well': {
    ...given(
      [...LEAVE, [POD, undefined, thing(POD, 'q', { ownerReferences: [owner(SET, 'web')] })]],
      leaves([{ ...owned, owners: references1 } as never]),
      'a/uid-web',
    ),
    plan: freed,
    settled: {
      answer: () => ({ kind: 'applied', benign: true }),
      plan: idle('dependents-remain', { next: 'again', learnt: [freedOne] }),
    },
  },
  'of a custom object the whole list is given': {
    ...given(
      LEAVE,
      leaves([{ resource: WIDGETS, identity: owned.identity, owners: [], live: widget } as never]),
      'a/uid-web',
    ),
    check: (plan) =>
      expect(plan.chains).toEqual([
        [patchOf(WIDGETS, widget, { type: 'merge', reason: 'orphan', patch: references(owner(MAP, 'm')) })],
      ]),
    settled: { answer: () => ({ kind: 'applied', benign: true }), check: () => {} },
  },
  'an owner without dependents ends at once': {
    ...given([[SET, undefined, leaving]], leaves([]), 'a/uid-web'),
    plan: { ...idle('finish-orphan'), chains: [[finish]] },
    settled: { answer: () => ({ kind: 'applied', benign: true }), plan: idle('settled') },
  },
  'one that has gone needs nothing': {
    ...given(LEAVE, leaves([{ ...owned, resource: WIDGETS, owners: [], live: null } as never]), 'a/uid-web'),
    plan: { ...idle('finish-orphan'), chains: [[finish]], learnt: [{ kind: 'absent', identity: owned.identity }] },
    settled: { answer: () => ({ kind: 'applied', benign: true }), plan: idle('settled') },
  },
  'an owner that is gone is learnt': {
    ...given(LEAVE, { item: 'absent', identity: owned.identity }, 'a/uid-web'),
    plan: idle('absent', { learnt: [{ kind: 'absent', identity: owned.identity }] }),
  },
  'not all is watched yet': {
    ...given([], { item: 'incomplete' }),
    plan: idle('waiting-for-resources', { requeueAfter: 1000 }),
  },
  'it could not be read': { ...given([], { item: 'unread' }), plan: idle('unread', { next: 'backoff' }) },
  'nothing to orphan': { ...given([], { item: 'none' }), plan: idle('nothing-to-do') },
};

describe('orphaning', () => {
  test.each(Object.entries(ORPHAN_ROWS))('%s', (_, row) => {
    const loop = garbageCollector.loops[1];
    const input = asInput(row);
    const plan = loop?.reconcile(input) as Plan;
    if ('plan' in row) expect(plan).toEqual(row.plan);
    else row.check(plan);
    if (row.settled === undefined) return;
    const { answer } = row.settled;
    const outcomes = plan.chains.map((chain) =>
      chain.map((write, nth) => ({ ...(answer?.(write, nth) ?? { kind: 'applied' }), write }) as never),
    );
    const settled = loop?.settle?.(input, outcomes, plan) as Plan;
    if ('plan' in row.settled) expect(settled).toEqual(row.settled.plan);
    else row.settled.check(settled);
  });
});

describe('looking', () => {
  const reading = (answers: Readonly<Record<string, ReadResult<ApiObject>>>) => {
    const asked: string[] = [];
    const metadata = async (resource: Resource, at: { namespace?: string; name: string }) => {
      asked.push(`${resource} ${at.namespace ?? ''}/${at.name}`);
      return answers[at.name] ?? ({ ok: false, status: 404, reason: 'NotFound' } as const);
    };
    return { reads: { metadata }, asked };
  };
  const ok = (object: ApiObject): ReadResult<ApiObject> => ({ ok: true, object });
  const look = async (
    seen: readonly Seen[],
    answers: Readonly<Record<string, ReadResult<ApiObject>>>,
    { key = 'a/uid-p', synced = true, now = START } = {},
  ) => {
    const { reads, asked } = reading(answers);
    const { graph } = graphAfter(seen, synced);
    return { facts: await gatherForDelete({ key, derived: graph, now }, reads), asked, graph };
  };
  const states = (facts: DeleteFacts) =>
    facts.item === 'found' ? facts.owners?.map(({ state }) => state) : facts.item;
  const owning = (...owners: readonly ReturnType<typeof owner>[]) => thing(POD, 'p', { ownerReferences: [...owners] });

  test.each<[string, ReturnType<typeof owner>, ReadResult<ApiObject> | undefined, OwnerState]>([
    ['is there', owner(SET, 'web'), ok(set), 'solid'],
    [
      'is there, by another version of its kind',
      owner(WIDGETS, 'w', { apiVersion: 'example.com/v1' }),
      ok(thing(WIDGETS, 'w')),
      'solid',
    ],
    ['is not there', owner(SET, 'web'), undefined, 'dangling'],
    ['is another of the same name', owner(SET, 'web', { uid: 'old' }), ok(set), 'dangling'],
    ['waits for its dependents', owner(SET, 'web'), ok(foreground), 'waiting'],
    ['ends, and waits for something else', owner(SET, 'web'), ok(ending(set, 'example.com/hold')), 'solid'],
    ['cannot be read', owner(SET, 'web'), { ok: false, status: 503, reason: '' }, 'unread'],
    ['is served no longer', owner(WIDGETS, 'w'), { ok: false, status: 404, reason: 'NotServed' }, 'unread'],
    ['is of no known kind', owner(SET, 'web', { kind: 'Web' }), undefined, 'unknown-kind'],
    ['is cluster-scoped', owner(NODE, 'n'), ok(thing(NODE, 'n')), 'solid'],
  ])('an owner that %s', async (_, reference, answer, state) => {
    const object = owning(reference);
    const { facts } = await look([[POD, undefined, object]], {
      p: ok(object),
      ...(answer !== undefined && { [reference.name]: answer }),
    });
    expect(states(facts)).toEqual([state]);
  });

  test('asks for metadata in the place where each would be, and once for what is known to be absent', async () => {
    const object = owning(owner(SET, 'web'), owner(NODE, 'n'));
    const { facts, asked, graph } = await look([[POD, undefined, object]], { p: ok(object) });
    expect(asked).toEqual(['core/pods a/p', 'apps/replicasets a/web', 'core/nodes /n']);
    const plan = garbageCollector.loops[0]?.reconcile(asInput({ key: 'a/uid-p', derived: graph, facts })) as Plan;
    const derive = garbageCollector.derive as Derive;
    for (const learnt of plan.learnt ?? []) derive.learn?.(graph, learnt, START);
    const again = reading({ p: ok(object) });
    await gatherForDelete({ key: 'a/uid-p', derived: graph, now: START }, again.reads);
    expect(again.asked).toEqual(['core/pods a/p']);
  });

  test.each<[string, readonly Seen[], Readonly<Record<string, ReadResult<ApiObject>>>, unknown]>([
    ['nobody', [], {}, 'none'],
    ['one that ends', [[POD, undefined, ending(pod, 'example.com/hold')]], {}, 'none'],
    [
      'one that waits for its dependents',
      [[POD, undefined, ending(pod, 'foregroundDeletion')]],
      { p: ok(pod) },
      undefined,
    ],
    ['one that is gone', [[POD, undefined, pod]], {}, 'absent'],
    ['another under its name', [[POD, undefined, pod]], { p: ok(thing(POD, 'p', { uid: 'new' })) }, 'absent'],
    ['one that cannot be read', [[POD, undefined, pod]], { p: { ok: false, status: 0, reason: 'timeout' } }, 'unread'],
  ])('at %s', async (_, seen, answers, expected) => {
    expect(states((await look(seen, answers)).facts)).toEqual(expected);
  });

  test('at an owner that can be nowhere', async () => {
    const seen: Seen[] = [[NODE, undefined, thing(NODE, 'n', { ownerReferences: [owner(SET, 'web')] })]];
    expect((await look(seen, {}, { key: '/uid-web' })).facts).toEqual({ item: 'misplaced', identity: NOWHERE });
    expect(states((await look(seen, { n: ok(seen[0]?.[2] as ApiObject) }, { key: '/uid-n' })).facts)).toEqual([
      'misplaced',
    ]);
  });

  test('waits until everything is watched, but not for ever', async () => {
    const seen: Seen[] = [[POD, undefined, pod]];
    const later = { wall: START.wall + 30_000, mono: START.mono + 30_000 };
    expect((await look(seen, {}, { synced: false })).facts).toEqual({ item: 'incomplete' });
    expect((await look(seen, { p: ok(pod) }, { synced: false, now: later })).facts.item).toBe('found');
  });

  test('for orphans: the owner, and the dependents whose whole list has to be known', async () => {
    const own = thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web')] });
    const seen: Seen[] = [...LEAVE, [WIDGETS, undefined, own]];
    const ask = async (answers: Readonly<Record<string, ReadResult<ApiObject>>>, synced = true) => {
      const { reads, asked } = reading(answers);
      const derived: Graph = graphAfter(seen, synced).graph;
      return { facts: await gatherForOrphan({ key: 'a/uid-web', derived, now: START }, reads), asked };
    };
    const { facts, asked } = await ask({ web: ok(leaving), w: ok(own) });
    expect(asked).toEqual(['apps/replicasets a/web', `${WIDGETS} a/w`]);
    expect(facts).toMatchObject({ item: 'found', dependents: [{ resource: POD }, { resource: WIDGETS, live: own }] });
    expect((await ask({ web: ok(leaving) })).facts).toMatchObject({ dependents: [{}, { live: null }] });
    expect((await ask({ web: ok(set) })).facts).toEqual({ item: 'none' });
    expect((await ask({ web: ok(leaving), w: { ok: false, status: 500, reason: '' } })).facts).toEqual({
      item: 'unread',
    });
    expect((await ask({ web: ok(leaving) }, false)).facts).toEqual({ item: 'incomplete' });
  });

  test('an owner does not end before what blocks it is known, but not for ever', async () => {
    const seen: Seen[] = [[SET, undefined, foreground]];
    const look = async (graph: Graph, after: number) => {
      const now = { wall: START.wall + after, mono: START.mono + after };
      return (await gatherForDelete({ key: 'a/uid-web', derived: graph, now }, reading({ web: ok(foreground) }).reads))
        .item;
    };
    const { graph } = graphAfter(seen);
    expect(await look(graph, 0)).toBe('found');
    follow(graph, [...SERVED, 'core/secrets'], false);
    expect(await look(graph, 29_999)).toBe('incomplete');
    expect(await look(graph, 30_000)).toBe('found');
    // What was known, and is in doubt again after an era or a new reign.
    const at = (ms: number) => ({ wall: START.wall + ms, mono: START.mono + ms });
    follow(graph, [...SERVED, 'core/secrets'], true, at(40_000));
    follow(graph, [...SERVED, 'core/secrets'], false, at(60_000));
    expect(await look(graph, 89_999)).toBe('incomplete');
    expect(await look(graph, 90_000)).toBe('found');
  });

  test('what is not watched for a while still blocks, and is still let go of', async () => {
    const NEXT: Resource = 'example.com/widgets@v3,Widget,namespaced';
    const own = thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] });
    const gap = (end: ApiObject): Graph => {
      const { graph } = graphAfter([
        [SET, undefined, end],
        [WIDGETS, undefined, own],
      ]);
      follow(graph, [...SERVED.filter((one) => one !== WIDGETS), NEXT], false);
      return graph;
    };
    const now = { wall: START.wall + 31_000, mono: START.mono + 31_000 };
    const waiting = gap(foreground);
    const facts = await gatherForDelete(
      { key: 'a/uid-web', derived: waiting, now },
      reading({ web: ok(foreground) }).reads,
    );
    const plan = garbageCollector.loops[0]?.reconcile(asInput({ key: 'a/uid-web', derived: waiting, facts }));
    expect(plan).toEqual(idle('waiting-for-dependents', { enqueue: [{ key: 'a/uid-w' }] }));
    const derived = gap(leaving);
    const unread = reading({ web: ok(leaving), w: { ok: false, status: 500, reason: '' } });
    expect((await gatherForOrphan({ key: 'a/uid-web', derived, now }, unread.reads)).item).toBe('unread');
    const { reads, asked } = reading({ web: ok(leaving), w: ok({ ...own, apiVersion: 'example.com/v3' }) });
    const orphans = await gatherForOrphan({ key: 'a/uid-web', derived, now }, reads);
    expect(asked.at(-1)).toBe(`${NEXT} a/w`);
    const freeing = garbageCollector.loops[1]?.reconcile(asInput({ key: 'a/uid-web', derived, facts: orphans }));
    expect(freeing?.chains).toMatchObject([[{ verb: 'patch', reason: 'orphan', ref: { resource: NEXT, name: 'w' } }]]);
  });

  test('an owner that ended is asked for again once its resource is in doubt: it may be back', async () => {
    const alive = thing(WIDGETS, 'w');
    const [x, both] = [thing(SET, 'x'), [owner(WIDGETS, 'w'), owner(SET, 'x')]];
    const held = thing(POD, 'c', { ownerReferences: both });
    const { graph } = graphAfter([
      [WIDGETS, undefined, alive],
      [SET, undefined, x],
      [POD, undefined, held],
      [WIDGETS, alive, undefined],
    ]);
    follow(graph, SERVED, false);
    follow(graph, SERVED);
    fold(graph, WIDGETS, undefined, alive);
    fold(graph, SET, x, undefined);
    const { reads, asked } = reading({ c: ok(held), w: ok(alive) });
    const facts = await gatherForDelete({ key: 'a/uid-c', derived: graph, now: START }, reads);
    expect(asked).toContain(`${WIDGETS} a/w`);
    expect(states(facts)).toEqual(['solid', 'dangling']);
  });

  test('what comes back under another kind is another resource: the objects before it are let go of', () => {
    const GIZMOS: Resource = 'example.com/widgets@v2,Gizmo,namespaced';
    const own = thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] });
    const { graph } = graphAfter([
      [SET, undefined, foreground],
      [WIDGETS, undefined, own],
    ]);
    const served = [...SERVED.filter((one) => one !== WIDGETS), GIZMOS];
    follow(graph, served);
    const later = { wall: START.wall + 300_000, mono: START.mono + 300_000 };
    expect(follow(graph, served, true, later)).toContain('delete a/uid-web');
    expect(graph.unseen.size).toBe(0);
  });

  test('one that is not watched is looked at again until a watch shows it, also where it ends', async () => {
    const held = ending(pod, 'example.com/hold');
    const { graph } = graphAfter([[POD, undefined, held]]);
    follow(
      graph,
      SERVED.filter((one) => one !== POD),
    );
    follow(graph, SERVED, false);
    const asked = { key: 'a/uid-p', derived: graph, now: START };
    const facts = await gatherForDelete(asked, reading({ p: ok(held), web: ok(set) }).reads);
    expect(garbageCollector.loops[0]?.reconcile(asInput({ ...asked, facts }))).toEqual(
      idle('ending', { next: 'backoff' }),
    );
    expect((await gatherForDelete(asked, reading({}).reads)).item).toBe('absent');
  });

  test('what was freed is not taken again while no watch has told of it: the others come next', async () => {
    const many = Array.from({ length: 501 }, (_, nth) =>
      thing(POD, `p${nth}`, { ownerReferences: [owner(SET, 'web')] }),
    );
    const { graph } = graphAfter([...LEAVE.slice(0, 1), ...many.map((one): Seen => [POD, undefined, one])]);
    const taken = async (): Promise<readonly string[]> => {
      const { reads } = reading({ web: ok(leaving) });
      const facts = await gatherForOrphan({ key: 'a/uid-web', derived: graph, now: START }, reads);
      return 'dependents' in facts ? facts.dependents.map(({ identity }) => identity.uid) : [];
    };
    const first = await taken();
    expect(first).toHaveLength(500);
    const dependents = first.map((uid) => ({ uid, version: '9' }));
    expect(learn(graph, asJson({ kind: 'freed', owner: 'uid-web', dependents }))).toEqual([]);
    expect(await taken()).toEqual(['uid-p500']);
    // The watch catches up: it has nothing more to say of them.
    const free = thing(POD, 'p0');
    expect(textOf(fold(graph, POD, many[0], free))).toEqual([]);
    expect(await taken()).toEqual(['uid-p500']);
  });

  test('what names no owner by now, as no watch has told yet, is looked at again: they may be given back before one does', async () => {
    const { graph } = graphAfter([[POD, undefined, pod]]);
    const asked = (resourceVersion: string) =>
      gatherForDelete(
        { key: 'a/uid-p', derived: graph, now: START },
        reading({ p: ok(thing(POD, 'p', { resourceVersion })) }).reads,
      );
    const planOf = (facts: DeleteFacts) =>
      garbageCollector.loops[0]?.reconcile(asInput({ key: 'a/uid-p', derived: graph, facts }));
    expect(planOf(await asked('99'))).toEqual(idle('no-owners', { next: 'backoff' }));
    fold(graph, POD, pod, thing(POD, 'p', { resourceVersion: '99' }));
    expect(planOf(await asked('99'))).toEqual(idle('no-owners'));
  });

  test('what was freed and given back since, as a watch told, is not free', () => {
    const back = thing(POD, 'p', { ownerReferences: [owner(SET, 'web')], resourceVersion: '7' });
    const { graph } = graphAfter([
      [SET, undefined, leaving],
      [POD, undefined, back],
    ]);
    const learnt = (version: string) =>
      learn(graph, asJson({ kind: 'freed', owner: 'uid-web', dependents: [{ uid: 'uid-p', version }] }));
    learnt('6');
    expect(graph.nodes.get('uid-web')?.dependents.size).toBe(1);
    learnt('8');
    expect(graph.nodes.get('uid-web')?.dependents.size).toBe(0);
  });

  test('dependents that are gone, or free already, are not asked for again: the others come next', async () => {
    const many = Array.from({ length: 51 }, (_, nth) =>
      thing(WIDGETS, `w${nth}`, { ownerReferences: [owner(SET, 'web')] }),
    );
    const { graph } = graphAfter([[SET, undefined, leaving], ...many.map((one): Seen => [WIDGETS, undefined, one])]);
    const { reads } = reading({ web: ok(leaving), w0: ok(thing(WIDGETS, 'w0')), w50: ok(many[50] as ApiObject) });
    const asked = { key: 'a/uid-web', derived: graph, now: START };
    const facts = await gatherForOrphan(asked, reads);
    const plan = garbageCollector.loops[1]?.reconcile(asInput({ ...asked, facts })) as Plan;
    expect([plan.reason, plan.chains, plan.next]).toEqual(['dependents-remain', [], 'again']);
    for (const learnt of plan.learnt ?? []) (garbageCollector.derive as Derive).learn?.(graph, learnt, START);
    const again = await gatherForOrphan(asked, reads);
    expect('dependents' in again && again.dependents.map(({ identity }) => identity.name)).toEqual(['w50']);
  });
});
