import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ClusterRole, PolicyRule } from '#core/k8s/types.gen.ts';
import type { Plan } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { clusterRole } from '#kit/build.ts';
import { denied } from '#kit/fake-store.ts';
import { planOf, scenarios, transitions } from '#kit/scenario.ts';
import { clusterroleAggregation } from './clusterrole-aggregation.ts';

const ROLES = 'rbac.authorization.k8s.io/clusterroles';
const key = 'view';
const toView = { 'example.com/to-view': 'true' };
const selects = (labels: Readonly<Record<string, string>>) => ({ matchLabels: labels });
const read = (resource: string, ...verbs: string[]): PolicyRule => ({
  apiGroups: [''],
  resources: [resource],
  verbs: verbs.length > 0 ? verbs : ['get'],
});

const applies = (before: ClusterRole, rules: readonly PolicyRule[], reason = 'aggregate'): Plan => ({
  reason,
  chains: [
    [
      {
        verb: 'apply',
        ref: refOf(ROLES, before),
        object: {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: before.metadata?.name },
          rules,
        } as ClusterRole,
        fieldManager: 'clusterrole-aggregation-controller',
        after: { ...before, rules } as ClusterRole,
        resourceVersion: before.metadata?.resourceVersion ?? '',
        reason,
      },
    ],
  ],
  events: [],
});
const idle = (reason: string): Plan => ({ reason, chains: [], events: [] });

const view = clusterRole('view', { aggregates: [selects(toView)] });
const source = (name: string, ...rules: PolicyRule[]) => clusterRole(name, { labels: toView, rules });
const two = clusterRole('view', { aggregates: [selects({ b: 'x' }), selects({ a: 'x' })] });
const labelled = (name: string, label: string, ...rules: PolicyRule[]) =>
  clusterRole(name, { labels: { [label]: 'x' }, rules });
const own = clusterRole('comptroller:replicaset', { aggregates: [selects(toView)] });
const manual = clusterRole('view', { aggregates: [selects(toView)], rules: [read('secrets')] });
const full = clusterRole('view', { aggregates: [selects(toView)], rules: [read('pods'), read('nodes')] });
const empty = clusterRole('view', { aggregates: [], rules: [read('pods')] });
const url: PolicyRule = { nonResourceURLs: ['/metrics'], verbs: ['get'] };
const everything = clusterRole('view', { aggregates: [{}] });

const all: PolicyRule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
const refused = () => denied('clusterrole-aggregation/unbounded', 'Not all power.');
const told = {
  regarding: refOf(ROLES, full),
  type: 'Warning',
  reason: 'FailedAggregation',
  message:
    'Rules that are new are not aggregated: refused by policy: clusterrole-aggregation/unbounded (Not all power.)',
} as const;
const telling = (plan: Plan): Plan => ({ ...plan, events: [told] });

scenarios(clusterroleAggregation, {
  'takes the rules of those that it selects, by name': {
    given: [view, source('b', read('nodes')), source('a', read('pods'), url), clusterRole('c', { rules: [read('x')] })],
    key,
    plan: applies(view, [read('pods'), url, read('nodes')]),
  },
  'goes selector by selector, and takes each rule once, whoever has it first': {
    given: [
      two,
      labelled('one', 'a', read('pods'), read('nodes')),
      labelled('two', 'b', read('nodes')),
      clusterRole('three', { labels: { a: 'x', b: 'x' }, rules: [read('events')] }),
    ],
    key,
    plan: applies(two, [read('events'), read('nodes'), read('pods')]),
  },
  'holds rules for different whose lists are in another order': {
    given: [view, source('a', read('pods', 'get', 'list'), read('pods', 'list', 'get'))],
    key,
    plan: applies(view, [read('pods', 'get', 'list'), read('pods', 'list', 'get')]),
  },
  'holds an empty list for an absent one': {
    given: [view, source('a', { ...read('pods'), resourceNames: [], nonResourceURLs: [] }, read('pods'))],
    key,
    plan: applies(view, [read('pods')]),
  },
  'takes away what nobody gives, also when that is all': { given: [manual], key, plan: applies(manual, []) },
  'holds nothing where nothing is selected': {
    given: [empty, source('a', read('pods'))],
    key,
    plan: applies(empty, []),
  },
  'a selector without requirements selects all, but not itself': {
    given: [everything, clusterRole('a', { rules: [read('pods')] })],
    key,
    plan: applies(everything, [read('pods')]),
  },
  'counts the order of rules': {
    given: [full, source('a', read('nodes')), source('b', read('pods'))],
    key,
    plan: applies(full, [read('nodes'), read('pods')]),
  },
  'is content with the union': {
    given: [full, source('a', read('pods')), source('b', read('nodes'))],
    key,
    plan: idle('in-order'),
  },
  'is content without rules where there are none': { given: [view], key, plan: idle('in-order') },
  'a source without rules gives none': {
    given: [view, clusterRole('a', { labels: toView })],
    key,
    plan: idle('in-order'),
  },
  'leaves a ClusterRole without aggregation rule alone': {
    given: [clusterRole('view', { rules: [read('pods')] }), source('a', read('nodes'))],
    key,
    plan: idle('not-aggregated'),
  },
  "leaves Comptroller's own alone": {
    given: [own, source('a', read('pods'))],
    key: 'comptroller:replicaset',
    plan: idle('not-aggregated'),
  },
  'does nothing with a selector that is invalid': {
    given: [clusterRole('view', { aggregates: [{ matchExpressions: [{ key: 'a', operator: 'Near' }] }] })],
    key,
    plan: idle('invalid-selector'),
  },
  'takes away what nobody gives any more also where the union is refused': {
    given: [full, source('a', read('nodes'), read('events')), source('b', all)],
    key,
    plan: applies(full, [read('nodes'), read('events'), all]),
    settled: { answer: refused, plan: telling(applies(full, [read('nodes')], 'take-away')) },
  },
  'takes everything away then, where that is all that is left to do': {
    given: [manual, source('b', all)],
    key,
    plan: applies(manual, [all]),
    settled: { answer: refused, plan: telling(applies(manual, [], 'take-away')) },
  },
  'is content then where nothing is left to take away': {
    given: [full, source('a', read('nodes'), read('pods')), source('b', all)],
    key,
    plan: applies(full, [read('nodes'), read('pods'), all]),
    settled: { answer: refused, plan: telling(idle('refused')) },
  },
  'takes nothing away where the API server did not take the union: it is tried again': {
    given: [manual, source('b', read('pods'))],
    key,
    plan: applies(manual, [read('pods')]),
    settled: { answer: () => ({ kind: 'conflict', code: 'API_CONFLICT' }), plan: idle('settled') },
  },
  'does nothing for a ClusterRole that is gone': { given: [], key, plan: idle('gone') },
});

const edit = clusterRole('edit', { aggregates: [selects(toView)] });
transitions(clusterroleAggregation, ROLES, {
  'any ClusterRole wakes all that are aggregated': {
    given: [view, edit, own, source('a')],
    now: source('b', read('pods')),
    wakes: [{ key: 'view' }, { key: 'edit' }],
  },
  'also one that goes': { given: [view], old: source('b'), wakes: [{ key: 'view' }] },
});

describe('the union', () => {
  const word = fc.constantFrom('get', 'list', 'constructor', '__proto__');
  const list = fc.array(word, { maxLength: 2 });
  const rule = fc.record(
    { verbs: list, apiGroups: list, resources: list, resourceNames: list, nonResourceURLs: list },
    { requiredKeys: ['verbs'] },
  );
  const roles = fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), rules: fc.array(rule) }), {
    selector: ({ name }) => name,
  });

  test('holds what each source holds, nothing else, nothing twice, in whatever order the cache lists them', () => {
    fc.assert(
      fc.property(roles, (given) => {
        const sources = given.map(({ name, rules }) => source(name, ...rules));
        const rulesOf = (all: readonly ClusterRole[]): readonly PolicyRule[] => {
          const [first] = planOf(clusterroleAggregation, { given: [view, ...all], key }).chains.flat();
          return first?.verb === 'apply' ? ((first.object as ClusterRole).rules ?? []) : [];
        };
        const union = rulesOf(sources);
        expect(rulesOf(sources.toReversed())).toEqual(union);
        const texts = (rules: readonly PolicyRule[]) => rules.map((one) => JSON.stringify(membersOf(one)));
        expect(new Set(texts(union)).size).toBe(union.length);
        expect(new Set(texts(union))).toEqual(new Set(texts(given.flatMap(({ rules }) => rules))));
      }),
    );
  });

  const membersOf = (one: PolicyRule) =>
    Object.entries(one)
      .filter(([name, value]) => name === 'verbs' || value.length > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1));
});
