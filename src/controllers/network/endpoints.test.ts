import { describe, expect, test } from 'vitest';
import type { EndpointSubset, Endpoints } from '#core/k8s/types.gen.ts';
import type { Create, Patch, Plan } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { denied } from '#kit/fake-store.ts';
import { planOf, scenarios, transitions } from '#kit/scenario.ts';
import { endpointsObject, HTTP, server, service } from '#kit/services.ts';
import { endpoints } from './endpoints.ts';

const key = 'default/web';
const BORN = Date.parse('2026-01-01T00:00:00Z');
const T = 'endpoints.kubernetes.io/last-change-trigger-time';
const CUT = 'endpoints.kubernetes.io/over-capacity';
const born = { [T]: '2026-01-01T00:00:00Z' };
const web = service();
const seen = (...pods: number[]) => ({ service: BORN, pods: pods.map((nth) => [`web-${nth}`, BORN]) });

const address = (nth: number, more: object = {}) => ({
  ip: `10.0.${nth >> 8}.${nth & 255}`,
  nodeName: 'node-1',
  targetRef: { kind: 'Pod', namespace: 'default', name: `web-${nth}`, uid: `uid-web-${nth}` },
  ...more,
});
const http: EndpointSubset['ports'] = [{ name: 'http', port: 8080, protocol: 'TCP' }];
const MANAGED = { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };

const create = (subsets: readonly EndpointSubset[], labels = {}, annotations: object = born): Create => ({
  verb: 'create',
  resource: 'core/endpoints',
  namespace: 'default',
  object: {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'web', namespace: 'default', labels: { ...labels, ...MANAGED }, annotations },
    ...(subsets.length > 0 && { subsets }),
  } as Endpoints,
  reason: 'missing',
});
const change = (before: Endpoints, patch: object): Patch => ({
  verb: 'patch',
  ref: refOf('core/endpoints', before),
  type: 'merge',
  patch: patch as Patch['patch'],
  after: expect.objectContaining({ kind: 'Endpoints' }),
  reason: 'changed',
  resourceVersion: '1',
});
const plan = (write: Create | Patch, memory: object, more: Partial<Plan> = {}): Plan => ({
  reason: write.reason,
  chains: [[write]],
  events: [],
  memory: memory as never,
  ...more,
});

const one = [{ addresses: [address(1)], ports: http }];
const there = endpointsObject(one);
const held = { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } };
const lock = endpointsObject([], held);
const gone = { read: [{ resource: 'core/services', namespace: 'default', name: 'web' }], expect: 'absent' } as const;
const many = Array.from({ length: 1001 }, (_, nth) => server(nth));
const firstOnes = many
  .map((_, nth) => address(nth))
  .sort((a, b) => (a.ip < b.ip ? -1 : 1))
  .slice(0, 1000);
const crowd = endpointsObject([{ addresses: firstOnes, ports: http }], { annotations: { [CUT]: 'truncated' } });

scenarios(endpoints, {
  'makes them, ready and not': {
    given: [web, server(1), server(2, { readySince: '' })],
    key,
    plan: plan(create([{ ...one[0], notReadyAddresses: [address(2)] }]), seen(1, 2)),
  },
  'makes empty ones where there is no pod': { given: [web], key, plan: plan(create([]), seen()) },
  'leaves out who is leaving, has ended, or has no address of the family': {
    given: [
      web,
      server(1),
      server(2, { deleting: '2026-01-01T00:50:00Z' }),
      server(3, { phase: 'Failed' }),
      server(4, { ips: [] }),
      server(5, { ips: ['fd00::5'] }),
    ],
    key,
    plan: plan(create(one), seen(1, 2, 3, 4, 5)),
  },
  'keeps those who asked to be found unready, under their names, without ports': {
    given: [
      service({ clusterIP: 'None', publishNotReadyAddresses: true, ports: undefined } as object, {
        labels: { a: 'b' },
      }),
      server(1, { deleting: '2026-01-01T00:50:00Z' }),
      server(2, { readySince: '', spec: { hostname: 'db-0', subdomain: 'web' } }),
    ],
    key,
    plan: plan(
      create([{ addresses: [address(1), address(2, { hostname: 'db-0' })] }], {
        a: 'b',
        'service.kubernetes.io/headless': '',
      }),
      seen(1, 2),
    ),
  },
  'groups addresses that have the same ports': {
    given: [
      service({ ports: [HTTP, { name: 'https', port: 443, targetPort: 'tls', protocol: 'TCP' }] }),
      server(1),
      server(2, {
        spec: { containers: [{ name: 'c', ports: [{ name: 'tls', containerPort: 8443, protocol: 'TCP' }] }] },
      }),
    ],
    key,
    plan: plan(
      create([
        { addresses: [address(1), address(2)], ports: http },
        { addresses: [address(2)], ports: [{ name: 'https', port: 8443, protocol: 'TCP' }] },
      ]),
      seen(1, 2),
    ),
  },
  'is content with what says the same, whatever version of the pods it names': {
    given: [
      web,
      server(1),
      endpointsObject([
        { addresses: [address(1, { targetRef: { ...address(1).targetRef, resourceVersion: '7' } })], ports: http },
      ]),
    ],
    key,
    memory: seen(1),
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  'follows its pods, and tells when they changed': {
    given: [web, server(1), server(2, { readySince: '2026-01-01T00:40:00Z' }), there],
    key,
    memory: seen(1),
    plan: plan(
      change(there, {
        metadata: { annotations: { [T]: '2026-01-01T00:40:00Z' } },
        subsets: [{ addresses: [address(1), address(2)], ports: http }],
      }),
      {
        service: BORN,
        pods: [
          ['web-1', BORN],
          ['web-2', Date.parse('2026-01-01T00:40:00Z')],
        ],
      },
    ),
  },
  'takes over what was made by hand, and keeps its annotations': {
    given: [
      service({}, { labels: { constructor: 'x' } }),
      server(1),
      endpointsObject(one, { labels: { old: 'x' }, annotations: { mine: 'x', [T]: 'y' } }),
    ],
    key,
    memory: seen(1),
    plan: plan(
      change(there, { metadata: { labels: { old: null, constructor: 'x', ...MANAGED }, annotations: { [T]: null } } }),
      {},
      { memory: undefined as never },
    ),
  },
  'cuts what is more than a thousand, and says so': {
    given: [web, ...many],
    key,
    plan: plan(
      create([{ addresses: firstOnes, ports: http }], {}, { ...born, [CUT]: 'truncated' }),
      seen(...many.keys()),
    ),
  },
  'is content with what it cut': {
    given: [web, ...many, crowd],
    key,
    memory: seen(...many.keys()),
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  'says no more that it cut when all fit again': {
    given: [web, server(1), endpointsObject(one, { annotations: { [CUT]: 'truncated' } })],
    key,
    memory: seen(1),
    plan: plan(change(there, { metadata: { annotations: { [CUT]: null } } }), {}, { memory: undefined as never }),
  },
  'tells why they could not be changed, and keeps the time': {
    given: [web, server(1), server(2), there],
    key,
    memory: seen(1),
    check: ({ reason }) => expect(reason).toBe('changed'),
    settled: {
      answer: () => denied('endpoints/labels', 'no'),
      plan: {
        reason: 'failed',
        chains: [],
        memory: seen(1) as never,
        events: [
          {
            regarding: refOf('core/endpoints', there),
            type: 'Warning',
            reason: 'FailedToUpdateEndpoint',
            message: 'Failed to update endpoint default/web: refused by policy: endpoints/labels (no)',
          },
        ],
      },
    },
  },
  'tells why they could not be made': {
    given: [web],
    key,
    check: ({ reason }) => expect(reason).toBe('missing'),
    settled: {
      answer: () => denied('endpoints/labels', 'no'),
      plan: {
        reason: 'failed',
        chains: [],
        memory: null,
        events: [
          {
            regarding: { resource: 'core/endpoints', namespace: 'default', name: 'web' },
            type: 'Warning',
            reason: 'FailedToCreateEndpoint',
            message: 'Failed to create endpoint for service default/web: refused by policy: endpoints/labels (no)',
          },
        ],
      },
    },
  },
  'deletes those of a Service that is gone, once it is sure': {
    given: [there],
    key,
    memory: seen(1),
    plan: {
      reason: 'service-gone',
      chains: [[{ verb: 'delete', ref: refOf('core/endpoints', there), before: there, reason: 'service-gone' }]],
      events: [],
      confirm: gone,
      memory: null,
    },
  },
  'never deletes a leader election': {
    given: [lock],
    key,
    plan: { reason: 'leader-election', chains: [], events: [], memory: null },
  },
  'has nothing to delete': { given: [], key, plan: { reason: 'gone', chains: [], events: [], memory: null } },
  'leaves Endpoints without a selector to their makers': {
    given: [service({ selector: undefined } as object), server(1), there],
    key,
    plan: { reason: 'no-pods-to-follow', chains: [], events: [] },
  },
});

describe('at the start', () => {
  const look = (given: Parameters<typeof planOf>[1]['given']) =>
    planOf({ ...endpoints, loops: [endpoints.loops[1] as never] }, { given, key: 'singleton' });

  test('Endpoints whose Service went meanwhile are found', () => {
    const left = endpointsObject([], { name: 'left', uid: 'left' });
    const lease = endpointsObject([], { name: 'lease', uid: 'lease', ...held });
    expect(look([web, there, left, lease])).toEqual({
      reason: 'left-over',
      chains: [],
      events: [],
      enqueue: [{ loop: 'endpoint', key: 'default/left' }],
    });
  });
  test('or none are', () => {
    expect(look([web, there]).reason).toBe('none-left-over');
  });
});

const again = (metadata: object, more: object = {}): Endpoints => ({
  ...there,
  ...more,
  metadata: { ...there.metadata, resourceVersion: '2', ...metadata },
});
const wakes = [{ key, after: 1000 }];

transitions(endpoints, 'core/endpoints', {
  'deleted ones are made again': { given: [], old: there, wakes: [{ key }] },
  'ones that someone changed are looked at soon': {
    given: [web],
    old: there,
    now: again({}, { subsets: [{ addresses: [address(9)], ports: http }] }),
    wakes,
  },
  'so are those that lost a label': { given: [web], old: there, now: again({ labels: {} }), wakes },
  'or say that they were cut': { given: [web], old: there, now: again({ annotations: { [CUT]: 'truncated' } }), wakes },
  'after the period if that is longer': {
    given: [web],
    old: there,
    now: again({ labels: {} }),
    settings: { endpointUpdatesBatchPeriod: 5000 },
    wakes: [{ key, after: 5000 }],
  },
  'ones of no Service are somebody’s own': { given: [], old: there, now: again({ labels: {} }), wakes: [] },
  'so are those of a Service without a selector': {
    given: [service({ selector: undefined } as object)],
    old: there,
    now: again({ labels: {} }),
    wakes: [],
  },
  'a leader election that is renewed is none of ours': { given: [web], old: there, now: again(held), wakes: [] },
  'ones seen again wake nobody': { given: [web], old: there, now: there, wakes: [] },
  'new ones may be somebody’s own': { given: [web], now: there, wakes: [] },
});

transitions(endpoints, 'core/pods', {
  'a pod wakes its Service': { given: [web], now: server(1), wakes: [{ key }] },
  'after the period': {
    given: [web],
    now: server(1),
    settings: { endpointUpdatesBatchPeriod: 70 },
    wakes: [{ key, after: 70 }],
  },
});
