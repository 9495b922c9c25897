import { describe, expect, test } from 'vitest';
import type { Json } from '#core/json.ts';
import type { Endpoint, EndpointSlice, Service } from '#core/k8s/types.gen.ts';
import type { Create, Delete, Patch, Plan, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { denied } from '#kit/fake-store.ts';
import { planOf, scenarios, transitions } from '#kit/scenario.ts';
import { endpoint, HTTP, PORTS, SLICE_LABELS, server, service, slice, WEB_OWNER, worker } from '#kit/services.ts';
import { endpointslice } from './endpointslice.ts';

const key = 'default/web';
const T = 'endpoints.kubernetes.io/last-change-trigger-time';
const BORN = Date.parse('2026-01-01T00:00:00Z');
const NOW = Date.parse('2026-01-01T01:00:00Z');
const node = worker('node-1');
const time = (at = '2026-01-01T00:00:00Z') => ({ [T]: at });

const seen = (pods: readonly number[], more: object = {}): Json => ({
  times: { service: BORN, pods: pods.map((nth) => [`web-${nth}`, BORN]) },
  hinted: false,
  lost: 0,
  ...more,
});

const create = (
  endpoints: readonly Endpoint[],
  slot: string,
  more: Partial<EndpointSlice> = {},
  labels = {},
): Create => ({
  verb: 'create',
  resource: 'discovery.k8s.io/endpointslices',
  namespace: 'default',
  object: {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: 'web-',
      namespace: 'default',
      labels: { ...SLICE_LABELS, ...labels },
      annotations: time(),
      ownerReferences: [WEB_OWNER],
    },
    addressType: 'IPv4',
    ports: PORTS,
    endpoints,
    ...more,
  } as EndpointSlice,
  reason: 'missing',
  slot,
});

const change = (before: EndpointSlice, patch: object): Patch => ({
  verb: 'patch',
  ref: refOf('discovery.k8s.io/endpointslices', before),
  type: 'merge',
  patch: patch as Patch['patch'],
  after: expect.objectContaining({ kind: 'EndpointSlice' }),
  reason: 'changed',
  resourceVersion: '1',
});

const remove = (before: EndpointSlice, reason = 'surplus'): Delete => ({
  verb: 'delete',
  ref: refOf('discovery.k8s.io/endpointslices', before),
  before,
  reason,
});

const plan = (chains: readonly (readonly Write[])[], memory: Json, more: Partial<Plan> = {}): Plan => ({
  reason: 'slices',
  chains,
  events: [],
  memory,
  ...more,
});
const event = (of: Service, type: 'Normal' | 'Warning', reason: string, message: string) => ({
  regarding: refOf('core/services', of),
  type,
  reason,
  message,
});

const web = service();
const zoned = [worker('node-1', 'a'), worker('node-2', 'b')];
const inZone = (nth: number, zone: string, nodeName: string, more: Partial<Endpoint> = {}) =>
  endpoint(nth, { nodeName, zone, ...more });
const forZone = (name: string) => ({ hints: { forZones: [{ name }] } });
const auto = service({}, { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } });
const full = slice('web-full', [endpoint(1), endpoint(2)]);
const some = slice('web-some', [endpoint(3)]);

scenarios(endpointslice, {
  'makes a slice of the pods': {
    given: [web, node, server(1), server(2)],
    key,
    plan: plan([[create([endpoint(1), endpoint(2)], 'IPv4/0')]], seen([1, 2])),
  },
  'makes an empty one where there is no pod': {
    given: [web],
    key,
    plan: plan([[create([], 'IPv4/0', { ports: [] })]], seen([])),
  },
  'is content with the empty one': {
    given: [web, slice('web-1', [], { ports: null, endpoints: null } as object)],
    key,
    memory: seen([]),
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  'is content with what is there': {
    given: [web, node, server(1), server(2), full],
    key,
    memory: seen([1, 2]),
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  'opens a second one when the first is full': {
    given: [web, node, server(1), server(2), server(3), full],
    key,
    settings: { maxEndpointsPerSlice: 2 },
    plan: plan([[create([endpoint(3)], 'IPv4/0')]], seen([1, 2, 3])),
  },
  'fills what is written anyway before anything else': {
    given: [web, node, server(1, { readySince: '' }), server(2), server(3), server(4), full, some],
    key,
    settings: { maxEndpointsPerSlice: 3 },
    memory: seen([1, 2, 3]),
    plan: plan(
      [
        [
          change(full, {
            metadata: { annotations: time() },
            endpoints: [
              endpoint(1, { conditions: { ready: false, serving: false, terminating: false } }),
              endpoint(2),
              endpoint(4),
            ],
          }),
        ],
      ],
      seen([1, 2, 3, 4]),
    ),
  },
  'takes the slice that it fills best': {
    given: [web, node, ...[1, 2, 3, 4].map((nth) => server(nth)), some, full],
    key,
    settings: { maxEndpointsPerSlice: 3 },
    memory: seen([1, 2, 3]),
    plan: plan(
      [[change(full, { metadata: { annotations: time() }, endpoints: [endpoint(1), endpoint(2), endpoint(4)] })]],
      seen([1, 2, 3, 4]),
    ),
  },
  'takes out what is gone, and never balances': {
    given: [web, node, server(1), server(3), full, some],
    key,
    memory: seen([1, 2, 3]),
    plan: plan([[change(full, { endpoints: [endpoint(1)] })]], seen([1, 3])),
  },
  'deletes a slice that is left empty': {
    given: [web, node, server(1), server(2), full, some],
    key,
    memory: seen([1, 2, 3]),
    plan: plan([[remove(some)]], seen([1, 2])),
  },
  'makes the slice that would go the one that would be made': {
    given: [web, node, server(9), some],
    key,
    memory: seen([3]),
    plan: plan([[change(some, { metadata: { annotations: time() }, endpoints: [endpoint(9)] })]], seen([9])),
  },
  'tells who is leaving, and keeps those who asked to be found unready': {
    given: [
      service({ publishNotReadyAddresses: true, clusterIP: 'None', ports: undefined } as object),
      server(1, { deleting: '2026-01-01T00:50:00Z' }),
      server(2, { readySince: '', spec: { hostname: 'db-0', subdomain: 'web' } }),
      server(3, { phase: 'Succeeded' }),
      server(4, { ips: [] }),
    ],
    key,
    plan: plan(
      [
        [
          create(
            [
              endpoint(1, { conditions: { ready: true, serving: true, terminating: true } }),
              endpoint(2, { conditions: { ready: true, serving: false, terminating: false }, hostname: 'db-0' }),
            ],
            'IPv4/0',
            { ports: [] },
            { 'service.kubernetes.io/headless': '' },
          ),
        ],
      ],
      seen([1, 2, 3, 4]),
    ),
  },
  'keeps one slice for each way its pods resolve a named port': {
    given: [
      service({ ports: [{ ...HTTP, targetPort: 'web' }] }),
      node,
      ...[80, 80, 81].map((containerPort, nth) =>
        server(nth, {
          spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort, protocol: 'TCP' }] }] },
        }),
      ),
    ],
    key,
    plan: plan(
      [
        [
          create([endpoint(0), endpoint(1)], 'IPv4/0', { ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }),
          create([endpoint(2)], 'IPv4/1', { ports: [{ name: 'http', port: 81, protocol: 'TCP' }] }),
        ],
      ],
      seen([0, 1, 2]),
    ),
  },
  'keeps slices of both families apart, and removes those of one it lost': {
    given: [
      service({ ipFamilies: ['IPv6', 'IPv4'] }),
      node,
      server(1, { ips: ['10.0.0.1', 'FD00::01'] }),
      slice('web-f', [], { addressType: 'FQDN' }),
    ],
    key,
    plan: plan(
      [
        [create([endpoint(1)], 'IPv4/0')],
        [create([endpoint(1, { addresses: ['fd00::1'] })], 'IPv6/0', { addressType: 'IPv6' })],
        [remove(slice('web-f', [], { addressType: 'FQDN' }), 'address-type')],
      ],
      seen([1]),
    ),
  },
  'follows the labels of the Service, and takes none that are reserved': {
    given: [
      service({}, { labels: { constructor: 'x', 'kubernetes.io/service-name': 'bank' } }),
      node,
      server(1),
      server(2),
      slice('web-full', [endpoint(1), endpoint(2)], {}, { labels: { ...SLICE_LABELS, old: 'x' } }),
    ],
    key,
    memory: seen([1, 2]),
    plan: plan([[change(full, { metadata: { labels: { constructor: 'x', old: null } } })]], seen([1, 2]), {
      memory: undefined as never,
    }),
  },
  'deletes what belonged to a former Service of the name': {
    given: [
      web,
      node,
      server(1),
      slice('web-old', [endpoint(1)], {}, { ownerReferences: [{ ...WEB_OWNER, uid: 'former' }] }),
    ],
    key,
    plan: plan(
      [
        [
          create([endpoint(1)], 'IPv4/0'),
          remove(slice('web-old', [endpoint(1)], {}, { ownerReferences: [{ ...WEB_OWNER, uid: 'former' }] })),
        ],
      ],
      seen([1]),
    ),
  },
  'leaves slices of others and those that are going alone': {
    given: [
      web,
      node,
      server(1),
      slice('mine', [endpoint(1)], {}, { labels: { ...SLICE_LABELS, 'endpointslice.kubernetes.io/managed-by': 'me' } }),
      slice('going', [endpoint(1)], {}, { deletionTimestamp: '2026-01-01T00:59:00Z' }),
    ],
    key,
    plan: plan([[create([endpoint(1)], 'IPv4/0')]], seen([1])),
  },
  'makes nothing for a Service that is being deleted': {
    given: [service({}, { deletionTimestamp: '2026-01-01T00:59:00Z', finalizers: ['x'] }), node, server(1)],
    key,
    plan: plan([], seen([1]), { reason: 'in-order' }),
  },
  'leaves out a pod whose node is not known, says so, and looks again': {
    given: [web, server(1), slice('web-1', [], { ports: [] })],
    key,
    memory: seen([1], { lost: 2, due: NOW }),
    plan: plan([], seen([1], { lost: 3, due: NOW + 4000 }), {
      reason: 'nodes-unknown',
      requeueAfter: 4000,
      events: [
        event(
          web,
          'Warning',
          'FailedToUpdateEndpointSlices',
          'Error updating Endpoint Slices for Service default/web: skipping Pod web-1 for Service default/web: Node node-1 Not Found',
        ),
      ],
    }),
  },
  'waits no longer for it because something else changed meanwhile': {
    given: [web, server(1), slice('web-1', [], { ports: [] })],
    key,
    memory: seen([1], { lost: 2, due: NOW + 300 }),
    check: ({ requeueAfter, memory }) => expect([requeueAfter, memory]).toEqual([300, undefined]),
  },
  'keeps the time of the change for the next try, and tells the Service why': {
    given: [web, node, server(1)],
    key,
    plan: plan([[create([endpoint(1)], 'IPv4/0')]], seen([1])),
    settled: {
      answer: () => denied('endpointslice/labels', 'no'),
      plan: {
        reason: 'failed',
        chains: [],
        memory: { hinted: false, lost: 0 },
        events: [
          event(
            web,
            'Warning',
            'FailedToUpdateEndpointSlices',
            'Error updating Endpoint Slices for Service default/web: refused by policy: endpointslice/labels (no)',
          ),
        ],
      },
    },
  },
  'prefers the own zone, and the own node where the Service wishes it': {
    given: [
      service({ trafficDistribution: 'PreferSameNode' }),
      zoned[0] as never,
      server(1),
      server(2, { readySince: '' }),
    ],
    key,
    plan: plan(
      [
        [
          create(
            [
              inZone(1, 'a', 'node-1', { hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'node-1' }] } }),
              inZone(2, 'a', 'node-1', { conditions: { ready: false, serving: false, terminating: false } }),
            ],
            'IPv4/0',
          ),
        ],
      ],
      seen([1, 2]),
    ),
  },
  'takes hints off where nobody wants them any more': {
    given: [web, zoned[0] as never, server(1), slice('web-1', [inZone(1, 'a', 'node-1', forZone('a'))])],
    key,
    memory: seen([1], { hinted: true }),
    plan: plan([[change(slice('web-1', []), { endpoints: [inZone(1, 'a', 'node-1')] })]], seen([1]), {
      events: [
        event(
          web,
          'Warning',
          'TopologyAwareHintsDisabled',
          'Topology Aware Hints has been disabled, addressType: IPv4',
        ),
      ],
    }),
  },
  'divides endpoints among zones by their CPU, and says so once': {
    given: [auto, ...zoned, ...[1, 2, 3].map((nth) => server(nth)), server(4, { node: 'node-2' })],
    key,
    plan: plan(
      [
        [
          create(
            [
              inZone(1, 'a', 'node-1', forZone('b')),
              inZone(2, 'a', 'node-1', forZone('a')),
              inZone(3, 'a', 'node-1', forZone('a')),
              inZone(4, 'b', 'node-2', forZone('b')),
            ],
            'IPv4/0',
          ),
        ],
      ],
      seen([1, 2, 3, 4], { hinted: true }),
      {
        events: [
          event(
            auto,
            'Normal',
            'TopologyAwareHintsEnabled',
            'Topology Aware Hints has been enabled, addressType: IPv4',
          ),
        ],
      },
    ),
  },
  'gives no hints where a zone would get too few': {
    given: [auto, ...zoned, server(1)],
    key,
    plan: plan([[create([inZone(1, 'a', 'node-1')], 'IPv4/0')]], seen([1]), {
      events: [
        event(
          auto,
          'Warning',
          'TopologyAwareHintsDisabled',
          'Insufficient number of endpoints (1 endpoints, 2 zones), addressType: IPv4',
        ),
      ],
    }),
  },
  'has nothing to do for a Service without a selector': {
    given: [service({ selector: undefined } as object), server(1)],
    key,
    plan: { reason: 'no-pods-to-follow', chains: [], events: [] },
  },
  'has nothing to do for a name outside': {
    given: [service({ type: 'ExternalName' }), server(1)],
    key,
    plan: { reason: 'no-pods-to-follow', chains: [], events: [] },
  },
  'leaves the slices of a Service that is gone to the garbage collector': {
    given: [full],
    key,
    memory: seen([1]),
    plan: { reason: 'gone', chains: [], events: [], memory: null },
  },
});

test('a pod whose node is not known waits its second, however often other pods wake the Service', () => {
  let last: Plan | undefined;
  for (let run = 0; run < 12; run++) {
    const memory = last?.memory ?? undefined;
    const given = [web, server(1), slice('web-1', [], { ports: [] })];
    last = planOf(endpointslice, { given, key, ...(memory !== undefined && { memory }) });
    if (last.memory === undefined && memory !== undefined) last = { ...last, memory };
  }
  expect(last?.requeueAfter).toBe(1000);
});

describe('after a change of the nodes', () => {
  const loop = endpointslice.loops[1];
  const weigh = (given: Parameters<typeof planOf>[1]['given']) =>
    planOf({ ...endpointslice, loops: [loop as never] }, { given, key: 'singleton' });
  const hinted = slice(
    'web-1',
    [1, 2, 3, 4].map((nth) => inZone(nth, 'a', 'node-1', forZone(nth < 3 ? 'a' : 'b'))),
  );

  test('a Service whose hints still fit is left alone', () => {
    expect(weigh([auto, ...zoned, hinted])).toEqual({ reason: 'balanced', chains: [], events: [] });
  });
  test('one whose zone would be overloaded runs', () => {
    expect(weigh([auto, zoned[0] as never, worker('node-2', 'b', '40'), hinted])).toMatchObject({
      reason: 'overloaded',
      enqueue: [{ loop: 'endpoint_slice', key }],
    });
  });
  test('so does one whose hints have no ground any more', () => {
    expect(weigh([auto, zoned[0] as never, hinted]).enqueue).toHaveLength(1);
  });
  test('hints that are none of the CPU do not matter', () => {
    expect(weigh([web, zoned[0] as never, hinted]).reason).toBe('balanced');
  });
});

const newer = (
  one: EndpointSlice,
  more: Partial<EndpointSlice> = {},
  labels: object = SLICE_LABELS,
): EndpointSlice => ({
  ...one,
  ...more,
  metadata: { ...one.metadata, resourceVersion: '2', labels: labels as never },
});

transitions(endpointslice, 'discovery.k8s.io/endpointslices', {
  'a slice that was taken away': { given: [], old: full, wakes: [{ key, after: 1000 }] },
  'a slice that someone changed, after the period if that is longer': {
    given: [],
    old: full,
    now: newer(full, { endpoints: [] }),
    settings: { endpointSliceUpdatesBatchPeriod: 5000 },
    wakes: [{ key, after: 5000 }],
  },
  'a slice that changed hands': {
    given: [],
    old: full,
    now: newer(full, {}, { 'kubernetes.io/service-name': 'web' }),
    wakes: [{ key, after: 1000 }],
  },
  'a slice that went to another Service': {
    given: [],
    old: full,
    now: newer(full, {}, { ...SLICE_LABELS, 'kubernetes.io/service-name': 'bank' }),
    wakes: [
      { key, after: 1000 },
      { key: 'default/bank', after: 1000 },
    ],
  },
  'a slice that is nobody of ours': { given: [], now: newer(full, {}, {}), wakes: [] },
  'a slice seen again': { given: [], old: full, now: full, wakes: [] },
});

transitions(endpointslice, 'core/pods', {
  'a new pod wakes the Services that select it': {
    given: [web, service({ selector: { app: 'x' } }, { name: 'other' })],
    now: server(1),
    wakes: [{ key }],
  },
  'it waits for the period': {
    given: [web],
    old: server(1),
    settings: { endpointSliceUpdatesBatchPeriod: 50 },
    wakes: [{ key, after: 50 }],
  },
  'readiness matters': { given: [web], old: server(1), now: server(1, { readySince: '' }), wakes: [{ key }] },
  'the end matters': {
    given: [web],
    old: server(1, { readySince: '' }),
    now: server(1, { readySince: '', phase: 'Failed' }),
    wakes: [{ key }],
  },
  'annotations do not': {
    given: [web],
    old: server(1),
    now: server(1, { metadata: { annotations: { a: 'b' }, resourceVersion: '2' } }),
    wakes: [],
  },
  'a pod that changes Services wakes both': {
    given: [
      web,
      service({ selector: { app: 'x' } }, { name: 'other' }),
      service({ selector: { to: 'all' } }, { name: 'all' }),
    ],
    old: server(1, { labels: { app: 'web', to: 'all' } }),
    now: server(1, { labels: { app: 'x', to: 'all' } }),
    wakes: [{ key }, { key: 'default/other' }],
  },
});

test.each([
  ['comes', undefined, worker('n', 'a'), 1],
  ['goes', worker('n', 'a'), undefined, 1],
  ['moves', worker('n', 'a'), worker('n', 'b'), 1],
  ['is not ready', worker('n', 'a'), worker('n', 'a', '4', {}, 'False'), 1],
  ['breathes', worker('n', 'a'), worker('n', 'a', '4', { resourceVersion: '2' }), 0],
])('a node that %s', (_, old, now, wakes) => {
  expect(endpointslice.loops[1]?.on['core/nodes']?.(old, now, undefined as never, {})).toHaveLength(wakes);
});
