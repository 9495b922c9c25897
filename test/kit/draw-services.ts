import fc from 'fast-check';
import type { EndpointSlice, Node, Pod, Service, ServiceSpec } from '#core/k8s/types.gen.ts';
import { pod } from './build.ts';
import { service, worker } from './services.ts';

const nodesOf = (cpu: fc.Arbitrary<string>, zones: fc.Arbitrary<'all' | 'some'>): fc.Arbitrary<Node[]> =>
  fc.tuple(fc.array(cpu, { minLength: 5, maxLength: 5 }), zones, fc.nat(3)).map(([cpus, known, odd]) =>
    ['a', 'a', 'b', 'c', undefined].flatMap((zone, nth): Node[] => {
      const name = `n${nth}`;
      const cpu = cpus[nth] ?? '1';
      if (zone === undefined && known === 'all') return [];
      if (odd === 0 && nth === 1) return [worker(name, zone, cpu, {}, 'False')];
      if (odd === 1 && nth === 2) {
        return [worker(name, zone, cpu, { labels: { 'node-role.kubernetes.io/control-plane': '' } })];
      }
      return odd === 2 && zone === 'c' ? [] : [worker(name, zone, cpu)];
    }),
  );

/** Nodes of a drawn world; pods may also name one that is not there. One of no CPU, or of no zone, ends all hints. */
export const drawNodes: fc.Arbitrary<Node[]> = nodesOf(
  fc.constantFrom('4', '3920m', '1', '7', '16', '250m', '0', '2.5'),
  fc.constantFrom('all', 'all', 'all', 'all', 'some'),
);
/** Nodes of which zones can be weighed. */
export const drawSoundNodes: fc.Arbitrary<Node[]> = nodesOf(
  fc.constantFrom('4', '3920m', '3', '7', '8', '5500m', '2', '2.5'),
  fc.constant('all'),
);

const drawPort = fc.record({
  name: fc.constantFrom('http', 'x', 'constructor'),
  targetPort: fc.constantFrom<string | number>(8080, 8080, 9090, 'web', 'metrics', 'side'),
  protocol: fc.constantFrom('TCP', 'TCP', 'UDP'),
  appProtocol: fc.constantFrom(undefined, undefined, 'kubernetes.io/h2c', ''),
});

export const drawService: fc.Arbitrary<Service> = fc
  .record({
    ports: fc.uniqueArray(drawPort, { maxLength: 3, selector: ({ name }) => name }),
    ipFamilies: fc.constantFrom(['IPv4'], ['IPv4'], ['IPv4'], ['IPv6', 'IPv4'], ['IPv6'], undefined),
    clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.1', 'None', 'fd00::1', ''),
    publish: fc.constantFrom(undefined, undefined, true),
    trafficDistribution: fc.constantFrom(
      undefined,
      undefined,
      'PreferClose',
      'PreferSameZone',
      'PreferSameNode',
      'Odd',
    ),
    labels: fc.subarray(['a', 'constructor', 'service.kubernetes.io/headless', 'kubernetes.io/service-name']),
    annotation: fc.constantFrom(undefined, undefined, undefined, 'Auto', 'auto', 'Disabled'),
    deprecated: fc.constantFrom(undefined, undefined, undefined, undefined, 'Auto', ''),
    deleting: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, '2026-01-01T00:30:00Z'),
  })
  .map(({ ports, ipFamilies, clusterIP, publish, trafficDistribution, labels, annotation, deprecated, deleting }) =>
    service(
      {
        ports: ports.map((port) => ({ ...port, port: 80 })),
        ipFamilies,
        clusterIP,
        publishNotReadyAddresses: publish,
        trafficDistribution,
      } as ServiceSpec,
      {
        labels: Object.fromEntries(labels.map((key) => [key, 'x'])),
        annotations: {
          ...(annotation !== undefined && { 'service.kubernetes.io/topology-mode': annotation }),
          ...(deprecated !== undefined && { 'service.kubernetes.io/topology-aware-hints': deprecated }),
        },
        ...(deleting !== undefined && { deletionTimestamp: deleting }),
      },
    ),
  );

const drawServer = fc.record({
  nth: fc.nat(40),
  node: fc.constantFrom('n0', 'n1', 'n2', 'n3', 'n3', 'n0', 'n2', 'missing', ''),
  ready: fc.constantFrom('True', 'True', 'True', 'True', 'False', 'Unknown', undefined),
  phase: fc.constantFrom('Running', 'Running', 'Running', 'Running', 'Running', 'Succeeded', 'Failed'),
  deleting: fc.constantFrom(undefined, undefined, undefined, '2026-01-01T00:40:00Z'),
  subdomain: fc.constantFrom(undefined, undefined, 'web', 'other'),
  hostname: fc.constantFrom(undefined, undefined, 'h'),
  families: fc.constantFrom('4', '4', '4', '46', '64', '6', 'odd', 'none'),
  ports: fc.subarray(['web', 'metrics', 'side']),
  number: fc.constantFrom(8080, 8080, 8080, 9090),
});

/** Pods `web-<nth>`, all selected; at most `most`, no two of one name. With a `least`, all numbers are as likely. */
export const drawServers = (most: number, least = 0): fc.Arbitrary<Pod[]> =>
  fc
    .uniqueArray(drawServer, {
      minLength: least,
      maxLength: most,
      selector: ({ nth }) => nth,
      ...(least > 0 && { size: 'max' }),
    })
    .map((wishes) => wishes.map(serverOf));

type Wish = typeof drawServer extends fc.Arbitrary<infer W> ? W : never;

function serverOf({ nth, node, ready, phase, deleting, subdomain, hostname, families, ports, number }: Wish): Pod {
  const named = (name: string, containerPort: number) => ({ name, containerPort, protocol: 'TCP' });
  const has = (name: string) => ports.includes(name);
  const ips = ipsOf(nth, families);
  return pod({
    name: `web-${nth}`,
    node,
    phase,
    ...(deleting !== undefined && { deleting }),
    spec: {
      containers: [
        {
          name: 'a',
          ports: has('web') ? [{ name: 'web', containerPort: 53, protocol: 'UDP' }, named('web', number)] : [],
        },
        { name: 'b', ports: has('metrics') ? [named('metrics', 9100)] : [] },
      ],
      initContainers: [
        { name: 'once', ports: [named('side', 1)] },
        { name: 'stays', restartPolicy: 'Always', ports: has('side') ? [named('side', 7)] : [] },
      ],
      ...(subdomain !== undefined && { subdomain }),
      ...(hostname !== undefined && { hostname }),
    },
    status: {
      phase,
      ...(ips.length > 0 && { podIP: ips[0] ?? '', podIPs: ips.map((ip) => ({ ip })) }),
      ...(ready !== undefined && {
        conditions: [{ type: 'Ready', status: ready, lastTransitionTime: `2026-01-01T00:${10 + nth}:00Z` }],
      }),
    },
  });
}

function ipsOf(nth: number, families: string): readonly string[] {
  const [four, six] = [`10.0.0.${nth}`, `fd00::${nth.toString(16)}`];
  if (families === '46') return [four, six];
  if (families === '64') return [six, four];
  if (families === '6') return [six];
  if (families === 'odd') return [`010.000.0.${nth}`, `FD00:0::${nth.toString(16)}`];
  return families === 'none' ? [] : [four];
}

/** What someone may have done to slices since they were written. */
export interface Mischief {
  readonly kind: 'drop' | 'twice' | 'foreign' | 'type' | 'label' | 'hint' | 'empty';
  readonly at: number;
}

export const drawMischief: fc.Arbitrary<readonly Mischief[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Mischief['kind']>('drop', 'drop', 'twice', 'foreign', 'type', 'label', 'hint', 'empty'),
    at: fc.nat(5),
  }),
  { maxLength: 3 },
);

export function tamper(slices: readonly EndpointSlice[], mischief: readonly Mischief[]): readonly EndpointSlice[] {
  return mischief.reduce<readonly EndpointSlice[]>((list, one) => {
    const at = list.length === 0 ? -1 : one.at % list.length;
    const hit = list[at];
    if (hit === undefined) return list;
    const changed = tampered(hit, one, list.length);
    return [...list.slice(0, at), ...changed, ...list.slice(at + 1)];
  }, slices);
}

function tampered(slice: EndpointSlice, { kind, at }: Mischief, count: number): readonly EndpointSlice[] {
  const list = slice.endpoints ?? [];
  const { ownerReferences: _, ...metadata } = slice.metadata ?? {};
  switch (kind) {
    case 'drop':
      return [{ ...slice, endpoints: list.filter((__, nth) => nth !== at % Math.max(list.length, 1)) }];
    case 'twice':
      return [slice, { ...slice, metadata: { ...slice.metadata, name: `again-${count}`, uid: `again-${count}` } }];
    case 'foreign':
      return [
        {
          ...slice,
          metadata: {
            ...metadata,
            ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'former' }],
          },
        },
      ];
    case 'type':
      return [{ ...slice, addressType: 'FQDN', endpoints: [] }];
    case 'label':
      return [{ ...slice, metadata: { ...slice.metadata, labels: { ...slice.metadata?.labels, toString: 'x' } } }];
    case 'hint':
      return [{ ...slice, endpoints: list.map((one) => ({ ...one, hints: { forZones: [{ name: 'b' }] } })) }];
    case 'empty':
      return [{ ...slice, endpoints: [] }];
  }
}
