import type { Container, ContainerStatus, Pod } from '../k8s/types.gen.ts';
import { type Amounts, addTo, amountsOf, raiseTo } from './amounts.ts';

/** What a container asks for by one way of asking; its status, where the node told of it. */
type Asks = (container: Container, status: ContainerStatus | undefined) => Amounts;

/**
 * What a pod asks a node for: the most that its containers need at any time, or what is said for the pod as a whole,
 * and its overhead. While it is resized, the greater of what is wished, promised and in force.
 */
export function podRequests(pod: Pod): Map<string, bigint> {
  const { resources, overhead } = pod.spec ?? {};
  const requests = greatest(pod, specRequests, [allocated(pod), actuated(pod)]);
  for (const [name, quantity] of amountsOf(resources?.requests)) if (isPodLevel(name)) requests.set(name, quantity);
  addTo(requests, amountsOf(overhead));
  return requests;
}

/** The same for limits; overhead comes on top only where there is a limit. */
export function podLimits(pod: Pod): Map<string, bigint> {
  const { resources, overhead } = pod.spec ?? {};
  const limits = greatest(pod, specLimits, [actuatedLimits(pod)]);
  for (const [name, quantity] of amountsOf(resources?.limits)) if (isPodLevel(name)) limits.set(name, quantity);
  for (const [name, quantity] of amountsOf(overhead)) {
    const limit = limits.get(name) ?? 0n;
    if (limit !== 0n) limits.set(name, limit + quantity);
  }
  return limits;
}

/** Resources that may be said for a pod as a whole. */
function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/** Whether the pod says for itself, not for its containers, what it needs. */
export function saysForPod(pod: Pod): boolean {
  const { requests, limits } = pod.spec?.resources ?? {};
  return [...Object.keys(requests ?? {}), ...Object.keys(limits ?? {})].some(isPodLevel);
}

const specRequests: Asks = ({ resources }) => amountsOf(resources?.requests);
const specLimits: Asks = ({ resources }) => amountsOf(resources?.limits);

function allocated(pod: Pod): Asks {
  const wish = isInfeasible(pod) ? () => new Map<string, bigint>() : specRequests;
  return (container, status) =>
    present(status?.allocatedResources) ? amountsOf(status?.allocatedResources) : wish(container, status);
}

function actuated(pod: Pod): Asks {
  const promised = allocated(pod);
  return (container, status) => {
    const inForce = status?.resources?.requests;
    return present(inForce) ? amountsOf(inForce) : promised(container, status);
  };
}

function actuatedLimits(pod: Pod): Asks {
  const wish = isInfeasible(pod) ? () => new Map<string, bigint>() : specLimits;
  return (container, status) => {
    const inForce = status?.resources?.limits;
    return present(inForce) ? amountsOf(inForce) : wish(container, status);
  };
}

const present = (list: object | undefined | null): boolean => list !== undefined && list !== null;

/** A resize that no node can do is not counted. */
function isInfeasible({ status }: Pod): boolean {
  return status?.conditions?.find(({ type }) => type === 'PodResizePending')?.reason === 'Infeasible';
}

function greatest(pod: Pod, wish: Asks, others: readonly Asks[]): Map<string, bigint> {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const told = [...containerStatuses, ...initContainerStatuses];
  const ways = told.length === 0 && !isInfeasible(pod) ? [wish] : isInfeasible(pod) ? others : [wish, ...others];
  const most = new Map<string, bigint>();
  for (const way of ways) raiseTo(most, together(pod, told, way));
  return most;
}

/**
 * Containers run side by side; before them init containers, one after another, each beside the sidecars that were
 * started before it; sidecars stay.
 */
function together(pod: Pod, told: readonly ContainerStatus[], asks: Asks): Map<string, bigint> {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const of = (container: Container): Amounts =>
    asks(
      container,
      told.find(({ name }) => name === container.name),
    );
  const running = new Map<string, bigint>();
  const sidecars = new Map<string, bigint>();
  const starting = new Map<string, bigint>();
  for (const container of containers) addTo(running, of(container));
  for (const container of initContainers) {
    const own = of(container);
    if (container.restartPolicy === 'Always') {
      addTo(running, own);
      addTo(sidecars, own);
      raiseTo(starting, sidecars);
    } else {
      const beside = new Map(sidecars);
      addTo(beside, own);
      raiseTo(starting, beside);
    }
  }
  raiseTo(running, starting);
  return running;
}
