import { jsonEqual } from '#core/json.ts';
import type { Endpoint, EndpointHints } from '#core/k8s/types.gen.ts';
import { type Draft, draftOf, endpointsOf, type Slices } from './draft.ts';
import { isEndpointReady } from './endpoint.ts';

const DISTRIBUTIONS: ReadonlySet<string | undefined> = new Set(['PreferClose', 'PreferSameZone', 'PreferSameNode']);

export function isTrafficDistribution(distribution: string | undefined): distribution is string {
  return DISTRIBUTIONS.has(distribution);
}

/** Each ready endpoint serves its own zone and, if wished, its own node. What others carry is left as it is: nobody reads it. */
export function trafficHints(
  { create, update, idle }: Slices,
  distribution: string,
): { readonly create: readonly Draft[]; readonly update: readonly Draft[] } {
  const byNode = distribution === 'PreferSameNode';
  const wrong = idle.filter((slice) => endpointsOf(slice).some((endpoint) => !isRight(endpoint, byNode)));
  const set = (draft: Draft): Draft => ({ ...draft, endpoints: draft.endpoints.map((one) => hinted(one, byNode)) });
  return { create: create.map(set), update: [...update, ...wrong.map((slice) => draftOf(slice))].map(set) };
}

function isRight(endpoint: Endpoint, byNode: boolean): boolean {
  if (!isEndpointReady(endpoint)) return true;
  const wished = hintsOf(endpoint, byNode);
  const { forZones = [], forNodes = [] } = endpoint.hints ?? {};
  return jsonEqual(forZones, wished.forZones ?? []) && jsonEqual(forNodes, wished.forNodes ?? []);
}

function hinted(endpoint: Endpoint, byNode: boolean): Endpoint {
  if (!isEndpointReady(endpoint)) return endpoint;
  const { hints: _, ...rest } = endpoint;
  const hints = hintsOf(endpoint, byNode);
  return hints.forZones === undefined && hints.forNodes === undefined ? rest : { ...rest, hints };
}

function hintsOf({ zone, nodeName }: Endpoint, byNode: boolean): EndpointHints {
  return {
    ...(zone !== undefined && { forZones: [{ name: zone }] }),
    ...(byNode && nodeName !== undefined && { forNodes: [{ name: nodeName }] }),
  };
}
