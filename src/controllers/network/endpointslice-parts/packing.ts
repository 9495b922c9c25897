import type { Endpoint, EndpointPort, EndpointSlice, Service } from '#core/k8s/types.gen.ts';
import { type Changes, type Draft, draftOf, endpointsOf, hasOtherLabels, labelsOf } from './draft.ts';
import { type AddressType, agree, endpointKey } from './endpoint.ts';

/** Endpoints that belong into slices of the same ports and address type. */
export interface Group {
  readonly addressType: AddressType;
  readonly ports: readonly EndpointPort[];
  /** By their key. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/**
 * Spreads a group over its slices with as few writes as upstream: what is there stays where it is, what is new goes into
 * slices that are written anyway, fullest first, then the rest into the one slice it fits best, else into new ones.
 * Slices are never balanced.
 */
export function pack(service: Service, slices: readonly EndpointSlice[], group: Group, max: number): Changes {
  const left = new Map(group.endpoints);
  const { update, idle, remove } = keep(service, slices, left);
  const filled = fill(update, left, max);
  const { create, taken } = place(service, idle, left, group, max);
  return { create, update: [...filled, ...taken], remove };
}

interface Kept {
  readonly update: readonly Draft[];
  /** Slices in which nothing changes. */
  readonly idle: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** Step 1: takes out what is not wanted any more and updates what changed; takes what it finds out of `left`. */
function keep(service: Service, slices: readonly EndpointSlice[], left: Map<string, Endpoint>): Kept {
  const labels = labelsOf(service);
  const kept = { update: [] as Draft[], idle: [] as EndpointSlice[], remove: [] as EndpointSlice[] };
  for (const slice of slices) {
    const had = endpointsOf(slice);
    const { endpoints, changed } = wantedOf(had, left);
    if (changed && endpoints.length === 0) kept.remove.push(slice);
    else if (changed) kept.update.push(draftOf(slice, { endpoints, labels }));
    else if (hasOtherLabels(slice, service)) kept.update.push(draftOf(slice, { labels }));
    else kept.idle.push(slice);
  }
  return kept;
}

function wantedOf(
  had: readonly Endpoint[],
  left: Map<string, Endpoint>,
): { readonly endpoints: readonly Endpoint[]; readonly changed: boolean } {
  const endpoints: Endpoint[] = [];
  let changed = false;
  for (const endpoint of had) {
    const key = endpointKey(endpoint);
    const wished = left.get(key);
    if (wished === undefined) continue;
    left.delete(key);
    endpoints.push(wished);
    changed ||= !agree(endpoint, wished);
  }
  return { endpoints, changed: changed || endpoints.length !== had.length };
}

/** Step 2: fills slices that are written anyway, the fullest first. */
function fill(drafts: readonly Draft[], left: Map<string, Endpoint>, max: number): readonly Draft[] {
  const fullestFirst = drafts.toSorted((a, b) => b.endpoints.length - a.endpoints.length);
  return fullestFirst.map((draft) => topUp(draft, left, max));
}

/** Step 3: what is left goes into one slice that had no change, if all of it fits, else into new ones. */
function place(
  service: Service,
  idle: readonly EndpointSlice[],
  left: Map<string, Endpoint>,
  { addressType, ports }: Group,
  max: number,
): { readonly create: readonly Draft[]; readonly taken: readonly Draft[] } {
  const create: Draft[] = [];
  const taken: Draft[] = [];
  while (left.size > 0) {
    const slice = left.size < max ? bestFor(idle, left.size, max) : undefined;
    if (slice !== undefined) taken.push(topUp(draftOf(slice), left, max));
    else create.push(topUp({ addressType, ports, labels: labelsOf(service), endpoints: [] }, left, max));
  }
  return { create, taken };
}

/** The slice that so many more endpoints fill the most, without bursting it. */
function bestFor(slices: readonly EndpointSlice[], count: number, max: number): EndpointSlice | undefined {
  let best: EndpointSlice | undefined;
  let least = max;
  for (const slice of slices) {
    const room = max - (count + endpointsOf(slice).length);
    if (room >= 0 && room < least) [best, least] = [slice, room];
  }
  return best;
}

function topUp(draft: Draft, left: Map<string, Endpoint>, max: number): Draft {
  const room = max - draft.endpoints.length;
  if (room <= 0 || left.size === 0) return draft;
  const more: Endpoint[] = [];
  for (const [key, endpoint] of left) {
    if (more.length >= room) break;
    left.delete(key);
    more.push(endpoint);
  }
  return { ...draft, endpoints: [...draft.endpoints, ...more] };
}
