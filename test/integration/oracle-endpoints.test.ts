/** EndpointSlices and Endpoints of drawn Services, held against Kubernetes' own reconcilers. */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { endpoints } from '#controllers/network/endpoints.ts';
import { repack } from '#controllers/network/endpoints-parts/repack.ts';
import { endpointslice } from '#controllers/network/endpointslice.ts';
import { nanoCores } from '#controllers/network/endpointslice-parts/cpu.ts';
import { isEndpointReady, portsKey } from '#controllers/network/endpointslice-parts/endpoint.ts';
import { isOverloaded, zoneRatios } from '#controllers/network/endpointslice-parts/zones.ts';
import { type Times, triggerOf } from '#controllers/network/service-pods/trigger-time.ts';
import { servicesTouched } from '#controllers/network/service-pods/wakes.ts';
import { type Controller, listedBy } from '#core/controller.ts';
import { parseIp } from '#core/ip.ts';
import { canonical, deepFreeze, type Json } from '#core/json.ts';
import type {
  CoreEndpointPort,
  Endpoint,
  EndpointAddress,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  Node,
  Pod,
  Service,
} from '#core/k8s/types.gen.ts';
import type { Plan } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { pod } from '#kit/build.ts';
import { drawLabels } from '#kit/draw.ts';
import {
  drawMischief,
  drawNodes,
  drawServers,
  drawService,
  drawSoundNodes,
  type Mischief,
  tamper,
} from '#kit/draw-services.ts';
import { fakeStore } from '#kit/fake-store.ts';
import { buildOracle, compareWith, draw, type Oracle } from '#kit/oracle.ts';
import { service, worker } from '#kit/services.ts';
import { viewOf } from '#kit/view.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await buildOracle();
});

const NOW = Date.parse('2026-01-01T01:00:00Z');
const CREATED = Date.parse('2026-01-01T00:00:00Z');
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

function planFor(controller: Controller, objects: readonly ApiObject[], settings: object, memory?: Json): Plan {
  const view = viewOf(deepFreeze([...objects]), listedBy(controller.rbac));
  const [loop] = controller.loops;
  if (loop === undefined) throw new TypeError('a controller without a loop');
  return loop.reconcile({
    key: 'default/web',
    object: view.get('core/services', { namespace: 'default', name: 'web' }),
    view,
    memory,
    derived: undefined,
    facts: undefined,
    now: { wall: NOW, mono: 0 },
    seed: '0'.repeat(64),
    settings,
  });
}

interface World {
  readonly service: Service;
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly slices: readonly EndpointSlice[];
  readonly max: number;
  readonly hinted: boolean;
}

const isSlice = (object: ApiObject): object is EndpointSlice => object.kind === 'EndpointSlice';

/** What is there already: what the controller made of other pods, a while ago, and what somebody did to it since. */
function before(
  service: Service,
  nodes: readonly Node[],
  pods: readonly Pod[],
  max: number,
  mischief: readonly Mischief[],
): readonly EndpointSlice[] {
  const { deletionTimestamp: _, ...metadata } = service.metadata ?? {};
  const store = fakeStore([{ ...service, metadata } as Service, ...nodes, ...pods]);
  store.run(planFor(endpointslice, store.objects(), { maxEndpointsPerSlice: max }));
  // Under other names: the next store counts from the same number.
  return tamper(store.objects().filter(isSlice).map(renamed), mischief);
}

const renamed = (one: EndpointSlice): EndpointSlice => ({
  ...one,
  metadata: { ...one.metadata, name: `old-${one.metadata?.name}` },
});

interface Drawing {
  readonly service?: fc.Arbitrary<Service>;
  readonly nodes?: fc.Arbitrary<Node[]>;
  readonly pods: fc.Arbitrary<Pod[]>;
}

const drawWorld = ({ service = drawService, nodes = drawNodes, pods }: Drawing): fc.Arbitrary<World> =>
  fc
    .record({
      service,
      former: fc.option(service, { freq: 1 }),
      nodes,
      pods,
      formerPods: pods,
      stay: fc.boolean(),
      max: fc.integer({ min: 1, max: 6 }),
      mischief: drawMischief,
      hinted: fc.boolean(),
    })
    .map(({ service, former, nodes, pods, formerPods, stay, max, mischief, hinted }) => {
      const known = stay ? [...pods.slice(0, -1), ...formerPods.filter((one) => !named(pods, one))] : formerPods;
      return { service, nodes, pods, slices: before(former ?? service, nodes, known, max, mischief), max, hinted };
    });

const named = (pods: readonly Pod[], pod: Pod): boolean =>
  pods.some(({ metadata }) => metadata?.name === pod.metadata?.name);

interface Told {
  readonly created: readonly EndpointSlice[];
  readonly updated: readonly EndpointSlice[];
  readonly deleted: readonly string[];
  readonly events: readonly string[];
  readonly failed?: string;
  readonly hinted: boolean;
}

/** Whatever does not depend on the order of Go's maps. */
function summary({ slices }: World, { created, updated, deleted, events, failed = '', hinted }: Told): string {
  const was = new Map(slices.map((slice) => [slice.metadata?.name ?? '', slice]));
  const changed = updated.filter((slice) => bare(slice) !== bare(was.get(slice.metadata?.name ?? '')));
  const after = new Map(was);
  for (const name of deleted) after.delete(name);
  for (const slice of updated) after.set(slice.metadata?.name ?? '', slice);
  for (const [nth, slice] of created.entries()) after.set(`new-${nth}`, slice);
  const final = [...after.values()];
  return canonical({
    writes: [created.length, changed.length, deleted.length],
    sizes: final.map((slice) => `${groupOf(slice)} ${slice.endpoints?.length ?? 0}`).sort(),
    endpoints: final
      .flatMap((slice) => (slice.endpoints ?? []).map((one) => `${groupOf(slice)} ${withoutHints(one)}`))
      .sort(),
    hints: final.flatMap((slice) => (slice.endpoints ?? []).map((one) => hintOf(slice, one))).sort(),
    labels: [...created, ...changed].map(({ metadata }) => canonical(metadata?.labels ?? {})).sort(),
    times: [...created, ...changed].map(({ metadata }) => metadata?.annotations?.[TRIGGER] ?? ''),
    owners: created.map(({ metadata }) => canonical(metadata?.ownerReferences ?? [])),
    prefixes: created.map(({ metadata }) => metadata?.generateName ?? ''),
    events: [...events].sort(),
    failed: failed
      .replace(/^\[|\]$/g, '')
      .split(', ')
      .sort(),
    hinted,
  });
}

const bare = (slice: EndpointSlice | undefined): string =>
  canonical([
    slice?.metadata?.labels ?? {},
    (slice?.ports ?? []).map((port) => canonical(port)).sort(),
    slice?.endpoints ?? [],
  ]);
const groupOf = (slice: EndpointSlice): string => `${slice.addressType} ${portsKey(slice.ports)}`;
const withoutHints = ({ hints: _, ...endpoint }: Endpoint): string => canonical(endpoint);
const hintOf = (slice: EndpointSlice, endpoint: Endpoint): string =>
  isEndpointReady(endpoint) ? `${slice.addressType} ${canonical(endpoint.hints ?? {})}` : 'not ready';

function ours(world: World): Told {
  const store = fakeStore([world.service, ...world.nodes, ...world.pods, ...world.slices]);
  const memory = { hinted: world.hinted, lost: 0 };
  const plan = planFor(endpointslice, store.objects(), { maxEndpointsPerSlice: world.max }, memory);
  const outcomes = store.run(plan).flat();
  const done = (verb: string) =>
    outcomes.flatMap((one) => (one.kind === 'applied' && one.write.verb === verb ? [one] : []));
  const lost = plan.events.find(({ reason }) => reason === 'FailedToUpdateEndpointSlices');
  return {
    created: done('create').map(({ object }) => object as EndpointSlice),
    updated: done('patch').map(({ object }) => object as EndpointSlice),
    deleted: done('delete').map(({ write }) => (write.verb === 'delete' ? write.ref.name : '')),
    events: plan.events.filter((one) => one !== lost).map((one) => `${one.type} ${one.reason} ${one.message}`),
    ...(lost !== undefined && { failed: lost.message.replace(/^.*?: /, '') }),
    hinted: plan.memory === undefined ? world.hinted : (plan.memory as { hinted: boolean }).hinted,
  };
}

const question = (world: World, runs: number) => ({
  op: 'slices',
  ...world,
  runs,
  trigger: CREATED,
});

/**
 * Zones of equal need, and slices of equal room, are served in the order of Go's maps, and of a map with two keys the later
 * one comes first in one run of eight only: what few runs do not show, many may.
 */
const RUNS = { first: 4, doubtful: 200, last: 50_000 } as const;

async function compareSlices(worlds: readonly World[], usual = 0.05): Promise<readonly Told[]> {
  const first = await unlike(worlds, RUNS.first);
  const few = Math.max(1, worlds.length * usual);
  expect(first.length, `of ${worlds.length} differ`).toBeLessThanOrEqual(few);
  const [odd] = await unlike(await unlike(first, RUNS.doubtful), RUNS.last);
  if (odd !== undefined) expect(told(odd), JSON.stringify(odd)).toEqual(await nearest(odd));
  return worlds.map(ours);
}

/** Those in which no run of upstream's comes to what ours does. */
async function unlike(worlds: readonly World[], runs: number): Promise<readonly World[]> {
  const ways = (await oracle.ask(worlds.map((world) => question(world, runs)))) as readonly (readonly Told[])[];
  return worlds.filter((world, at) => !ways[at]?.some((way) => summary(world, way) === summary(world, ours(world))));
}

const told = (world: World): unknown => JSON.parse(summary(world, ours(world)));

/** The way of upstream's that shares the most lines with ours. */
async function nearest(world: World): Promise<unknown> {
  const [ways = []] = (await oracle.ask([question(world, RUNS.doubtful)])) as readonly (readonly Told[])[];
  const lines = (way: Told) => JSON.stringify(JSON.parse(summary(world, way)), null, 1).split('\n');
  const known = new Set(lines(ours(world)));
  const far = (way: Told): number => lines(way).filter((line) => !known.has(line)).length;
  const [best] = ways.toSorted((a, b) => far(a) - far(b));
  return best === undefined ? undefined : JSON.parse(summary(world, best));
}

test('slices are packed, labelled, hinted and removed as upstream does it', { timeout: 300_000 }, async () => {
  const told = await compareSlices(draw(drawWorld({ pods: drawServers(14) }), 500));
  expect(told.flatMap(({ created, updated }) => [...created, ...updated]).length).toBeGreaterThan(500);
});

/** Of what would be made nothing is, but what takes the place of a slice that goes: which endpoints those are, chance says. */
test('a Service of two families that ends keeps what upstream might keep', { timeout: 300_000 }, async () => {
  const ending = drawService
    .filter(({ spec }) => spec?.ipFamilies?.length === 2)
    .map((one) => deepFreeze({ ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-01-01T00:30:00Z' } }));
  const told = await compareSlices(draw(drawWorld({ service: ending, pods: drawServers(4) }), 250), 0.4);
  expect(told.flatMap(({ created }) => created)).toEqual([]);
  expect(told.flatMap(({ updated }) => updated).length).toBeGreaterThan(100);
});

const topologyOf = service({}, { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } });

test('zones get endpoints by their CPU as upstream gives them', { timeout: 300_000 }, async () => {
  const alike = drawWorld({
    service: fc.constant(topologyOf),
    nodes: fc.oneof({ arbitrary: drawNodes, weight: 1 }, { arbitrary: drawSoundNodes, weight: 4 }),
    pods: drawServers(30, 6),
  }).map((world) => ({ ...world, pods: world.pods.map(settled) }));
  const hinted = (await compareSlices(draw(alike, 250))).filter((told) => told.hinted);
  expect(hinted.length).toBeGreaterThan(125);
});

/** A pod that is ready on a node with a zone, so that most draws do get hints. */
function settled(one: Pod, nth: number): Pod {
  const conditions = [{ type: 'Ready', status: 'True' }];
  const ip = `10.0.1.${nth}`;
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
  const nodeName = ['n0', 'n1', 'n2', 'n3'][nth % 4] ?? 'n0';
  return deepFreeze({ ...one, spec: { ...one.spec, nodeName }, status } as Pod);
}

test('Services are overloaded where upstream thinks so', async () => {
  const counts = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(8), { noNullPrototype: true });
  const cpu = fc.constantFrom('4', '1', '3920m', '7', '16', '2.5', '0', '100m');
  const nodes = fc.array(fc.tuple(fc.constantFrom('a', 'a', 'b', 'b', 'c', 'd', ''), cpu), { maxLength: 6 });
  await compareWith<[Node[], Record<string, number>], boolean>(
    oracle,
    fc.tuple(
      nodes.map((list) => list.map(([zone, cores], nth) => worker(`n${nth}`, zone, cores))),
      counts,
    ),
    1000,
    ([list, of]) => ({ op: 'overloaded', nodes: list, counts: of }),
    ([list, of], answer) => {
      expect({ list, of, is: isOverloaded(new Map(Object.entries(of)), zoneRatios(list)) }).toEqual({
        list,
        of,
        is: answer,
      });
    },
  );
});

test('CPU is read as upstream reads quantities', async () => {
  const number = fc.oneof(
    fc.nat(100_000).map(String),
    fc.tuple(fc.nat(500), fc.nat(99_999)).map(([a, b]) => `${a}.${b}`),
    fc.constantFrom('.5', '5.', '+3', '007', '0.0000000001'),
  );
  const text = fc.tuple(number, fc.constantFrom('', '', 'm', 'm', 'u', 'n', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi'));
  const texts = fc.array(
    text.map(([digits, suffix]) => `${digits}${suffix}`),
    { minLength: 10, maxLength: 10 },
  );
  await compareWith<string[], number[]>(
    oracle,
    texts,
    100,
    (list) => ({ op: 'millicores', texts: list }),
    (list, answer) => {
      const milli = list.map((one) => Number((nanoCores(one) + 999_999n) / 1_000_000n));
      expect({ list, milli }).toEqual({ list, milli: answer });
    },
  );
});

test('addresses are read and written as upstream does', async () => {
  const group = fc.constantFrom('0', '0', '0', '1', 'ffff', 'FD00', '00a', '0000f', '10000', '');
  const six = fc
    .tuple(
      fc.array(group, { minLength: 1, maxLength: 8 }),
      fc.constantFrom('', '', '::', ':'),
      fc.array(group, { maxLength: 7 }),
    )
    .map(([head, middle, tail]) => `${head.join(':')}${middle}${tail.join(':')}`);
  const octet = fc.constantFrom('0', '1', '10', '255', '256', '010', '00', 'a', '');
  const four = fc.array(octet, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));
  const mixed = fc
    .tuple(fc.constantFrom('::', '::ffff:', '::FFFF:0:', '64:ff9b::', '1:2:3:4:5:6:', '1:2:3:4:5:6:7:'), four)
    .map((parts) => parts.join(''));
  await compareWith<string[], ({ text: string; v6: boolean } | null)[]>(
    oracle,
    fc.array(fc.oneof(six, four, mixed), { minLength: 20, maxLength: 20 }),
    300,
    (texts) => ({ op: 'addresses', texts }),
    (texts, answers) => {
      const read = texts.map((text) => {
        const ip = parseIp(text);
        return ip === undefined ? null : { text: ip.text, v6: ip.family === 'IPv6' };
      });
      expect({ texts, read }).toEqual({ texts, read: answers });
    },
  );
});

const drawAddress: fc.Arbitrary<EndpointAddress> = fc
  .record({
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.10', 'fd00::1'),
    uid: fc.constantFrom(undefined, 'a', 'a', 'b'),
    nodeName: fc.constantFrom(undefined, '', 'n1'),
    hostname: fc.constantFrom(undefined, 'h'),
  })
  .map(({ ip, uid, nodeName, hostname }) => ({
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(nodeName !== undefined && { nodeName }),
    ...(uid !== undefined && { targetRef: { kind: 'Pod', namespace: 'default', name: 'p', uid } }),
  }));
const drawCorePort: fc.Arbitrary<CoreEndpointPort> = fc
  .record({
    name: fc.constantFrom('', 'http', 'x'),
    port: fc.constantFrom(80, 80, 443),
    protocol: fc.constantFrom('TCP', 'UDP'),
    appProtocol: fc.constantFrom(undefined, 'h2c'),
  })
  .map(({ name, appProtocol, ...rest }) => ({
    ...rest,
    ...(name !== '' && { name }),
    ...(appProtocol !== undefined && { appProtocol }),
  }));
const someOf = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 });
const drawSubset: fc.Arbitrary<EndpointSubset> = fc.record({
  addresses: someOf(drawAddress),
  notReadyAddresses: someOf(drawAddress),
  ports: someOf(drawCorePort),
});

test('subsets are laid out as upstream does it, in its order', async () => {
  await compareWith<EndpointSubset[], EndpointSubset[]>(
    oracle,
    fc.array(drawSubset, { maxLength: 5 }),
    1000,
    (subsets) => ({ op: 'repack', subsets }),
    (subsets, answer) => expect({ subsets, packed: repack(subsets) }).toEqual({ subsets, packed: answer }),
  );
});

interface EndpointsWorld {
  readonly service: Service;
  readonly pods: readonly Pod[];
  readonly endpoints: Endpoints | undefined;
}

/** In turns: none; what the controller made; the same, tampered with. */
function formerEndpoints(service: Service, pods: readonly Pod[], tampering: number): Endpoints | undefined {
  if (tampering === 0) return undefined;
  const store = fakeStore([service, ...pods]);
  store.run(planFor(endpoints, store.objects(), {}));
  const made = store.objects().find((one) => one.kind === 'Endpoints') as Endpoints;
  const { labels = {}, annotations, ...metadata } = made.metadata ?? {};
  if (tampering === 1) return { ...made, metadata: { ...metadata, labels: { ...labels, more: 'x' } } };
  if (tampering === 2)
    return {
      ...made,
      metadata: {
        ...metadata,
        annotations: { 'endpoints.kubernetes.io/over-capacity': 'truncated', mine: 'x' },
        labels,
      },
    };
  if (tampering === 3) return { ...made, subsets: [...(made.subsets ?? [])].reverse() };
  return { ...made, metadata: { ...metadata, labels, ...(annotations !== undefined && { annotations }) } };
}

const drawEndpoints: fc.Arbitrary<EndpointsWorld> = fc
  .record({
    service: drawService,
    pods: drawServers(10),
    formerPods: fc.option(drawServers(10)),
    tampering: fc.integer({ min: 0, max: 6 }),
  })
  .map(({ service, pods, formerPods, tampering }) => {
    const { labels = {}, deletionTimestamp: _, ...metadata } = service.metadata ?? {};
    // Upstream rewrites Endpoints at each sync where a Service carries the label that tells of a missing cluster IP.
    const own = Object.fromEntries(Object.entries(labels).filter(([key]) => !key.endsWith('/headless')));
    const plain = deepFreeze({ ...service, metadata: { ...metadata, labels: own } }) as Service;
    return { service: plain, pods, endpoints: formerEndpoints(plain, formerPods ?? pods, tampering) };
  });

const essence = (object: Endpoints | undefined): string =>
  canonical([object?.metadata?.labels ?? {}, object?.metadata?.annotations ?? {}, object?.subsets ?? []]);

test('Endpoints are made, changed and left alone as upstream does it', { timeout: 300_000 }, async () => {
  await compareWith<EndpointsWorld, { verb: string; object?: Endpoints }>(
    oracle,
    drawEndpoints,
    800,
    (world) => ({ op: 'endpoints', ...world }),
    (world, answer) => {
      const { service, pods, endpoints: there } = world;
      const store = fakeStore([service, ...pods, ...(there === undefined ? [] : [there])]);
      const plan = planFor(endpoints, store.objects(), {});
      store.run(plan);
      const verb = plan.chains[0]?.[0]?.verb ?? '';
      const after = store.objects().find((one) => one.kind === 'Endpoints') as Endpoints | undefined;
      const mine = { verb: verb === 'patch' ? 'update' : verb, ...(verb !== '' && { essence: essence(after) }) };
      const theirs = { verb: answer.verb, ...(answer.verb !== '' && { essence: essence(answer.object) }) };
      expect({ world, ...mine }).toEqual({ world, ...theirs });
    },
  );
});

test('more than a thousand addresses are cut as upstream cuts them', { timeout: 300_000 }, async () => {
  const sizes = fc.array(fc.tuple(fc.nat(600), fc.nat(600)), { minLength: 1, maxLength: 4 });
  await compareWith<EndpointsWorld, { object?: Endpoints }>(
    oracle,
    sizes.map(crowd),
    15,
    (world) => ({ op: 'endpoints', ...world }),
    ({ service, pods }, answer) => {
      const store = fakeStore([service, ...pods]);
      store.run(planFor(endpoints, store.objects(), {}));
      const made = store.objects().find((one) => one.kind === 'Endpoints') as Endpoints;
      const filled = (answer.object?.subsets ?? []).filter((one) => one.addresses ?? one.notReadyAddresses);
      expect(essence(made)).toBe(essence({ ...answer.object, subsets: filled } as Endpoints));
    },
  );
});

/** So many ready pods and others in groups, each with a target port of its own. */
function crowd(sizes: readonly (readonly [ready: number, others: number])[]): EndpointsWorld {
  const pods = sizes.flatMap(([ready, others], group) =>
    Array.from({ length: ready + others }, (_, nth): Pod => {
      const ip = `10.${group}.${nth >> 8}.${nth & 255}`;
      return pod({
        name: `web-${group}-${nth}`,
        spec: { containers: [{ name: 'a', ports: [{ name: 'web', containerPort: 8000 + group, protocol: 'TCP' }] }] },
        status: {
          phase: 'Running',
          podIP: ip,
          podIPs: [{ ip }],
          conditions: [{ type: 'Ready', status: nth < ready ? 'True' : 'False' }],
        },
      });
    }),
  );
  const ports = [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }];
  return { service: service({ ports }), pods, endpoints: undefined };
}

test('the time of the trigger is the one that upstream would tell', async () => {
  const time = fc.constantFrom(undefined, ...[1, 2, 3, 4].map((minute) => `2026-01-01T00:0${minute}:00Z`));
  const round = fc.uniqueArray(fc.record({ nth: fc.nat(4), time }), { selector: ({ nth }) => nth, maxLength: 5 });
  await compareWith<Pod[][], string[]>(
    oracle,
    fc.array(
      round.map((list) =>
        list.map(({ nth, time: at }) =>
          pod({
            name: `web-${nth}`,
            ...(at !== undefined && {
              status: { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at }] },
            }),
          }),
        ),
      ),
      { minLength: 1, maxLength: 5 },
    ),
    800,
    (rounds) => ({ op: 'triggers', service: service(), rounds }),
    (rounds, answer) => {
      let last: Times | undefined;
      const told = rounds.map((pods) => {
        const { time: at, seen } = triggerOf(service(), pods, last);
        last = seen;
        return at ?? '';
      });
      expect({ rounds, told }).toEqual({ rounds, told: answer });
    },
  );
});

test('a change of a pod concerns the Services that upstream says it does', async () => {
  const services = fc.array(fc.record({ selector: fc.option(drawLabels, { nil: undefined }), other: fc.boolean() }), {
    maxLength: 5,
  });
  const somePod = fc.record({
    labels: drawLabels,
    ready: fc.boolean(),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    host: fc.constantFrom('a', 'b'),
  });
  await compareWith<{ services: Service[]; old: Pod | null; now: Pod | null }, string[] | null>(
    oracle,
    fc
      .record({
        services,
        old: fc.option(somePod, { freq: 4 }),
        now: fc.option(somePod, { freq: 4 }),
        same: fc.boolean(),
      })
      .filter(({ old, now }) => old !== null || now !== null)
      .map(({ services: list, old, now, same }) => ({
        services: list.map(({ selector, other }, nth) =>
          // An empty selector is dropped on the wire: no API server tells of one.
          service({ selector: Object.keys(selector ?? {}).length === 0 ? undefined : selector } as object, {
            name: `s${nth}`,
            namespace: other ? 'other' : 'default',
          }),
        ),
        old: old && podOf(old, '1'),
        now: now && podOf({ ...now, labels: same && old !== null ? old.labels : now.labels }, '2'),
      })),
    1000,
    (drawn) => ({ op: 'touched', ...drawn }),
    (drawn, answer) => {
      const view = viewOf(drawn.services, ['core/services'] as const);
      const keys = [...servicesTouched(drawn.old ?? undefined, drawn.now ?? undefined, view)].sort();
      expect({ drawn, keys }).toEqual({ drawn, keys: answer ?? [] });
    },
  );
});

function podOf(
  { labels, ready, ip, host }: { labels: Record<string, string>; ready: boolean; ip: string; host: string },
  resourceVersion: string,
): Pod {
  return pod({
    labels,
    metadata: { resourceVersion },
    spec: { hostname: host },
    status: { phase: 'Running', podIPs: [{ ip }], conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  });
}
