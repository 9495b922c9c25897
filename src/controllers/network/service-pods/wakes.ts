import { jsonEqual } from '#core/json.ts';
import type { Pod, Service } from '#core/k8s/types.gen.ts';
import { isReady, isTerminal } from '#core/pod.ts';
import { keyOfObject } from '#core/ref.ts';
import type { Labels } from '#core/selector.ts';
import { type Ms, seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import { matcherOf } from './membership.ts';

/** What someone changes of a Service's endpoints, they often change several times. */
export const SETTLING: Ms = seconds(1);

/** The keys of the Services whose endpoints a pod's change may change. */
export function servicesTouched(
  old: Pod | undefined,
  now: Pod | undefined,
  view: View<'core/services'>,
): readonly string[] {
  const pod = now ?? old;
  if (pod === undefined) return [];
  const services = view.list('core/services', pod.metadata?.namespace);
  const selects = (one: Pod) => selecting(services, one.metadata?.labels);
  if (old === undefined || now === undefined) return [...selects(pod)];
  const [changed, moved] = [endpointChanged(old, now), membershipChanged(old, now)];
  if (!moved) return changed ? [...selects(now)] : [];
  const [before, after] = [selects(old), selects(now)];
  return [...(changed ? before.union(after) : before.symmetricDifference(after))];
}

function selecting(services: readonly Service[], labels: Labels | undefined): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const service of services) {
    if (matcherOf(service)?.matches(labels) === true) keys.add(keyOfObject(service));
  }
  return keys;
}

function membershipChanged(old: Pod, now: Pod): boolean {
  return (
    old.spec?.hostname !== now.spec?.hostname ||
    old.spec?.subdomain !== now.spec?.subdomain ||
    !jsonEqual(old.metadata?.labels ?? {}, now.metadata?.labels ?? {})
  );
}

/** Name, namespace, uid and, once there is an address, the node of a pod never change. */
function endpointChanged(old: Pod, now: Pod): boolean {
  return (
    old.metadata?.deletionTimestamp !== now.metadata?.deletionTimestamp ||
    isReady(old) !== isReady(now) ||
    isTerminal(old) !== isTerminal(now) ||
    !jsonEqual(addresses(old), addresses(now))
  );
}

const addresses = ({ status }: Pod): readonly (string | undefined)[] => (status?.podIPs ?? []).map(({ ip }) => ip);
