import { normal, warning } from '#core/events.ts';
import type { Endpoint, Node, Service } from '#core/k8s/types.gen.ts';
import type { PlannedEvent } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { Draft, Slices } from './draft.ts';
import { draftOf, endpointsOf } from './draft.ts';
import type { AddressType } from './endpoint.ts';
import { topologyHints } from './topology-hints.ts';
import { isTrafficDistribution, trafficHints } from './traffic-hints.ts';
import { zoneRatios } from './zones.ts';

export interface Hinted {
  readonly create: readonly Draft[];
  readonly update: readonly Draft[];
  readonly events: readonly PlannedEvent[];
  /** Whether a Service's endpoints carry hints by CPU now: whoever turned them on is told once, and once when they go. */
  readonly populated: boolean;
}

const ANNOTATIONS = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'];

/** Whether a Service asks for hints in proportion to the zones' CPU. The deprecated annotation wins. */
export function wantsTopology({ metadata }: Service): boolean {
  const annotations = metadata?.annotations ?? {};
  const key = ANNOTATIONS.find((one) => Object.hasOwn(annotations, one));
  const value = key === undefined ? undefined : annotations[key];
  return value === 'Auto' || value === 'auto';
}

/** Puts hints on the endpoints as the Service wishes, or takes them off. `nodes` is asked only where zones are weighed. */
export function hint(
  service: Service,
  type: AddressType,
  slices: Slices,
  populated: boolean,
  nodes: () => readonly Node[],
): Hinted {
  const event = (tell: typeof normal, reason: string, message: string) =>
    tell(refOf('core/services', service), reason, `${message}, addressType: ${type}`);
  if (wantsTopology(service)) {
    const result = topologyHints(slices, zoneRatios(nodes()));
    if (!result.ok) {
      return { ...bare(slices), events: [event(warning, DISABLED, result.why)], populated: false };
    }
    const enabled = event(normal, 'TopologyAwareHintsEnabled', 'Topology Aware Hints has been enabled');
    return { create: result.create, update: result.update, events: populated ? [] : [enabled], populated: true };
  }
  const events = populated ? [event(warning, DISABLED, 'Topology Aware Hints has been disabled')] : [];
  const distribution = service.spec?.trafficDistribution;
  const rest = isTrafficDistribution(distribution) ? trafficHints(slices, distribution) : bare(slices);
  return { ...rest, events, populated: false };
}

const DISABLED = 'TopologyAwareHintsDisabled';

/** Without any hint; slices that only lose theirs are written as well. */
function bare({ create, update, idle }: Slices): Pick<Slices, 'create' | 'update'> {
  const strip = (draft: Draft): Draft => ({ ...draft, endpoints: draft.endpoints.map(withoutHints) });
  const hinted = idle.filter((slice) => endpointsOf(slice).some(({ hints }) => hints !== undefined));
  return { create: create.map(strip), update: [...update, ...hinted.map((slice) => draftOf(slice))].map(strip) };
}

function withoutHints(endpoint: Endpoint): Endpoint {
  const { hints: _, ...rest } = endpoint;
  return rest;
}
