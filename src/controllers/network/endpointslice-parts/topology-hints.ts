import type { Endpoint, EndpointSlice } from '#core/k8s/types.gen.ts';
import { type Draft, draftOf, endpointsOf, type Slices } from './draft.ts';
import { isEndpointReady } from './endpoint.ts';
import { type Allocation, add, allocate, exchangeOf, type ZoneRatios } from './zones.ts';

export type TopologyResult =
  | { readonly ok: true; readonly create: readonly Draft[]; readonly update: readonly Draft[] }
  /** Why no hints can be given, in upstream's words. */
  | { readonly ok: false; readonly why: string };

const refused = (why: string): TopologyResult => ({ ok: false, why });

/**
 * Gives each zone endpoints in proportion to its CPU. Slices that need not change keep their hints as long as these leave
 * a fair division possible; the rest serve their own zone first, then some are handed to zones that have too few.
 */
export function topologyHints(slices: Slices, ratios: ZoneRatios | undefined): TopologyResult {
  if (ratios === undefined) {
    return refused('Insufficient Node information: allocatable CPU or zone not specified on one or more nodes');
  }
  const ready = readyIn(slices);
  const told = `(${ready} endpoints, ${ratios.size} zones)`;
  if (ratios.size > ready) return refused(`Insufficient number of endpoints ${told}`);
  const allocations = allocate(ratios, ready);
  if (allocations === undefined) {
    return refused(
      `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${told}`,
    );
  }
  const { counts, redo } = standingHints(slices.idle, allocations);
  const update = [...slices.update, ...redo.map((slice) => draftOf(slice))];
  const own = [...slices.create, ...update].map(servingOwnZone);
  if (own.includes(undefined)) return refused('One or more endpoints do not have a zone specified');
  const drafts = own as readonly Draft[];
  for (const { zone = '' } of drafts.flatMap(({ endpoints }) => endpoints.filter(isEndpointReady)))
    add(counts, zone, 1);
  const divided = divide(drafts, allocations, counts);
  return { ok: true, create: divided.slice(0, slices.create.length), update: divided.slice(slices.create.length) };
}

function readyIn({ create, update, idle }: Slices): number {
  const lists = [...create, ...update].map(({ endpoints }) => endpoints);
  return [...lists, ...idle.map(endpointsOf)].flat().filter(isEndpointReady).length;
}

/** Counts the hints of slices that may keep them, and finds those that must be written anew. */
function standingHints(
  idle: readonly EndpointSlice[],
  allocations: ReadonlyMap<string, Allocation>,
): { readonly counts: Map<string, number>; readonly redo: readonly EndpointSlice[] } {
  const counts = new Map<string, number>();
  const redo: EndpointSlice[] = [];
  for (const slice of idle) {
    const zones = hintedZones(slice, allocations, counts);
    if (zones === undefined) redo.push(slice);
    else for (const [zone, count] of zones) add(counts, zone, count);
  }
  return { counts, redo };
}

/** Undefined when an endpoint lacks hints, one is for a zone that gets none, or some zone would have too many. */
function hintedZones(
  slice: EndpointSlice,
  allocations: ReadonlyMap<string, Allocation>,
  counts: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> | undefined {
  const zones = new Map<string, number>();
  for (const { hints } of endpointsOf(slice).filter(isEndpointReady)) {
    const forZones = hints?.forZones ?? [];
    if (forZones.length === 0 || !forZones.every(({ name }) => allocations.has(name))) return undefined;
    for (const { name } of forZones) add(zones, name, 1);
  }
  for (const [zone, count] of zones) {
    if (count + (counts.get(zone) ?? 0) > (allocations.get(zone)?.maximum ?? 0)) return undefined;
  }
  return zones;
}

/** Undefined when a ready endpoint has no zone. */
function servingOwnZone(draft: Draft): Draft | undefined {
  const homeless = draft.endpoints.some((endpoint) => isEndpointReady(endpoint) && (endpoint.zone ?? '') === '');
  if (homeless) return undefined;
  const endpoints = draft.endpoints.map((one) => (isEndpointReady(one) ? serving(one, one.zone ?? '') : one));
  return { ...draft, endpoints };
}

function serving(endpoint: Endpoint, zone: string): Endpoint {
  return { ...endpoint, hints: { forZones: [{ name: zone }] } };
}

/** Hands endpoints of zones that have too many to zones that have too few. */
function divide(
  drafts: readonly Draft[],
  allocations: ReadonlyMap<string, Allocation>,
  counts: ReadonlyMap<string, number>,
): readonly Draft[] {
  const exchange = exchangeOf(allocations, counts);
  const giving = new Map(exchange.giving);
  const receiving = [...exchange.receiving].flatMap(([zone, count]) => new Array<string>(count).fill(zone));
  const handOver = (endpoint: Endpoint): Endpoint => {
    const { zone = '' } = endpoint;
    if (!isEndpointReady(endpoint) || (giving.get(zone) ?? 0) === 0) return endpoint;
    const receiver = receiving.shift();
    if (receiver === undefined) return endpoint;
    add(giving, zone, -1);
    return serving(endpoint, receiver);
  };
  return drafts.map((draft) => ({ ...draft, endpoints: draft.endpoints.map(handOver) }));
}

/** How many endpoints each zone has by the hints of these slices. */
export function zonesServed(slices: readonly EndpointSlice[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { hints } of slices.flatMap(endpointsOf).filter(isEndpointReady)) {
    for (const { name } of hints?.forZones ?? []) add(counts, name, 1);
  }
  return counts;
}
