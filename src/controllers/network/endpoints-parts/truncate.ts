import type { EndpointAddress, EndpointSubset } from '#core/k8s/types.gen.ts';

/** Says on Endpoints that some addresses had no room. */
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
/** The most addresses that one Endpoints object holds. */
export const MOST_ADDRESSES = 1000;

/**
 * At most a thousand addresses, ready ones first, each subset by its share. Undefined when there is room for all. A subset
 * that is left without addresses goes: the API server refuses one.
 */
export function truncated(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] | undefined {
  const ready = total(subsets, ({ addresses }) => addresses);
  const others = total(subsets, ({ notReadyAddresses }) => notReadyAddresses);
  if (ready + others <= MOST_ADDRESSES) return undefined;
  const cut =
    ready > MOST_ADDRESSES
      ? shares(subsets, ({ addresses }) => addresses, ready, MOST_ADDRESSES).map((kept, at) =>
          withAddresses(subsets[at], kept, []),
        )
      : shares(subsets, ({ notReadyAddresses }) => notReadyAddresses, others, MOST_ADDRESSES - ready).map((kept, at) =>
          withAddresses(subsets[at], subsets[at]?.addresses ?? [], kept),
        );
  return cut.filter(({ addresses, notReadyAddresses }) => addresses !== undefined || notReadyAddresses !== undefined);
}

type Addresses = readonly EndpointAddress[];
type Pick = (subset: EndpointSubset) => Addresses | undefined;

function total(subsets: readonly EndpointSubset[], pick: Pick): number {
  return subsets.reduce((sum, subset) => sum + (pick(subset) ?? []).length, 0);
}

/** The first addresses of each subset, by its share of all; rounding up leaves the last ones less. */
function shares(subsets: readonly EndpointSubset[], pick: Pick, all: number, room: number): readonly Addresses[] {
  let left = room;
  return subsets.map((subset) => {
    const addresses = pick(subset) ?? [];
    const kept = addresses.slice(0, Math.min(Math.ceil((addresses.length / all) * room), left));
    left -= kept.length;
    return kept;
  });
}

function withAddresses({ ports }: EndpointSubset = {}, ready: Addresses, others: Addresses): EndpointSubset {
  return {
    ...(ready.length > 0 && { addresses: ready }),
    ...(others.length > 0 && { notReadyAddresses: others }),
    ...(ports !== undefined && { ports }),
  };
}
