import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endpoints } from '#controllers/network/endpoints.ts';
import { endpointslice } from '#controllers/network/endpointslice.ts';
import { addressTypesOf, endpointOf, portsKey, portsOf } from '#controllers/network/endpointslice-parts/endpoint.ts';
import { isReachable } from '#controllers/network/service-pods/membership.ts';
import { type Controller, listedBy } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import type { EndpointSlice, Node, Pod, Service } from '#core/k8s/types.gen.ts';
import type { Plan } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { drawMischief, drawNodes, drawServers, drawService, tamper } from '#kit/draw-services.ts';
import { type FakeStore, fakeStore } from '#kit/fake-store.ts';
import { viewOf } from '#kit/view.ts';

const drawWorld = fc.record({
  service: drawService,
  nodes: drawNodes,
  pods: drawServers(25),
  others: drawServers(25),
  mischief: drawMischief,
  max: fc.integer({ min: 1, max: 7 }),
});

interface Run {
  readonly plan: Plan;
  readonly memory: Json | undefined;
}

function run(controller: Controller, store: FakeStore, memory: Json | undefined, max: number): Run {
  const view = viewOf(store.objects(), listedBy(controller.rbac));
  const plan = controller.loops[0]?.reconcile({
    key: 'default/web',
    object: view.get('core/services', { namespace: 'default', name: 'web' }),
    view,
    memory,
    derived: undefined,
    facts: undefined,
    now: { wall: 0, mono: 0 },
    seed: '0'.repeat(64),
    settings: { maxEndpointsPerSlice: max },
  }) as Plan;
  for (const outcome of store.run(plan).flat()) expect(outcome.kind).toBe('applied');
  return { plan, memory: plan.memory === undefined ? memory : (plan.memory ?? undefined) };
}

const isSlice = (object: ApiObject): object is EndpointSlice => object.kind === 'EndpointSlice';
const slicesIn = (store: FakeStore): readonly EndpointSlice[] => store.objects().filter(isSlice);

/** A world whose slices were made for other pods, and tampered with since. */
function aged({ service, nodes, pods, others, mischief, max }: World): FakeStore {
  const before = fakeStore([withoutDeletion(service), ...nodes, ...others]);
  run(endpointslice, before, undefined, max);
  const old = tamper(slicesIn(before), mischief).map((one) => ({
    ...one,
    metadata: { ...one.metadata, name: `old-${one.metadata?.name}` },
  }));
  return fakeStore([service, ...nodes, ...pods, ...old]);
}

type World = typeof drawWorld extends fc.Arbitrary<infer W> ? W : never;

function withoutDeletion(service: Service): Service {
  const { deletionTimestamp: _, ...metadata } = service.metadata ?? {};
  return { ...service, metadata };
}

/** Every endpoint that there must be, with its ports and address type. */
function wished(service: Service, nodes: readonly Node[], pods: readonly Pod[]): readonly string[] {
  const known = new Map(nodes.map((node) => [node.metadata?.name ?? '', node]));
  return addressTypesOf(service)
    .flatMap((type) =>
      pods
        .filter((pod) => isReachable(pod, true))
        .filter((pod) => known.has(pod.spec?.nodeName ?? '') || service.spec?.publishNotReadyAddresses === true)
        .filter((pod) => endpointOf(pod, undefined, service, type) !== undefined)
        .map((pod) => `${type} ${portsKey(portsOf(service, pod))} ${pod.metadata?.name}`),
    )
    .sort();
}

test('once its writes are done, a Service has each endpoint once, in slices that are not too big, and rests', () => {
  fc.assert(
    fc.property(drawWorld, (world) => {
      const alive = { ...world, service: withoutDeletion(world.service) };
      const store = aged(alive);
      const first = run(endpointslice, store, undefined, world.max);
      const slices = slicesIn(store);
      const found = slices.flatMap((slice) =>
        (slice.endpoints ?? []).map((one) => `${slice.addressType} ${portsKey(slice.ports)} ${one.targetRef?.name}`),
      );
      expect(found.sort()).toEqual(wished(alive.service, world.nodes, world.pods));
      for (const { endpoints: list } of slices) expect(list?.length ?? 0).toBeLessThanOrEqual(world.max);
      for (const type of addressTypesOf(alive.service)) {
        expect(slices.some(({ addressType }) => addressType === type)).toBe(true);
      }
      expect(run(endpointslice, store, first.memory, world.max).plan.chains).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a Service that is being deleted gets no new slice', () => {
  fc.assert(
    fc.property(drawWorld, (world) => {
      const service = {
        ...world.service,
        metadata: { ...world.service.metadata, deletionTimestamp: '2026-01-01T00:30:00Z' },
      };
      const { plan } = run(endpointslice, aged({ ...world, service }), undefined, world.max);
      expect(plan.chains.flat().filter(({ verb }) => verb === 'create')).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('Endpoints say every address once for each port, and rest once they are written', () => {
  fc.assert(
    fc.property(drawWorld, ({ service, pods, others }) => {
      const store = fakeStore([service, ...others]);
      const { memory } = run(endpoints, store, undefined, 0);
      for (const pod of others) store.remove(pod);
      for (const pod of pods) store.put(pod);
      const second = run(endpoints, store, memory, 0);
      const made = store.objects().find(({ kind }) => kind === 'Endpoints') as {
        subsets?: { addresses?: Address[]; notReadyAddresses?: Address[]; ports?: object[] }[];
      };
      const said = (made.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [{}] }) =>
        ports.flatMap((port) => [...addresses, ...notReadyAddresses].map(({ ip }) => `${JSON.stringify(port)} ${ip}`)),
      );
      expect(new Set(said).size).toBe(said.length);
      expect(run(endpoints, store, second.memory, 0).plan.chains).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

type Address = { readonly ip: string };
