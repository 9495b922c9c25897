import type { ControllerSettings, Wake } from '#core/controller.ts';
import type { EndpointSlice, Node, Pod } from '#core/k8s/types.gen.ts';
import { keyOf } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import { SETTLING, servicesTouched } from '../service-pods/wakes.ts';
import { isManaged, serviceNameOf } from './draft.ts';
import { zoneOf } from './endpoint.ts';
import { isNodeReady } from './node.ts';

export function wakesForPod(
  old: Pod | undefined,
  now: Pod | undefined,
  view: View<'core/services'>,
  { endpointSliceUpdatesBatchPeriod: after = 0 }: ControllerSettings,
): readonly Wake[] {
  return servicesTouched(old, now, view).map((key) => (after > 0 ? { key, after } : { key }));
}

/**
 * The Service whose slice someone changed, made or took away, in its present and former name. Our own writes wake it as
 * well, once for all of them, and find everything in order.
 */
export function wakesForSlice(
  old: EndpointSlice | undefined,
  now: EndpointSlice | undefined,
  settings: ControllerSettings,
): readonly Wake[] {
  if (old !== undefined && old.metadata?.resourceVersion === now?.metadata?.resourceVersion) return [];
  const after = Math.max(SETTLING, settings.endpointSliceUpdatesBatchPeriod ?? 0);
  const moved = old !== undefined && now !== undefined && serviceNameOf(old) !== serviceNameOf(now);
  const seen = [old, now].filter((slice) => slice !== undefined);
  const keys = seen
    .filter((slice) => moved || seen.some(isManaged) || isManaged(slice))
    .filter((slice) => serviceNameOf(slice) !== '')
    .map((slice) => keyOf({ namespace: slice.metadata?.namespace, name: serviceNameOf(slice) }));
  return [...new Set(keys)].map((key) => ({ key, after }));
}

/** A node matters to the zones when it comes, goes, becomes ready or not, or moves. */
export function wakesForNode(old: Node | undefined, now: Node | undefined): readonly Wake[] {
  const same =
    old !== undefined && now !== undefined && isNodeReady(old) === isNodeReady(now) && zoneOf(old) === zoneOf(now);
  return same ? [] : [{ key: 'singleton' }];
}
