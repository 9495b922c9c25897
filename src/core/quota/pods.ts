import type { Container, Pod, PodAffinityTerm, ScopedResourceSelectorRequirement } from '../k8s/types.gen.ts';
import { ofWhole } from '../quantity.ts';
import { isLabelKey, selectorOf } from '../selector.ts';
import type { Ms } from '../time.ts';
import { type Amounts, addTo, amountsOf } from './amounts.ts';
import type { Evaluator } from './evaluator.ts';
import { podLimits, podRequests, saysForPod } from './pod-footprint.ts';

const REQUESTS = 'requests.';
const HUGE_PAGES = 'hugepages-';
const DEVICE_CLASS = 'deviceclass.resource.kubernetes.io/';
/** By their own name as well as by `requests.` and `limits.`. */
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const COUNTED = new Set([
  'count/pods',
  'pods',
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
]);
/** A quota of one of these admits only pods that say how much of it they need. */
const TO_BE_SAID = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);
const ONE = ofWhole(1);

export const pods: Evaluator<Pod> = { usage, tracks, inScope, unsaid };

/** Only `count/pods` counts a pod that has ended, or should have. */
function usage(pod: Pod, wall: Ms): Amounts {
  const sum = new Map([['count/pods', ONE]]);
  if (isAtWork(pod, wall)) addTo(sum, charged(podRequests(pod), podLimits(pod)));
  return sum;
}

function isAtWork({ metadata, status }: Pod, wall: Ms): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return wall <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

/** Under the names that quotas have for it. */
function charged(requests: Amounts, limits: Amounts): Map<string, bigint> {
  const names = new Map([['pods', ONE]]);
  for (const [name, quantity] of requests) {
    const compute = COMPUTE.includes(name) || name.startsWith(HUGE_PAGES);
    if (compute) names.set(name, quantity);
    if (compute || isExtended(name)) names.set(`${REQUESTS}${name}`, quantity);
  }
  for (const [name, quantity] of limits) if (COMPUTE.includes(name)) names.set(`limits.${name}`, quantity);
  return names;
}

/** Names without a slash, and those below kubernetes.io, are Kubernetes' own. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

function isExtended(name: string): boolean {
  if (name.startsWith(DEVICE_CLASS)) return true;
  return !isNative(name) && !name.startsWith(REQUESTS) && isLabelKey(`${REQUESTS}${name}`);
}

function tracks(name: string): boolean {
  if (COUNTED.has(name) || name.startsWith(HUGE_PAGES) || name.startsWith(`${REQUESTS}${HUGE_PAGES}`)) return true;
  return name.startsWith(REQUESTS) && (!isNative(name) || name.startsWith(`${REQUESTS}${DEVICE_CLASS}`));
}

function inScope(pod: Pod, requirement: ScopedResourceSelectorRequirement): boolean {
  const { scopeName, operator } = requirement;
  switch (scopeName) {
    case 'Terminating':
      return hasDeadline(pod);
    case 'NotTerminating':
      return !hasDeadline(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass': {
      const priorityClass = pod.spec?.priorityClassName ?? '';
      if (operator === 'Exists') return priorityClass !== '';
      return selects(requirement, priorityClass);
    }
    case 'CrossNamespacePodAffinity':
      return affinityTerms(pod).some(({ namespaces = [], namespaceSelector }) => {
        return namespaces.length > 0 || (namespaceSelector !== undefined && namespaceSelector !== null);
      });
    default:
      return false;
  }
}

/** Whether a value of a scope (the name of a class, or none) is one that the quota selects. */
export function selects({ scopeName, operator, values }: ScopedResourceSelectorRequirement, value: string): boolean {
  const selector = selectorOf({ matchExpressions: [{ key: scopeName, operator, ...(values && { values }) }] });
  return selector?.matches(value === '' ? {} : { [scopeName]: value }) ?? false;
}

function hasDeadline({ spec }: Pod): boolean {
  return (spec?.activeDeadlineSeconds ?? -1) >= 0;
}

/** As the quality of service class, which is in the status of pods that exist. */
function isBestEffort(pod: Pod): boolean {
  const known = pod.status?.qosClass ?? '';
  if (known !== '') return known === 'BestEffort';
  const { resources, initContainers = [], containers = [] } = pod.spec ?? {};
  const all = saysForPod(pod) ? [resources] : [...initContainers, ...containers].map((one) => one.resources);
  return all.every((lists) => [lists?.requests, lists?.limits].every(asksForNothing));
}

function asksForNothing(list: Parameters<typeof amountsOf>[0]): boolean {
  const amounts = amountsOf(list);
  return (amounts.get('cpu') ?? 0n) === 0n && (amounts.get('memory') ?? 0n) === 0n;
}

function affinityTerms({ spec }: Pod): readonly PodAffinityTerm[] {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  return [podAffinity, podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}

/** Whether a container leaves out what a quota of these names wants to be said. */
function unsaid(pod: Pod, names: readonly string[]): boolean {
  const wanted = names.filter((name) => TO_BE_SAID.has(name));
  if (wanted.length === 0 || saysForPod(pod)) return false;
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers].some(({ resources }) => {
    const said = charged(amountsOf(resources?.requests), amountsOf(resources?.limits));
    return wanted.some((name) => !said.has(name));
  });
}

/** The pod as the API server will judge it: what has a limit and no request asks for the limit. */
export function withDefaults(pod: Pod): Pod {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const { initContainers } = spec;
  return {
    ...pod,
    spec: {
      ...spec,
      containers: (spec.containers ?? []).map(requestsFromLimits),
      ...(initContainers && { initContainers: initContainers.map(requestsFromLimits) }),
    },
  };
}

function requestsFromLimits(container: Container): Container {
  const { resources } = container;
  if (resources?.limits === undefined) return container;
  return { ...container, resources: { ...resources, requests: { ...resources.limits, ...resources.requests } } };
}
