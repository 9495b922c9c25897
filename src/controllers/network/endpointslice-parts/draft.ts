import { jsonEqual } from '#core/json.ts';
import type { Endpoint, EndpointPort, EndpointSlice, OwnerReference, Service } from '#core/k8s/types.gen.ts';
import type { Labels } from '#core/selector.ts';
import { isHeadless } from '../service-pods/membership.ts';
import type { AddressType } from './endpoint.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
/** Upstream's, so that its slices are ours after a migration, and ours are its after the way back. */
export const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
const RESERVED: ReadonlySet<string> = new Set([SERVICE_NAME, MANAGED_BY, HEADLESS]);

/** A slice as it shall be; `before` is the one that becomes it, absent where one is made. */
export interface Draft {
  readonly before?: EndpointSlice;
  readonly addressType: AddressType;
  readonly labels: Labels;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** The slices of one address type: what is made, what is written anyway, and what would stay as it is. */
export interface Slices {
  readonly create: readonly Draft[];
  readonly update: readonly Draft[];
  readonly idle: readonly EndpointSlice[];
}

/** What becomes of the slices of one address type. */
export interface Changes {
  readonly create: readonly Draft[];
  readonly update: readonly Draft[];
  readonly remove: readonly EndpointSlice[];
}

export const endpointsOf = (slice: EndpointSlice): readonly Endpoint[] => slice.endpoints ?? [];

/** An existing slice with other endpoints, or as it is. */
export function draftOf(slice: EndpointSlice, change: Partial<Pick<Draft, 'endpoints' | 'labels'>> = {}): Draft {
  return {
    before: slice,
    addressType: slice.addressType as AddressType,
    labels: slice.metadata?.labels ?? {},
    ports: slice.ports ?? [],
    endpoints: endpointsOf(slice),
    ...change,
  };
}

/** Whether writing it would change something beside the time of its change. */
export function isChange({ before, labels, ports, endpoints }: Draft): boolean {
  if (before === undefined) return true;
  return !(
    jsonEqual(before.metadata?.labels ?? {}, labels) &&
    jsonEqual(endpointsOf(before), endpoints) &&
    jsonEqual(before.ports ?? [], ports)
  );
}

/** The Service's labels, with those that say whose slice it is and who keeps it. */
export function labelsOf(service: Service): Labels {
  const own: [string, string][] = [
    [SERVICE_NAME, service.metadata?.name ?? ''],
    [MANAGED_BY, MANAGER],
  ];
  if (isHeadless(service)) own.push([HEADLESS, '']);
  return Object.fromEntries([...unreserved(service.metadata?.labels), ...own]);
}

/** Whether a slice carries other labels than its Service; of the reserved ones a change alone is no reason to write. */
export function hasOtherLabels(slice: EndpointSlice, service: Service): boolean {
  const [had, wished] = [unreserved(slice.metadata?.labels), unreserved(service.metadata?.labels)];
  return !jsonEqual(Object.fromEntries(had), Object.fromEntries(wished));
}

function unreserved(labels: Labels | undefined): readonly [string, string][] {
  return Object.entries(labels ?? {}).filter(([key]) => !RESERVED.has(key));
}

function labelIn({ metadata }: EndpointSlice, key: string): string | undefined {
  return metadata?.labels !== undefined && Object.hasOwn(metadata.labels, key) ? metadata.labels[key] : undefined;
}

export function isManaged(slice: EndpointSlice): boolean {
  return labelIn(slice, MANAGED_BY) === MANAGER;
}

/** The name of the Service whose slice it says to be; empty when it says none. */
export function serviceNameOf(slice: EndpointSlice): string {
  return labelIn(slice, SERVICE_NAME) ?? '';
}

/** Whether it belongs to this very Service; one of a former Service of the name is never filled, it is going. */
export function isOwned(slice: EndpointSlice, service: Service): boolean {
  const mine = ({ uid, kind, apiVersion }: OwnerReference) =>
    uid === service.metadata?.uid && kind === 'Service' && apiVersion === 'v1';
  return (slice.metadata?.ownerReferences ?? []).some(mine);
}
