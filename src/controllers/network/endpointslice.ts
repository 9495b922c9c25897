import { allow, defineController, type Input, requires } from '#core/controller.ts';
import { warning } from '#core/events.ts';
import type { EndpointSlice, Pod, Service } from '#core/k8s/types.gen.ts';
import { refusal, wentThrough } from '#core/outcome.ts';
import { nothing, type Outcomes, type Plan, type PlannedEvent, type Write } from '#core/plan.ts';
import { keyOfObject, refOf } from '#core/ref.ts';
import { isManaged, serviceNameOf } from './endpointslice-parts/draft.ts';
import { addressTypesOf } from './endpointslice-parts/endpoint.ts';
import { hint, wantsTopology } from './endpointslice-parts/hints.ts';
import { memoryAfter, RETRY, remembered, waitAfter, withFormerTimes } from './endpointslice-parts/memory.ts';
import { type Given, type Planned, planType } from './endpointslice-parts/plan-type.ts';
import { zonesServed } from './endpointslice-parts/topology-hints.ts';
import { wakesForNode, wakesForPod, wakesForSlice } from './endpointslice-parts/wakes.ts';
import { removal, writesOf } from './endpointslice-parts/writes.ts';
import { isOverloaded, zoneRatios } from './endpointslice-parts/zones.ts';
import { followsPods, isReachable, podsOf } from './service-pods/membership.ts';
import { overBound } from './service-pods/ports.ts';
import { triggerOf } from './service-pods/trigger-time.ts';

type Listed = 'core/services' | 'core/pods' | 'core/nodes' | 'discovery.k8s.io/endpointslices';
type ServiceInput = Input<Listed, Service>;

const MAX_ENDPOINTS = 100;
const SERVICES = 'endpoint_slice';

/** Slices of a Service that is gone go with it, by their owner reference. */
export const endpointslice = defineController({
  name: 'endpointslice',
  upstreamRole: 'endpointslice-controller',
  does: 'Keeps the EndpointSlices of each Service that selects pods.',
  events: true,
  rbac: [
    allow('core/services', 'list', 'watch'),
    allow('core/pods', 'list', 'watch'),
    allow('core/nodes', 'list', 'watch'),
    allow('discovery.k8s.io/endpointslices', 'list', 'watch', 'create', 'patch', 'delete'),
    requires('', 'services/finalizers', ['update'], 'slices carry an owner reference with blockOwnerDeletion'),
  ],
  loops: [
    {
      queue: SERVICES,
      key: 'core/services',
      on: {
        'core/pods': wakesForPod,
        'discovery.k8s.io/endpointslices': (old, now, _, settings) => wakesForSlice(old, now, settings),
      },
      workers: 5,
      workersFlag: 'concurrent-service-endpoint-syncs',
      backoff: RETRY,
      reconcile,
      settle,
    },
    {
      queue: 'endpoint_slice_node_topology',
      key: 'singleton',
      on: { 'core/nodes': (old, now) => wakesForNode(old, now) },
      workers: 1,
      reconcile: weighZones,
    },
  ],
});

function reconcile(input: ServiceInput): Plan {
  const { object: service, view, memory, settings, now } = input;
  if (service === undefined) return nothing('gone', { memory: null });
  if (!followsPods(service)) return nothing('no-pods-to-follow');
  const before = remembered(memory);
  const pods = podsOf(service, view);
  const reachable = pods.filter((pod) => isReachable(pod, true));
  const over = overBound(service, reachable, { regarding: refOf('core/services', service), reason: FAILED });
  if (over !== undefined) return nothing('too-many-ports', { events: [over] });
  const slices = slicesOf(service, input);
  const { time, seen } = triggerOf(service, pods, before.times);
  const given: Given = {
    service,
    pods,
    nodeOf: (name) => view.get('core/nodes', { name }),
    max: settings.maxEndpointsPerSlice ?? MAX_ENDPOINTS,
  };
  const { chains, events, lost, hinted } = planTypes(given, slices, before.hinted, input, time);
  const wait = waitAfter(before.wait, lost.length > 0, now.mono);
  return {
    reason: chains.length > 0 ? 'slices' : lost.length > 0 ? 'nodes-unknown' : 'in-order',
    chains,
    events: [...events, ...lostEvents(service, lost)],
    ...memoryAfter(memory, { times: seen, hinted, wait }),
    ...(wait.due !== undefined && { requeueAfter: wait.due - now.mono }),
  };
}

/** The slices that say to be this Service's and ours, but those that are being deleted. */
function slicesOf(service: Service, { view }: ServiceInput): readonly EndpointSlice[] {
  const { namespace, name } = service.metadata ?? {};
  return view
    .list('discovery.k8s.io/endpointslices', namespace)
    .filter((slice) => isManaged(slice) && serviceNameOf(slice) === name)
    .filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
}

interface Result {
  readonly chains: readonly (readonly Write[])[];
  readonly events: readonly PlannedEvent[];
  readonly lost: readonly Pod[];
  readonly hinted: boolean;
}

/** A chain for each address type, and one for each slice of a type that the Service has no more. */
function planTypes(
  given: Given,
  slices: readonly EndpointSlice[],
  hinted: boolean,
  { view }: ServiceInput,
  triggerTime: string | undefined,
): Result {
  const types = addressTypesOf(given.service);
  const others = slices.filter(({ addressType }) => !types.some((type) => type === addressType));
  // As upstream, a Service that gives up an address type counts as one without hints.
  let result: Result = { chains: [], events: [], lost: [], hinted: hinted && others.length === 0 };
  for (const type of types) {
    const own = slices.filter(({ addressType }) => addressType === type);
    const planned = planType(given, own, type);
    const idle = idleOf(own, planned);
    const { create, update, events, populated } = hint(
      given.service,
      type,
      { create: planned.create, update: planned.update, idle },
      result.hinted,
      () => view.list('core/nodes'),
    );
    const chain = writesOf(given.service, { create, update, remove: planned.remove }, triggerTime);
    result = {
      chains: [...result.chains, chain],
      events: [...result.events, ...events],
      lost: planned.lost,
      hinted: populated,
    };
  }
  const chains = [...result.chains, ...others.map((slice) => [removal(slice, 'address-type')])];
  return { ...result, chains: chains.filter((chain) => chain.length > 0) };
}

function idleOf(slices: readonly EndpointSlice[], { update, remove }: Planned): readonly EndpointSlice[] {
  const touched = new Set([...update.map(({ before }) => before), ...remove]);
  return slices.filter((slice) => !touched.has(slice));
}

const FAILED = 'FailedToUpdateEndpointSlices';

function failure(service: Service, why: readonly string[]): readonly PlannedEvent[] {
  const distinct = [...new Set(why)];
  if (distinct.length === 0) return [];
  const all = distinct.length === 1 ? distinct[0] : `[${distinct.join(', ')}]`;
  const message = `Error updating Endpoint Slices for Service ${keyOfObject(service)}: ${all}`;
  return [warning(refOf('core/services', service), FAILED, message)];
}

/** A pod on a node that is not known is left out, and asked for again: the node may only be late. */
function lostEvents(service: Service, lost: readonly Pod[]): readonly PlannedEvent[] {
  const why = lost.map(
    ({ metadata, spec }) =>
      `skipping Pod ${metadata?.name} for Service ${keyOfObject(service)}: Node ${spec?.nodeName ?? ''} Not Found`,
  );
  return failure(service, why);
}

function settle({ object: service, memory }: ServiceInput, outcomes: Outcomes, plan: Plan): Plan {
  const all = outcomes.flat();
  if (service === undefined || all.every(wentThrough)) return nothing('settled');
  const why = all.flatMap((outcome) => refusal(outcome) ?? []);
  return nothing('failed', { events: failure(service, why), memory: withFormerTimes(plan.memory, memory) });
}

/** After a change of the nodes: Services with hints whose zones would now be overloaded are divided anew. */
function weighZones({ view }: Input<Listed, undefined>): Plan {
  const ratios = zoneRatios(view.list('core/nodes'));
  const overloaded = view.list('core/services').filter((service) => {
    if (!wantsTopology(service) || !followsPods(service)) return false;
    const slices = view.controlledBy('discovery.k8s.io/endpointslices', service.metadata?.uid ?? '').filter(isManaged);
    const types = Map.groupBy(slices, ({ addressType }) => addressType);
    return [...types.values()].some((ofType) => isOverloaded(zonesServed(ofType), ratios));
  });
  if (overloaded.length === 0) return nothing('balanced');
  return nothing('overloaded', {
    enqueue: overloaded.map((service) => ({ loop: SERVICES, key: keyOfObject(service) })),
  });
}
