import { describe, expect, test } from 'vitest';
import type { Pod, ResourceQuota } from '../k8s/types.gen.ts';
import type { ApiObject, Resource } from '../resource.ts';
import { demandOn, hasRoom, quotaOf } from './admits.ts';
import { evaluatorOf } from './evaluators.ts';
import { withDefaults } from './pods.ts';

const WALL = Date.UTC(2026, 0, 1);
type List = Readonly<Record<string, string>>;

const quota = (hard: List, used: List = {}, spec: ResourceQuota['spec'] = {}) =>
  quotaOf({
    spec,
    status: { hard, used: { ...Object.fromEntries(Object.keys(hard).map((name) => [name, '0'])), ...used } },
  });
const pod = (requests: List = {}, limits: List = {}): Pod => ({
  metadata: { name: 'x' },
  spec: { containers: [{ name: 'main', resources: { requests, limits } }] },
});
const demand = (of: ReturnType<typeof quota>, object: ApiObject, resource: Resource = 'core/pods') => {
  const evaluator = evaluatorOf(resource);
  return evaluator && demandOn(of, object, evaluator, WALL);
};

describe('what a new object asks of a quota', () => {
  test.each<[string, List, ApiObject, Resource, Readonly<Record<string, bigint>> | undefined]>([
    ['a pod counts', { pods: '1' }, pod(), 'core/pods', { pods: 10n ** 9n }],
    [
      'by both names',
      { cpu: '1', 'requests.cpu': '1' },
      pod({ cpu: '5n' }),
      'core/pods',
      { cpu: 5n, 'requests.cpu': 5n },
    ],
    [
      'what is not limited is not asked',
      { 'limits.memory': '1' },
      pod({}, { memory: '2n', cpu: '1' }),
      'core/pods',
      { 'limits.memory': 2n },
    ],
    ['another resource', { services: '1' }, pod(), 'core/pods', undefined],
    ['a quota of nothing', {}, pod(), 'core/pods', undefined],
    ['zero of it', { 'requests.cpu': '1' }, pod({ cpu: '0' }), 'core/pods', undefined],
    [
      'a hostile name',
      { constructor: '1', 'count/configmaps': '1' },
      {},
      'core/configmaps',
      { 'count/configmaps': 10n ** 9n },
    ],
    ['an alias', { secrets: '1' }, {}, 'core/secrets', { secrets: 10n ** 9n }],
    [
      'a custom resource',
      { 'count/widgets.example.com': '1' },
      {},
      'example.com/widgets@v1,Widget,namespaced',
      { 'count/widgets.example.com': 10n ** 9n },
    ],
    ['an Event', { 'count/events': '1' }, {}, 'core/events', undefined],
  ])('%s', (_, hard, object, resource, amounts) => {
    const found = demand(quota(hard), object, resource);
    expect(found && Object.fromEntries(found.amounts)).toEqual(amounts);
  });

  test('only of those in scope', () => {
    const job: Pod = { ...pod(), spec: { containers: [], activeDeadlineSeconds: 60 } };
    const scoped = quota({ pods: '1' }, {}, { scopes: ['Terminating', 'BestEffort'] });
    expect(demand(scoped, job)).toBeDefined();
    expect(demand(scoped, pod())).toBeUndefined();
    expect(
      demand(scoped, { ...job, spec: { ...job.spec, containers: pod({ cpu: '1' }).spec?.containers ?? [] } } as Pod),
    ).toBeUndefined();
  });

  test.each<[string, ReturnType<typeof quota>, Pod]>([
    ['cpu must be said', quota({ 'requests.cpu': '9' }), pod({ memory: '1' })],
    ['nobody counted yet', quotaOf({ status: { hard: { pods: '9' } } }), pod()],
    ['less than nothing', quota({ pods: '9' }), pod({ cpu: '-1' })],
  ])('no room helps: %s', (_, of, object) => expect(demand(of, object)?.blocked).toBe(true));

  test('what has a limit asks for as much', () => {
    const limited = withDefaults(pod({ memory: '1n' }, { cpu: '7n', memory: '3n' }));
    expect(demand(quota({ 'requests.cpu': '9', 'requests.memory': '9' }), limited)).toEqual({
      blocked: false,
      amounts: new Map([
        ['requests.cpu', 7n],
        ['requests.memory', 1n],
      ]),
    });
  });
});

test('there is room as long as what is used, reserved and asked is within the limit', () => {
  const of = quota({ pods: '3' }, { pods: '1' });
  const pods = (count: bigint) => new Map([['pods', count * 10n ** 9n]]);
  expect(hasRoom(of, pods(1n), pods(1n))).toBe(true);
  expect(hasRoom(of, pods(1n), pods(2n))).toBe(false);
  expect(hasRoom(of, new Map(), new Map([['cpu', 5n]]))).toBe(true);
});
