import { jsonEqual } from '#core/json.ts';
import type { Endpoints, Service } from '#core/k8s/types.gen.ts';
import type { Labels } from '#core/selector.ts';
import { isHeadless } from '../service-pods/membership.ts';

export const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
/** Upstream's own word for itself, so that either finds the other's Endpoints in order. */
export const MANAGER = 'endpoint-controller';
const HEADLESS = 'service.kubernetes.io/headless';
const RESERVED: ReadonlySet<string> = new Set([MANAGED_BY, HEADLESS]);

/** The Service's labels, with those that say who keeps the Endpoints and whether there is a cluster IP. */
export function labelsOf(service: Service): Labels {
  const own: [string, string][] = [[MANAGED_BY, MANAGER]];
  if (isHeadless(service)) own.push([HEADLESS, '']);
  return Object.fromEntries([...unreserved(service.metadata?.labels), ...own]);
}

/** Whether they are the Service's and ours; a wrong word about the cluster IP alone is no reason to write. */
export function labelsAreRight(endpoints: Endpoints, service: Service): boolean {
  const labels = endpoints.metadata?.labels ?? {};
  if (!Object.hasOwn(labels, MANAGED_BY) || labels[MANAGED_BY] !== MANAGER) return false;
  const [had, wished] = [unreserved(labels), unreserved(service.metadata?.labels)];
  return jsonEqual(Object.fromEntries(had), Object.fromEntries(wished));
}

function unreserved(labels: Labels | undefined): readonly [string, string][] {
  return Object.entries(labels ?? {}).filter(([key]) => !RESERVED.has(key));
}
