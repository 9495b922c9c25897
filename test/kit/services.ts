import { deepFreeze } from '#core/json.ts';
import type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  Node,
  ObjectMeta,
  Pod,
  Service,
  ServicePort,
  ServiceSpec,
} from '#core/k8s/types.gen.ts';
import { pod } from './build.ts';

type Meta = Partial<ObjectMeta>;
const BORN = '2026-01-01T00:00:00Z';

const metadata = (name: string, namespace: string | undefined, more: Meta = {}): ObjectMeta => ({
  ...(namespace !== undefined && { namespace }),
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: BORN,
  ...more,
});

export const HTTP: ServicePort = { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' };

/** A Service `default/web` with a cluster IP that selects `app: web` and has one port. */
export function service(spec: ServiceSpec = {}, more: Meta = {}): Service {
  const whole = {
    type: 'ClusterIP',
    clusterIP: '10.96.0.1',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [HTTP],
    ...spec,
  };
  // What is given as undefined is not there: as the API server would leave it out.
  return deepFreeze(
    JSON.parse(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: metadata(more.name ?? 'web', more.namespace ?? 'default', more),
        spec: whole,
      }),
    ) as Service,
  );
}

/** A pod `app: web` with that number as its address, on `node-1`. */
export function server(nth: number, wish: Parameters<typeof pod>[0] & { readonly ips?: readonly string[] } = {}): Pod {
  const { ips = [`10.0.${nth >> 8}.${nth & 255}`], ...rest } = wish;
  return pod({
    name: `web-${nth}`,
    ...rest,
    status: { podIP: ips[0] ?? '', podIPs: ips.map((ip) => ({ ip })), ...readyStatus(wish), ...wish.status },
  });
}

function readyStatus({ phase = 'Running', readySince = BORN }: { phase?: string; readySince?: string }) {
  const status = readySince === '' ? 'False' : 'True';
  const lastTransitionTime = readySince === '' ? BORN : readySince;
  return { phase, conditions: [{ type: 'Ready', status, lastTransitionTime }] };
}

/** A ready worker with four cores; in a zone, if one is named. */
export function worker(name: string, zone?: string, cpu = '4', more: Meta = {}, ready = 'True'): Node {
  const labels = { ...(zone !== undefined && { 'topology.kubernetes.io/zone': zone }), ...more.labels };
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(name, undefined, { ...more, labels }),
    status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
  });
}

/** The endpoint that a ready `server` of that number is. */
export function endpoint(nth: number, more: Partial<Endpoint> = {}): Endpoint {
  return {
    addresses: [`10.0.${nth >> 8}.${nth & 255}`],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace: 'default', name: `web-${nth}`, uid: `uid-web-${nth}` },
    nodeName: 'node-1',
    ...more,
  };
}

export const SLICE_LABELS = {
  'kubernetes.io/service-name': 'web',
  'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
};
export const WEB_OWNER = {
  apiVersion: 'v1',
  kind: 'Service',
  name: 'web',
  uid: 'uid-web',
  controller: true,
  blockOwnerDeletion: true,
};
export const PORTS: readonly EndpointPort[] = [{ name: 'http', port: 8080, protocol: 'TCP' }];

/** A slice of `default/web`, as the controller makes it. */
export function slice(
  name: string,
  endpoints: readonly Endpoint[],
  more: Partial<EndpointSlice> = {},
  meta: Meta = {},
): EndpointSlice {
  return deepFreeze({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(name, 'default', {
      generateName: 'web-',
      labels: SLICE_LABELS,
      ownerReferences: [WEB_OWNER],
      ...meta,
    }),
    addressType: 'IPv4',
    ports: PORTS,
    endpoints,
    ...more,
  });
}

/** Endpoints `default/web`, as the controller makes them. */
export function endpointsObject(subsets: readonly EndpointSubset[], meta: Meta = {}): Endpoints {
  return deepFreeze({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: metadata('web', 'default', {
      labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
      ...meta,
    }),
    ...(subsets.length > 0 && { subsets }),
  });
}
