import { parseIp } from '#core/ip.ts';
import { canonical, jsonEqual } from '#core/json.ts';
import type { Endpoint, EndpointPort, Node, ObjectReference, Pod, Service } from '#core/k8s/types.gen.ts';
import { isReady } from '#core/pod.ts';
import { hostnameIn } from '../service-pods/membership.ts';
import { targetsOn } from '../service-pods/ports.ts';

export type AddressType = 'IPv4' | 'IPv6';

const ZONE = 'topology.kubernetes.io/zone';

/** The address types that a Service has slices of: its families; where the API server has not said, as upstream guesses. */
export function addressTypesOf(service: Service): readonly AddressType[] {
  const { ipFamilies = [], clusterIP = '' } = service.spec ?? {};
  const both = ['IPv4', 'IPv6'] as const;
  const named = both.filter((type) => ipFamilies.includes(type));
  if (named.length > 0) return named;
  if (clusterIP === '' || clusterIP === 'None') return both;
  return [parseIp(clusterIP)?.family ?? 'IPv4'];
}

/** A pod as an endpoint of one address type; undefined when it has no address of it. */
export function endpointOf(
  pod: Pod,
  node: Node | undefined,
  service: Service,
  type: AddressType,
): Endpoint | undefined {
  const addresses = addressesOf(pod, type);
  if (addresses.length === 0) return undefined;
  const { namespace, name, uid } = pod.metadata ?? {};
  const serving = isReady(pod);
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { nodeName = '' } = pod.spec ?? {};
  const zone = zoneOf(node);
  const hostname = hostnameIn(service, pod);
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid } as ObjectReference,
    ...(nodeName !== '' && { nodeName }),
    ...(zone !== '' && { zone }),
  };
}

function addressesOf(pod: Pod, type: AddressType): readonly string[] {
  const ips = (pod.status?.podIPs ?? []).map(({ ip }) => parseIp(ip));
  return ips.flatMap((ip) => (ip?.family === type ? [ip.text] : [])).sort();
}

/** The zone that a node's labels name; empty when they name none. */
export function zoneOf(node: Node | undefined): string {
  const labels = node?.metadata?.labels ?? {};
  return Object.hasOwn(labels, ZONE) ? (labels[ZONE] ?? '') : '';
}

/** The Service's ports as this pod has them; those whose target it does not name are left out. */
export function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  const target = targetsOn(pod);
  return (service.spec?.ports ?? []).flatMap((port): EndpointPort[] => {
    const number = target(port);
    if (number === undefined) return [];
    const { name = '', protocol, appProtocol } = port;
    return [
      {
        name,
        port: number,
        ...(protocol !== undefined && { protocol }),
        ...(appProtocol !== undefined && { appProtocol }),
      },
    ];
  });
}

/** Slices are grouped by their ports, in whatever order they stand. */
export function portsKey(ports: readonly EndpointPort[] | undefined | null): string {
  return (ports ?? [])
    .map((port) => canonical(port))
    .sort()
    .join('\n');
}

/** What makes an endpoint the same one, so that the rest of it can change in place. */
export function endpointKey({ addresses, hostname = '', targetRef }: Endpoint): string {
  return JSON.stringify([[...addresses].sort(), hostname, targetRef?.namespace ?? '', targetRef?.name ?? '']);
}

/** Whether two endpoints of the same key agree in all that is written; hints are not compared, they follow later. */
export function agree(a: Endpoint, b: Endpoint): boolean {
  return (
    a.nodeName === b.nodeName &&
    a.zone === b.zone &&
    a.conditions?.ready === b.conditions?.ready &&
    a.conditions?.serving === b.conditions?.serving &&
    a.conditions?.terminating === b.conditions?.terminating &&
    jsonEqual(withoutVersion(a.targetRef), withoutVersion(b.targetRef))
  );
}

function withoutVersion(reference: ObjectReference | undefined): ObjectReference | undefined {
  return reference === undefined ? undefined : { ...reference, resourceVersion: undefined as never };
}

export function isEndpointReady(endpoint: Endpoint): boolean {
  return endpoint.conditions?.ready === true;
}
