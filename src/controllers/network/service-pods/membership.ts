import type { Pod, Service } from '#core/k8s/types.gen.ts';
import { isTerminal } from '#core/pod.ts';
import { carrying, type Labels, type Matcher } from '#core/selector.ts';
import type { View } from '#core/view.ts';

/** Whether its endpoints follow from pods: else others write them, or it has none (ExternalName). */
export function followsPods(service: Service): boolean {
  return service.spec?.type !== 'ExternalName' && matcherOf(service) !== undefined;
}

/** The pods that a Service selects, whatever state they are in. */
export function podsOf(service: Service, view: View<'core/pods'>): readonly Pod[] {
  const matcher = matcherOf(service);
  if (matcher === undefined) return [];
  return view.list('core/pods', service.metadata?.namespace).filter((pod) => matcher.matches(pod.metadata?.labels));
}

/** Compiled once for as long as the cache holds that version of a Service: pods change far more often. */
const compiled = new WeakMap<Labels, Matcher>();

/** Undefined for a Service without a selector: it matches nothing, not everything. */
export function matcherOf(service: Service): Matcher | undefined {
  const selector = service.spec?.selector;
  if (selector === undefined || selector === null) return undefined;
  const known = compiled.get(selector);
  if (known !== undefined) return known;
  const matcher = carrying(selector);
  if (matcher.empty) return undefined;
  compiled.set(selector, matcher);
  return matcher;
}

/** Whether a pod can be an endpoint at all: it has an address and has not ended; one that is leaving only if asked for. */
export function isReachable(pod: Pod, alsoLeaving: boolean): boolean {
  if (isTerminal(pod)) return false;
  const { podIP = '', podIPs } = pod.status ?? {};
  if (podIP === '' && (podIPs ?? []).length === 0) return false;
  return alsoLeaving || pod.metadata?.deletionTimestamp === undefined;
}

/** The name that DNS gives a pod below its headless Service; undefined where the pod asks for none there. */
export function hostnameIn(service: Service, pod: Pod): string | undefined {
  const { hostname = '', subdomain } = pod.spec ?? {};
  const same = subdomain === service.metadata?.name && pod.metadata?.namespace === service.metadata?.namespace;
  return hostname !== '' && same ? hostname : undefined;
}

/** Whether it has no cluster IP, so that clients see its pods' own addresses. */
export function isHeadless(service: Service): boolean {
  const clusterIp = service.spec?.clusterIP ?? '';
  return clusterIp === '' || clusterIp === 'None';
}
