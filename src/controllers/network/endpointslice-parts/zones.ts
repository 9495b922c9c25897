import type { Node } from '#core/k8s/types.gen.ts';
import { nanoCores } from './cpu.ts';
import { zoneOf } from './endpoint.ts';
import { isNodeReady } from './node.ts';

/** The share of all CPU that each zone has, by zone. */
export type ZoneRatios = ReadonlyMap<string, number>;
/** How many endpoints serve each zone. */
export type ZoneCounts = ReadonlyMap<string, number>;

/** How many endpoints a zone gets. */
export interface Allocation {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

/** How much more than its share of traffic any endpoint may get. */
const OVERLOAD = 0.2;
const LEAST_SHARE = 1 / (1 + OVERLOAD);
const EXCLUDED = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/**
 * Undefined when that cannot be told: one ready worker without a zone or CPU spoils it for all, and so does a cluster
 * of one zone.
 */
export function zoneRatios(nodes: readonly Node[]): ZoneRatios | undefined {
  const cpu = new Map<string, bigint>();
  let total = 0n;
  for (const node of nodes) {
    if (isExcluded(node) || !isNodeReady(node)) continue;
    const zone = zoneOf(node);
    const cores = nanoCores(node.status?.allocatable?.cpu);
    if (zone === '' || cores === 0n) return undefined;
    total += cores;
    cpu.set(zone, (cpu.get(zone) ?? 0n) + cores);
  }
  if (total === 0n || cpu.size < 2) return undefined;
  const ratios = [...cpu].map(([zone, cores]) => [zone, Number(milli(cores)) / Number(milli(total))] as const);
  return new Map(ratios.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isExcluded({ metadata }: Node): boolean {
  return EXCLUDED.some((key) => metadata?.labels !== undefined && Object.hasOwn(metadata.labels, key));
}

/** Rounded up, as quantities are. */
function milli(nano: bigint): bigint {
  return (nano + 999_999n) / 1_000_000n;
}

/** Undefined when some zone could not get enough endpoints without another's being overloaded. */
export function allocate(ratios: ZoneRatios, endpoints: number): ReadonlyMap<string, Allocation> | undefined {
  const least = new Map([...ratios].map(([zone, ratio]) => [zone, minimumOf(ratio * endpoints)]));
  const total = [...least.values()].reduce((sum, minimum) => sum + minimum, 0);
  if (total > endpoints) return undefined;
  const allocations = [...ratios].map(([zone, ratio]) => {
    const minimum = least.get(zone) ?? 0;
    const desired = Math.max(ratio * endpoints, minimum);
    return [zone, { minimum, maximum: minimum + endpoints - total, desired }] as const;
  });
  return new Map(allocations);
}

function minimumOf(share: number): number {
  return Math.ceil(share * LEAST_SHARE);
}

/** Whether a zone has fewer endpoints than its share of CPU asks for, so that they would be overloaded. */
export function isOverloaded(counts: ZoneCounts, ratios: ZoneRatios | undefined): boolean {
  if (counts.size === 0) return false;
  if (ratios === undefined) return true;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...ratios].some(([zone, ratio]) => (counts.get(zone) ?? -1) < Math.ceil(total * ratio * LEAST_SHARE));
}

/** How many endpoints each zone gives to others, and how many each takes from others; the two add up to the same. */
export interface Exchange {
  readonly giving: ReadonlyMap<string, number>;
  readonly receiving: ReadonlyMap<string, number>;
}

/** Whole endpoints go from the zone that has the most too many to the one that misses the most, while that helps both. */
export function exchangeOf(allocations: ReadonlyMap<string, Allocation>, counts: ZoneCounts): Exchange {
  const surplus = new Map<string, number>();
  const lack = new Map<string, number>();
  for (const [zone, { desired }] of allocations) {
    const count = counts.get(zone) ?? 0;
    if (count > desired) surplus.set(zone, count - desired);
    else if (count < desired) lack.set(zone, desired - count);
  }
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  for (;;) {
    const [from, to] = [mostOf(surplus), mostOf(lack)];
    if (from === undefined || to === undefined || !isWorthMoving(from.count, to.count)) return { giving, receiving };
    add(giving, from.zone, 1);
    add(surplus, from.zone, -1);
    add(receiving, to.zone, 1);
    add(lack, to.zone, -1);
  }
}

function isWorthMoving(surplus: number, lack: number): boolean {
  return (surplus >= 1 || lack >= 1) && surplus >= 0.5 && lack >= 0.5;
}

function mostOf(zones: ReadonlyMap<string, number>): { readonly zone: string; readonly count: number } | undefined {
  let most: { zone: string; count: number } | undefined;
  for (const [zone, count] of zones) if (count > (most?.count ?? 0)) most = { zone, count };
  return most;
}

/** Adds to what a zone has; a zone that has nothing yet starts with it. */
export function add(counts: Map<string, number>, zone: string, count: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + count);
}
