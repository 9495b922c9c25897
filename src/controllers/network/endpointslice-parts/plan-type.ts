import type { Endpoint, EndpointPort, EndpointSlice, Node, Pod, Service } from '#core/k8s/types.gen.ts';
import { isReachable } from '../service-pods/membership.ts';
import { type Changes, isOwned, labelsOf } from './draft.ts';
import { type AddressType, endpointKey, endpointOf, portsKey, portsOf } from './endpoint.ts';
import { type Group, pack } from './packing.ts';
import { isPlaceholder, placeholderFor } from './placeholder.ts';

export interface Given {
  readonly service: Service;
  /** All that the Service selects. */
  readonly pods: readonly Pod[];
  /** The node of that name, if there is one. */
  readonly nodeOf: (name: string) => Node | undefined;
  readonly max: number;
}

/** Endpoints of one address type by their ports, and the pods that were left out because their node is not known. */
interface Wished {
  readonly groups: ReadonlyMap<string, Group>;
  readonly lost: readonly Pod[];
}

export interface Planned extends Changes {
  readonly lost: readonly Pod[];
}

/** What becomes of a Service's slices of one address type, before hints. */
export function planType(given: Given, slices: readonly EndpointSlice[], type: AddressType): Planned {
  const { service, max } = given;
  const { groups, lost } = wishedOf(given, type);
  const owned = Map.groupBy(
    slices.filter((slice) => isOwned(slice, service)),
    (slice) => portsKey(slice.ports),
  );
  const packed = [...groups].map(([key, group]) => pack(service, owned.get(key) ?? [], group, max));
  const create = packed.flatMap((changes) => changes.create);
  const update = packed.flatMap((changes) => changes.update);
  const remove = [
    ...slices.filter((slice) => !isOwned(slice, service)),
    ...packed.flatMap((changes) => changes.remove),
    ...[...owned].flatMap(([key, of]) => (groups.has(key) ? [] : of)),
  ];
  if (create.length > 0 || remove.length < slices.length) return { create, update, remove, lost };
  return { ...standIn(service, type, remove), lost };
}

/** A Service is never without a slice of each address type: whoever watches could not tell an empty one from a missing one. */
function standIn(service: Service, type: AddressType, remove: readonly EndpointSlice[]): Changes {
  const [only] = remove;
  const labels = labelsOf(service);
  if (remove.length === 1 && only !== undefined && isPlaceholder(only, labels)) {
    return { create: [], update: [], remove: [] };
  }
  return { create: [placeholderFor(type, labels)], update: [], remove };
}

function wishedOf({ service, pods, nodeOf }: Given, type: AddressType): Wished {
  const groups = new Map<string, { addressType: AddressType; ports: readonly EndpointPort[]; endpoints: Endpoints }>();
  const lost: Pod[] = [];
  for (const pod of pods) {
    if (!isReachable(pod, true)) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { addressType: type, ports, endpoints: new Map() };
    groups.set(key, group);
    const node = nodeOf(pod.spec?.nodeName ?? '');
    if (node === undefined && service.spec?.publishNotReadyAddresses !== true) {
      lost.push(pod);
      continue;
    }
    const endpoint = endpointOf(pod, node, service, type);
    if (endpoint !== undefined) group.endpoints.set(endpointKey(endpoint), endpoint);
  }
  return { groups, lost };
}

type Endpoints = Map<string, Endpoint>;
