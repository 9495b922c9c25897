import { jsonEqual } from '#core/json.ts';
import type { EndpointSlice } from '#core/k8s/types.gen.ts';
import type { Labels } from '#core/selector.ts';
import { type Draft, endpointsOf } from './draft.ts';
import type { AddressType } from './endpoint.ts';

/** A slice without ports and endpoints, for a Service that has none of that address type. */
export function placeholderFor(addressType: AddressType, labels: Labels): Draft {
  return { addressType, labels, ports: [], endpoints: [] };
}

/** Whether a slice is the placeholder that would be made, reserved labels included. */
export function isPlaceholder(slice: EndpointSlice, labels: Labels): boolean {
  const empty = endpointsOf(slice).length === 0 && (slice.ports ?? []).length === 0;
  return empty && jsonEqual(slice.metadata?.labels ?? {}, labels);
}
