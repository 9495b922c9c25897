import { parseIp } from '#core/ip.ts';
import { jsonEqual } from '#core/json.ts';
import type {
  CoreEndpointPort,
  EndpointAddress,
  EndpointSubset,
  ObjectReference,
  Pod,
  Service,
} from '#core/k8s/types.gen.ts';
import { isReady } from '#core/pod.ts';
import { hostnameIn, isReachable } from '../service-pods/membership.ts';
import { targetsOn } from '../service-pods/ports.ts';
import { repack } from './repack.ts';

/** Whether pods count that are not ready, or are leaving. */
export function alsoUnready({ spec }: Service): boolean {
  return spec?.publishNotReadyAddresses === true;
}

/** The subsets of a Service whose pods these are, in canonical layout, of whatever size. */
export function subsetsOf(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const all = alsoUnready(service);
  const subsets = pods.flatMap((pod): EndpointSubset[] => {
    const address = isReachable(pod, all) ? addressOf(service, pod) : undefined;
    if (address === undefined) return [];
    const addresses = all || isReady(pod) ? { addresses: [address] } : { notReadyAddresses: [address] };
    return portsOf(service, pod).map((port) => ({ ...addresses, ...(port !== undefined && { ports: [port] }) }));
  });
  return repack(subsets);
}

/** Undefined when the pod has no address of the Service's first family. */
function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const family = familyOf(service, pod);
  const ips = (pod.status?.podIPs ?? []).map(({ ip }) => parseIp(ip));
  const ip = ips.find((one) => one?.family === family)?.text;
  if (ip === undefined) return undefined;
  const { namespace, name, uid } = pod.metadata ?? {};
  const hostname = hostnameIn(service, pod);
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    nodeName: pod.spec?.nodeName ?? '',
    targetRef: { kind: 'Pod', namespace, name, uid } as ObjectReference,
  };
}

/** Where the API server has not said it: that of the cluster IP, else that of the pod. */
function familyOf({ spec }: Service, pod: Pod): string {
  const { ipFamilies = [], clusterIP = '' } = spec ?? {};
  if (ipFamilies[0] !== undefined) return ipFamilies[0] === 'IPv6' ? 'IPv6' : 'IPv4';
  const headless = clusterIP === '' || clusterIP === 'None';
  return parseIp(headless ? (pod.status?.podIP ?? '') : clusterIP)?.family ?? 'IPv4';
}

/** One undefined port for a headless Service without ports: its addresses count all the same. */
function portsOf({ spec }: Service, pod: Pod): readonly (CoreEndpointPort | undefined)[] {
  const { ports = [], clusterIP } = spec ?? {};
  if (ports.length === 0) return clusterIP === 'None' ? [undefined] : [];
  const target = targetsOn(pod);
  return ports.flatMap((port): CoreEndpointPort[] => {
    const number = target(port);
    if (number === undefined) return [];
    const { name = '', protocol, appProtocol } = port;
    return [
      {
        ...(name !== '' && { name }),
        port: number,
        ...(protocol !== undefined && { protocol }),
        ...(appProtocol !== undefined && { appProtocol }),
      },
    ];
  });
}

/** Whether what is there says the same, in whatever layout, and whatever version of the pods it names. */
export function sayTheSame(there: readonly EndpointSubset[] | undefined, wished: readonly EndpointSubset[]): boolean {
  const plain = (there ?? []).map(withoutVersions);
  return jsonEqual(plain, wished) || jsonEqual(repack(plain), wished);
}

function withoutVersions(subset: EndpointSubset): EndpointSubset {
  const strip = (address: EndpointAddress): EndpointAddress => {
    if (address.targetRef?.resourceVersion === undefined) return address;
    const { resourceVersion: _, ...targetRef } = address.targetRef;
    return { ...address, targetRef };
  };
  const { addresses, notReadyAddresses, ports } = subset;
  return {
    ...((addresses ?? []).length > 0 && { addresses: addresses?.map(strip) ?? [] }),
    ...((notReadyAddresses ?? []).length > 0 && { notReadyAddresses: notReadyAddresses?.map(strip) ?? [] }),
    ...((ports ?? []).length > 0 && { ports: ports ?? [] }),
  };
}
