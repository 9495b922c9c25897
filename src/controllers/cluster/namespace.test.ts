import { expect, test } from 'vitest';
import type { Reader } from '#api/port.ts';
import { createReads } from '#api/reads.ts';
import type { Reads } from '#core/controller.ts';
import type { Namespace, NamespaceCondition, Pod } from '#core/k8s/types.gen.ts';
import type { Plan } from '#core/plan.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import { denied } from '#kit/fake-store.ts';
import { planOf, scenarios, transitions } from '#kit/scenario.ts';
import { viewOf } from '#kit/view.ts';
import { namespace } from './namespace.ts';
import type { Facts, Item, Listing } from './namespace-parts/gather.ts';
import type { Drain } from './namespace-parts/memory.ts';

const DELETED = '2026-01-01T00:59:55Z';
const NOW = '2026-01-01T01:00:00Z';
const AT = Date.parse(NOW);
const WIDGETS = 'example.com/widgets@v1,Widget,namespaced' as const;
const ALL = ['delete', 'deletecollection', 'list'];

const ns = (more: Partial<Namespace> & { readonly metadata?: object } = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Terminating' },
  ...more,
  metadata: { name: 'shop', uid: 'ns-1', resourceVersion: '7', deletionTimestamp: DELETED, ...more.metadata },
});
const shop = ns();
const pod = (name: string, grace = 30, phase = 'Running'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: `uid-${name}` },
  spec: { containers: [], terminationGracePeriodSeconds: grace },
  status: { phase },
});

const drain = (more: Partial<Drain> = {}): Drain => ({ uid: 'ns-1', due: AT, ...more });
const memory = (more: Partial<Drain> = {}) => drain(more) as unknown as Record<string, string>;

const item = (name: string, more: Partial<Item> = {}): Item => ({
  name,
  uid: `uid-${name}`,
  deleting: false,
  finalizers: [],
  ...more,
});
const listing = (resource: Resource, items: readonly Item[] = [], more: Partial<Listing> = {}): Listing => ({
  resource,
  verbs: ALL,
  count: items.length,
  items,
  ...more,
});
const PODS = 'core/pods';
const listed = (
  others: readonly Listing[] | undefined,
  more: Partial<Extract<Facts, { kind: 'listed' }>> = {},
): Facts => ({
  kind: 'listed',
  failed: [],
  unreadable: [],
  pods: listing(PODS),
  ...(others !== undefined && { others }),
  ...more,
});
const checked = (...lists: readonly Listing[]): Facts => ({ kind: 'checked', lists });
const check = (more: Partial<NonNullable<Drain['check']>> = {}): NonNullable<Drain['check']> => ({
  left: [],
  failed: [],
  unreadable: [],
  errors: [],
  ...more,
});

const collection = (resource: Resource, expected: number) => ({
  verb: 'deletecollection' as const,
  resource,
  namespace: 'shop',
  propagation: 'Background' as const,
  expected,
  reason: 'content',
  slot: resource,
});
const drained = (total: number, ...writes: Plan['chains'][number][number][]): Plan => ({
  reason: 'drain',
  chains: writes.map((write) => [write]),
  events: [],
  memory: memory({ total }),
  confirm: { read: [{ resource: 'core/namespaces', name: 'shop', uid: 'ns-1' }], expect: 'replan' },
  blast: {
    root: { resource: 'core/namespaces', name: 'shop', uid: 'ns-1' },
    total,
    evidence: 'namespace-terminating',
  },
});

const GOOD: readonly NamespaceCondition[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
].map(([type = '', reason = '', message = '']) => ({
  type,
  status: 'False',
  reason,
  message,
  lastTransitionTime: NOW,
}));

/** All good but these. */
function conditions(...bad: readonly (readonly [type: string, reason: string, message: string])[]) {
  return GOOD.map((good): NamespaceCondition => {
    const found = bad.find(([type]) => type === good.type);
    if (found === undefined) return good;
    return { ...good, status: 'True', reason: found[1], message: found[2] };
  });
}

/** The one write of a plan that reports, and what it makes the conditions. */
function reported(plan: Plan): readonly NamespaceCondition[] | undefined {
  const [write, ...more] = plan.chains.flat();
  expect(more).toEqual([]);
  if (write?.verb !== 'patch') return undefined;
  expect([write.subresource, Object.keys(write.patch)]).toEqual(['status', ['status']]);
  return (write.after as Namespace).status?.conditions;
}

interface Report {
  readonly reason: string;
  readonly conditions?: readonly NamespaceCondition[];
  readonly memory: Partial<Drain>;
  readonly wait?: number;
}
const reports =
  (wished: Report) =>
  (plan: Plan): void => {
    expect(plan.reason).toBe(wished.reason);
    expect(reported(plan)).toEqual(wished.conditions);
    expect(plan.memory).toEqual(drain(wished.memory));
    expect(plan.requeueAfter).toBe(wished.wait);
    expect(plan.next).toBe(wished.wait === undefined ? 'again' : undefined);
  };

const CONTENT = 'NamespaceDeletionContentFailure';
const REMAINING = 'NamespaceContentRemaining';
const HELD = 'NamespaceFinalizersRemaining';
const podsLeft = (count: number) =>
  [REMAINING, 'SomeResourcesRemain', `Some resources are remaining: pods. has ${count} resource instances`] as const;
const role = item('reader', { finalizers: ['example.com/hold'] });
const ROLES = 'rbac.authorization.k8s.io/roles';
const noList = { verbs: ['delete', 'deletecollection'] };

/** A row has the same facts for every run; that it all comes to an end is for the property test. */
const FIXED = 'its facts are those of the first run';

const nothing = (reason: string, more: Partial<Plan> = {}): Plan => ({ reason, chains: [], events: [], ...more });
const live = (object: Namespace): Facts => ({ kind: 'live', namespace: { ok: true, object } });

scenarios(namespace, {
  'of a namespace that is gone nothing is remembered': {
    given: [],
    key: 'shop',
    memory: memory(),
    plan: nothing('gone', { memory: null }),
  },
  'a namespace that does not end is left alone': {
    given: [ns({ metadata: { deletionTimestamp: undefined as never } })],
    key: 'shop',
    plan: nothing('not-ending'),
  },
  'once its end is seen it is given five seconds': {
    given: [shop],
    key: 'shop',
    plan: nothing('seen', { memory: memory({ due: AT + 5000 }), requeueAfter: 5000 }),
  },
  'so is one of the same name that was made and deleted anew': {
    given: [ns({ metadata: { uid: 'ns-2' } })],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    plan: nothing('seen', { memory: { ...memory({ due: AT + 5000 }), uid: 'ns-2' }, requeueAfter: 5000 }),
  },
  'events until then change nothing': {
    given: [shop],
    key: 'shop',
    memory: memory({ due: AT + 1500 }),
    facts: listed([listing('core/secrets', [item('a')])]),
    plan: nothing('waiting', { requeueAfter: 1500 }),
  },
  'the phase comes first': {
    given: [ns({ status: { phase: 'Active' } })],
    key: 'shop',
    memory: memory(),
    check: (plan) => {
      expect([plan.reason, plan.requeueAfter, plan.chains.flat()]).toMatchObject([
        'phase',
        1000,
        [{ verb: 'patch', subresource: 'status', patch: { status: { phase: 'Terminating' } }, resourceVersion: '7' }],
      ]);
    },
    restless: 'the next run looks at the content, which this row has no facts of',
  },
  'one without finalizers in its spec is left to those of its metadata': {
    given: [ns({ spec: {}, metadata: { finalizers: ['example.com/hold'] } })],
    key: 'shop',
    memory: memory(),
    plan: nothing('finalized', { memory: null }),
  },
  'pods go first, and nothing else while there are any': {
    given: [shop],
    key: 'shop',
    memory: memory(),
    facts: listed(undefined, { pods: listing(PODS, [item('a'), item('b')]), weight: 4.2 }),
    restless: FIXED,
    plan: drained(4.2, collection(PODS, 2)),
    settled: {
      plan: nothing('deleted', { memory: memory({ total: 4.2, check: check({ left: [PODS] }) }), next: 'again' }),
    },
  },
  'then everything that is not empty, each resource at once': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 7 }),
    facts: listed([listing('core/secrets', [item('a')]), listing('core/services'), listing(WIDGETS, [item('w')])]),
    restless: FIXED,
    plan: drained(7, collection('core/secrets', 1), collection(WIDGETS, 1)),
    settled: {
      plan: nothing('deleted', {
        memory: memory({ total: 7, check: check({ left: ['core/secrets', WIDGETS] }) }),
        next: 'again',
      }),
    },
  },
  'by name and uid where nothing deletes a selection, or where names are protected': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 7 }),
    facts: listed([
      listing(WIDGETS, [item('w'), item('going', { deleting: true })], { verbs: ['delete', 'list'] }),
      listing(ROLES, [role]),
    ]),
    restless: FIXED,
    plan: drained(
      7,
      {
        verb: 'delete',
        ref: { resource: WIDGETS, namespace: 'shop', name: 'w', uid: 'uid-w' },
        propagation: 'Background',
        before: {
          apiVersion: 'example.com/v1',
          kind: 'Widget',
          metadata: { name: 'w', namespace: 'shop', uid: 'uid-w' },
        },
        reason: 'content',
      },
      {
        verb: 'delete',
        ref: { resource: ROLES, namespace: 'shop', name: 'reader', uid: 'uid-reader' },
        propagation: 'Background',
        before: {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'Role',
          metadata: { name: 'reader', namespace: 'shop', uid: 'uid-reader', finalizers: ['example.com/hold'] },
        },
        reason: 'content',
      },
    ),
  },
  'protected names are so in every version': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 7 }),
    facts: listed([listing('coordination.k8s.io/leases@v2,Lease,namespaced', [item('l')])]),
    restless: FIXED,
    check: (plan) => expect(plan.chains.flat().map(({ verb }) => verb)).toEqual(['delete']),
  },
  'what cannot be listed is deleted unseen': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 0 }),
    facts: listed([listing(WIDGETS, [], noList)]),
    restless: FIXED,
    plan: drained(0, collection(WIDGETS, 0)),
    settled: { plan: nothing('deleted', { memory: memory({ total: 0, check: check() }), next: 'again' }) },
  },
  'what a list could not hold is deleted by the next pass, before anything is said of it': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 300 }),
    facts: listed([listing(ROLES, [role], { count: 1500 })]),
    check: (plan) => expect(plan.chains).toHaveLength(1),
    settled: { plan: nothing('more', { memory: memory({ total: 300 }), next: 'again' }) },
    restless: 'its facts always show more',
  },
  'a plan whose namespace is not what it was says nothing': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 1 }),
    facts: listed([listing('core/secrets', [item('a')])]),
    restless: FIXED,
    plan: drained(1, collection('core/secrets', 1)),
    settled: {
      answer: () => ({ kind: 'stale', code: 'GATE_STALE_PLAN' }),
      plan: nothing('open', { memory: memory({ total: 1 }) }),
    },
  },
  'a refusal is told, and what is left is looked at all the same': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 1 }),
    facts: listed([listing('core/secrets', [item('a')]), listing(WIDGETS, [item('w')])], { failed: ['a/v1'] }),
    restless: FIXED,
    plan: drained(1, collection('core/secrets', 1), collection(WIDGETS, 1)),
    settled: {
      answer: (write) =>
        'resource' in write && write.resource === WIDGETS
          ? { kind: 'failed', code: 'API_REFUSED', status: 405 }
          : denied('x/y', 'Not this.'),
      plan: nothing('deleted', {
        memory: memory({
          total: 1,
          check: check({
            left: ['core/secrets', WIDGETS],
            failed: ['a/v1'],
            errors: ['unable to delete secrets.: refused by policy: x/y (Not this.)'],
          }),
        }),
        next: 'again',
      }),
    },
  },
  'a path that is not there deletes nothing, whatever stood behind it': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 0 }),
    facts: listed([listing(WIDGETS, [], noList)]),
    restless: FIXED,
    plan: drained(0, collection(WIDGETS, 0)),
    settled: {
      answer: () => ({ kind: 'failed', code: 'API_REFUSED', status: 404 }),
      plan: nothing('deleted', {
        memory: memory({
          total: 0,
          check: check({ errors: ['unable to delete widgets.example.com: the API server refused'] }),
        }),
        next: 'again',
      }),
    },
  },
  'pods that end in their time are waited for, and told of': {
    given: [shop, pod('a'), pod('b', 60), pod('done', 3600, 'Succeeded')],
    key: 'shop',
    memory: memory({ total: 3, check: check({ left: [PODS] }) }),
    facts: checked(listing(PODS, [item('a', { deleting: true }), item('b', { deleting: true })], { count: 3 })),
    check: reports({
      reason: 'remaining',
      conditions: conditions(podsLeft(3)),
      memory: { total: 3, due: AT + 31_000, waitsFor: 'pods' },
      wait: 31_000,
    }),
  },
  'but never longer than the period of syncs': {
    given: [shop, pod('a', 3600)],
    key: 'shop',
    memory: memory({ check: check({ left: [PODS] }) }),
    settings: { namespaceSyncPeriod: 120_000 },
    facts: checked(listing(PODS, [item('a', { deleting: true })])),
    check: reports({
      reason: 'remaining',
      conditions: conditions(podsLeft(1)),
      memory: { due: AT + 120_000, waitsFor: 'pods' },
      wait: 120_000,
    }),
  },
  'pods that outlast their time are trouble, and looked at sooner': {
    given: [shop, pod('a', 3)],
    key: 'shop',
    memory: memory({ tries: 3, check: check({ left: [PODS] }) }),
    facts: checked(listing(PODS, [item('a', { deleting: true })])),
    check: reports({
      reason: 'trouble',
      conditions: conditions(podsLeft(1), [
        CONTENT,
        'ContentDeletionFailed',
        'Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: shop for gvr: /v1, Resource=pods',
      ]),
      memory: { tries: 4, due: AT + 4000, waitsFor: 'pods' },
      wait: 4000,
    }),
  },
  'pods that are gone let the rest follow at once': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 3, check: check({ left: [PODS] }) }),
    facts: checked(listing(PODS)),
    plan: nothing('pods-gone', { memory: memory({ total: 3 }), next: 'again' }),
    restless: 'the next run looks at everything, which this row has no facts of',
  },
  'they do so before their time was over, as soon as the last was seen to go': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 3, due: AT + 9000, waitsFor: 'pods' }),
    facts: listed([listing('core/secrets', [item('a')])]),
    restless: FIXED,
    plan: drained(3, collection('core/secrets', 1)),
  },
  'finalizers are given fifteen seconds': {
    given: [shop],
    key: 'shop',
    memory: memory({ tries: 2, check: check({ left: ['core/secrets', WIDGETS] }) }),
    facts: checked(
      listing('core/secrets'),
      listing(WIDGETS, [item('w', { deleting: true, finalizers: ['example.com/z', 'example.com/a'] })]),
    ),
    check: reports({
      reason: 'remaining',
      conditions: conditions(
        [
          REMAINING,
          'SomeResourcesRemain',
          'Some resources are remaining: widgets.example.com has 1 resource instances',
        ],
        [
          HELD,
          'SomeFinalizersRemain',
          'Some content in the namespace has finalizers remaining: example.com/a in 1 resource instances, example.com/z in 1 resource instances',
        ],
      ),
      memory: { due: AT + 8000 },
      wait: 8000,
    }),
  },
  'what was told already is not told again, and is not deleted again': {
    given: [ns({ status: { phase: 'Terminating', conditions: conditions(podsLeft(1)) } }), pod('a')],
    key: 'shop',
    memory: memory({ total: 1 }),
    facts: listed(undefined, { pods: listing(PODS, [item('a', { deleting: true })]) }),
    check: reports({
      reason: 'remaining',
      memory: { total: 1, due: AT + 16_000, waitsFor: 'pods' },
      wait: 16_000,
    }),
  },
  'a condition moves its time only with its status': {
    given: [
      ns({
        status: {
          phase: 'Terminating',
          conditions: [
            { type: 'Other', status: 'True' },
            ...conditions(podsLeft(2)).map((one) => ({ ...one, lastTransitionTime: DELETED })),
          ],
        },
      }),
      pod('a'),
    ],
    key: 'shop',
    memory: memory({ total: 1, check: check({ left: [PODS], errors: ['unable'] }) }),
    facts: checked(listing(PODS, [item('a', { deleting: true })])),
    check: reports({
      reason: 'trouble',
      conditions: [
        { type: 'Other', status: 'True' },
        ...conditions(podsLeft(1), [
          CONTENT,
          'ContentDeletionFailed',
          'Failed to delete all resource types, 1 remaining: unable',
        ]).map((one) => ({ ...one, lastTransitionTime: one.type === CONTENT ? NOW : DELETED })),
      ],
      memory: { total: 1, tries: 1, due: AT + 500, waitsFor: 'pods' },
      wait: 500,
    }),
  },
  'a group that does not answer keeps an empty namespace': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 0, tries: 30 }),
    facts: listed([listing('core/secrets')], { failed: ['metrics.k8s.io/v1beta1'] }),
    check: reports({
      reason: 'trouble',
      conditions: conditions([
        'NamespaceDeletionDiscoveryFailure',
        'DiscoveryFailed',
        'Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1',
      ]),
      memory: { total: 0, tries: 31, due: AT + 60_000 },
      wait: 60_000,
    }),
  },
  'and does not keep what else is in it': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 1 }),
    facts: listed([listing('core/secrets', [item('a')])], { failed: ['metrics.k8s.io/v1beta1'] }),
    restless: FIXED,
    plan: drained(1, collection('core/secrets', 1)),
  },
  'so does a resource that nobody can name': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 0 }),
    facts: listed([], { unreadable: ['example.com/v1 ../x'] }),
    check: reports({
      reason: 'trouble',
      conditions: conditions([
        'NamespaceDeletionGroupVersionParsingFailure',
        'GroupVersionParsingFailed',
        'unexpected names of resources: example.com/v1 ../x',
      ]),
      memory: { total: 0, tries: 1, due: AT + 500 },
      wait: 500,
    }),
  },
  'without any discovery nothing can be done': {
    given: [shop],
    key: 'shop',
    memory: memory(),
    facts: { kind: 'undiscovered', status: 503 } satisfies Facts,
    check: reports({
      reason: 'trouble',
      conditions: conditions([
        'NamespaceDeletionDiscoveryFailure',
        'DiscoveryFailed',
        'unable to discover what is served: status 503',
      ]),
      memory: { tries: 1, due: AT + 500 },
      wait: 500,
    }),
  },
  'pods that cannot be listed may be there: nothing else is deleted': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 0 }),
    facts: listed(undefined, { pods: listing(PODS, [], { error: 'status 500 (InternalError)' }) }),
    check: reports({
      reason: 'trouble',
      conditions: conditions([
        CONTENT,
        'ContentDeletionFailed',
        'Failed to delete all resource types, 1 remaining: unable to list pods.: status 500 (InternalError)',
      ]),
      memory: { total: 0, tries: 1, due: AT + 500 },
      wait: 500,
    }),
  },
  'another resource that cannot be listed does not keep the rest': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 1 }),
    facts: listed([listing(WIDGETS, [], { error: 'status 503' }), listing('core/secrets', [item('a')])]),
    restless: FIXED,
    plan: drained(1, collection('core/secrets', 1)),
    settled: {
      plan: nothing('deleted', {
        memory: memory({
          total: 1,
          check: check({ left: ['core/secrets'], errors: ['unable to list widgets.example.com: status 503'] }),
        }),
        next: 'again',
      }),
    },
  },
  'where nothing is left it is let go': {
    given: [shop],
    key: 'shop',
    memory: memory({ total: 1, tries: 4, check: check({ left: ['core/secrets'] }) }),
    facts: checked(listing('core/secrets')),
    check: reports({ reason: 'clean', conditions: conditions(), memory: { total: 1, end: 'clean' } }),
    restless: 'the next run reads the namespace, which this row has no facts of',
  },
  "with the live object's version, and without our finalizer": {
    given: [ns({ spec: { finalizers: ['kubernetes'] } })],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    facts: live(ns({ metadata: { labels: { a: 'b' }, managedFields: [{}] } })),
    plan: {
      reason: 'finalize',
      chains: [
        [
          {
            verb: 'update',
            ref: { resource: 'core/namespaces', name: 'shop', uid: 'ns-1' },
            subresource: 'finalize',
            object: {
              apiVersion: 'v1',
              kind: 'Namespace',
              metadata: {
                name: 'shop',
                uid: 'ns-1',
                resourceVersion: '7',
                deletionTimestamp: DELETED,
                labels: { a: 'b' },
              },
              spec: { finalizers: [] },
            } as Namespace,
            reason: 'finalize',
          },
        ],
      ],
      events: [],
      requeueAfter: 60_000,
    },
  },
  "others' finalizers stay": {
    given: [ns({ spec: { finalizers: ['z.example/b', 'kubernetes', 'a.example/a'] } })],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    facts: live(ns({ spec: { finalizers: ['z.example/b', 'kubernetes', 'a.example/a'] } })),
    check: ({ chains }) => {
      expect(chains.flat()).toMatchObject([{ object: { spec: { finalizers: ['a.example/a', 'z.example/b'] } } }]);
    },
    restless: 'its facts show our finalizer for ever',
  },
  'one that others hold, and we do not, was let go': {
    given: [ns({ spec: { finalizers: ['z.example/b'] } })],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    facts: live(ns({ spec: { finalizers: ['z.example/b'] } })),
    plan: nothing('let-go', { memory: memory({ end: 'done' }) }),
  },
  'from then on it is left alone': {
    given: [ns({ spec: { finalizers: ['z.example/b'] } })],
    key: 'shop',
    memory: memory({ end: 'done' }),
    plan: nothing('let-go'),
  },
  'another one under that name is not let go': {
    given: [shop],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    facts: live(ns({ metadata: { uid: 'ns-2' } })),
    plan: nothing('another'),
  },
  'nor is one that cannot be read': {
    given: [shop],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    facts: { kind: 'live', namespace: { ok: false, status: 500, reason: '' } } satisfies Facts,
    plan: nothing('unread', { requeueAfter: 1000 }),
  },
  'or that is gone': {
    given: [shop],
    key: 'shop',
    memory: memory({ end: 'clean' }),
    facts: { kind: 'live', namespace: { ok: false, status: 404, reason: 'NotFound' } } satisfies Facts,
    plan: nothing('gone'),
  },
  'reads that were for another stage are done once more': {
    given: [shop],
    key: 'shop',
    memory: memory(),
    plan: nothing('outrun', { next: 'again' }),
    restless: 'a row has the same facts for every run',
  },
});

transitions(namespace, 'core/pods', {
  'the last pod of a namespace that ends wakes it': { given: [shop], old: pod('a'), wakes: [{ key: 'shop' }] },
  'also where the view still shows it': { given: [shop, pod('a')], old: pod('a'), wakes: [{ key: 'shop' }] },
  'one before the last does not': { given: [shop, pod('b')], old: pod('a'), wakes: [] },
  'a pod that changes does not': { given: [shop], old: pod('a'), now: pod('a', 1), wakes: [] },
  'nor the last one of a namespace that stays': {
    given: [ns({ metadata: { deletionTimestamp: undefined as never } })],
    old: pod('a'),
    wakes: [],
  },
});

/** Plays an API server that answers from a table, and writes down what it was asked. */
function readsOf(content: Readonly<Record<string, readonly ApiObject[]>>, away: readonly string[] = []) {
  const asked: string[] = [];
  const served = Object.keys(content).map((resource) => ({ resource: resource as Resource, verbs: ALL }));
  const reads = {
    discover: async () => {
      asked.push('discover');
      return { ok: true, object: { served, failed: away } };
    },
    listMetadata: async (resource: Resource, { limit }: { limit: number }) => {
      asked.push(`${resource} ${limit}`);
      const all = content[resource] ?? [];
      return { ok: true, object: { items: all.slice(0, limit), remaining: Math.max(0, all.length - limit) } };
    },
  } as unknown as Reads;
  return { asked, reads };
}
const object = (resource: Resource, name: string): ApiObject => ({
  apiVersion: apiVersionOf(resource),
  metadata: { name, namespace: 'shop', uid: `uid-${name}` },
});

async function gathered(reads: Reads, known: Drain): Promise<Facts> {
  const [loop] = namespace.loops;
  const input = {
    key: 'shop',
    object: shop,
    view: viewOf([shop], ['core/namespaces', 'core/pods']),
    memory: memory(known),
    derived: undefined,
    now: { wall: AT, mono: AT },
    seed: '',
    settings: {},
  };
  return (await loop?.gather?.(input as never, reads)) as Facts;
}

test('pods are listed first; the rest is only weighed while there are any', async () => {
  const pods = ['a', 'b'].map((name) => object(PODS, name));
  const claims = ['c', 'd', 'e'].map((name) => object('core/persistentvolumeclaims', name));
  const { asked, reads } = readsOf(
    {
      'core/persistentvolumeclaims': claims,
      'core/nodes': [object('core/nodes', 'n')],
      [PODS]: pods,
      'away.io/x@v1,X,namespaced': [],
    },
    ['away.io/v1'],
  );
  const facts = await gathered(reads, drain());
  expect(asked).toEqual(['discover', `${PODS} 1000`, 'core/persistentvolumeclaims 1']);
  expect(facts).toMatchObject({ kind: 'listed', weight: 32, failed: ['away.io/v1'], pods: { count: 2 } });
  expect(facts).not.toHaveProperty('others');

  asked.length = 0;
  await gathered(reads, drain({ total: 32 }));
  expect(asked).toEqual(['discover', `${PODS} 1000`]);
});

test('without pods each resource is listed once, and once more only where something was', async () => {
  const { asked, reads } = readsOf({
    'core/configmaps': [object('core/configmaps', 'c')],
    'core/secrets': [],
    [PODS]: [],
  });
  const facts = await gathered(reads, drain());
  expect(asked).toEqual(['discover', `${PODS} 1000`, 'core/configmaps 1000', 'core/secrets 1000']);
  expect(facts).toMatchObject({ others: [{ count: 1 }, { count: 0 }], weight: 0.2 });

  asked.length = 0;
  await gathered(reads, drain({ check: check({ left: ['core/configmaps'] }) }));
  expect(asked).toEqual(['core/configmaps 1000']);
});

/** An API server that serves pods and PodGroups, these in one version only, and one of them is in the namespace. */
function serverOf(version: string): Reader {
  const verbs = ALL;
  const group = (name: string, one: string, resource: string, kind: string) => ({
    kind: 'APIGroupDiscoveryList',
    items: [
      {
        metadata: { name },
        versions: [{ version: one, resources: [{ resource, responseKind: { kind }, scope: 'Namespaced', verbs }] }],
      },
    ],
  });
  const listOf = (...items: object[]) => ({ kind: 'PartialObjectMetadataList', metadata: {}, items });
  const bodies = new Map<string, object>([
    ['/api', group('', 'v1', 'pods', 'Pod')],
    ['/apis', group('scheduling.k8s.io', version, 'podgroups', 'PodGroup')],
    ['/api/v1/namespaces/shop/pods', listOf()],
    [
      `/apis/scheduling.k8s.io/${version}/namespaces/shop/podgroups`,
      listOf({ metadata: { name: 'g', namespace: 'shop', uid: 'uid-g' } }),
    ],
  ]);
  const get: Reader['get'] = async (_identity, path) => {
    const body = bodies.get(new URL(path, 'https://server').pathname);
    return body === undefined ? { status: 404, body: { reason: 'NotFound', details: {} } } : { status: 200, body };
  };
  return { get } as Reader;
}

test.each(['v1', 'v1alpha3', resourceInfo('scheduling.k8s.io/podgroups').version])(
  'a resource is emptied in the version that is served: PodGroups in %s alone',
  async (version) => {
    const facts = await gathered(createReads(serverOf(version), 'namespace'), drain());
    const plan = planOf(namespace, { given: [shop], key: 'shop', memory: memory(), facts });
    expect([
      plan.reason,
      plan.chains.flat().map((write) => 'resource' in write && apiVersionOf(write.resource)),
    ]).toEqual(['drain', [`scheduling.k8s.io/${version}`]]);
  },
);

test.each([404, 405])(
  'what is told to be served and answers %d may hold anything, until it is told of no more',
  async (status) => {
    const { reads } = readsOf({ [PODS]: [], [WIDGETS]: [] });
    const broken: Reads = {
      ...reads,
      listMetadata: async (resource, at) =>
        resource === WIDGETS ? { ok: false, status, reason: 'NotServed' } : reads.listMetadata(resource, at),
    };
    const planAfter = async (from: Reads, known: Drain) =>
      planOf(namespace, { given: [shop], key: 'shop', memory: memory(known), facts: await gathered(from, known) });
    const held = conditions([
      CONTENT,
      'ContentDeletionFailed',
      `Failed to delete all resource types, 1 remaining: unable to list widgets.example.com: status ${status} (NotServed)`,
    ]);
    for (const known of [drain({ total: 0 }), drain({ total: 0, check: check({ left: [WIDGETS] }) })]) {
      const plan = await planAfter(broken, known);
      expect([plan.reason, reported(plan)]).toEqual(['trouble', held]);
    }
    expect((await planAfter(readsOf({ [PODS]: [] }).reads, drain({ total: 0 }))).reason).toBe('clean');
  },
);

test('a namespace that waits is not asked about', async () => {
  const { asked, reads } = readsOf({});
  expect(await gathered(reads, drain({ due: AT + 1 }))).toBeUndefined();
  expect(asked).toEqual([]);
});

test('the same fate is confirmed by a live read: of another namespace under that name nothing is deleted', () => {
  const row = { key: 'shop', memory: memory({ total: 1 }), facts: listed([listing('core/secrets', [item('a')])]) };
  expect(planOf(namespace, { ...row, given: [shop] }).chains).toHaveLength(1);
  expect(planOf(namespace, { ...row, given: [ns({ metadata: { uid: 'ns-2' } })] }).chains).toEqual([]);
  expect(
    planOf(namespace, { ...row, given: [ns({ metadata: { deletionTimestamp: undefined as never } })] }).chains,
  ).toEqual([]);
});
