import type { ControllerSettings, Wake } from '#core/controller.ts';
import { jsonEqual } from '#core/json.ts';
import type { Endpoints } from '#core/k8s/types.gen.ts';
import { keyOfObject, splitKey } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import { followsPods } from '../service-pods/membership.ts';
import { SETTLING } from '../service-pods/wakes.ts';
import { OVER_CAPACITY } from './truncate.ts';

/**
 * The Service whose Endpoints were taken away or changed by someone: nothing comes by later to set them right. Our own
 * writes wake it as well, and find everything in order. Only while it follows pods: Endpoints without a Service, or of
 * one without a selector (which are mirrored, or hold a leader election), are somebody's own.
 */
export function wakesForEndpoints(
  old: Endpoints | undefined,
  now: Endpoints | undefined,
  view: View<'core/services'>,
  { endpointUpdatesBatchPeriod = 0 }: ControllerSettings,
): readonly Wake[] {
  if (old === undefined) return [];
  const key = keyOfObject(old);
  if (now === undefined) return [{ key }];
  const service = view.get('core/services', splitKey(key));
  if (service === undefined || !followsPods(service) || saysTheSame(old, now)) return [];
  return [{ key, after: Math.max(SETTLING, endpointUpdatesBatchPeriod) }];
}

function saysTheSame(old: Endpoints, now: Endpoints): boolean {
  return (
    jsonEqual(old.metadata?.labels ?? {}, now.metadata?.labels ?? {}) &&
    saysCut(old) === saysCut(now) &&
    jsonEqual(old.subsets ?? [], now.subsets ?? [])
  );
}

/** Whether they say that there was no room for all addresses. */
export function saysCut({ metadata }: Endpoints): boolean {
  return metadata?.annotations !== undefined && Object.hasOwn(metadata.annotations, OVER_CAPACITY);
}
