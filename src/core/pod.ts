import { getCondition } from './condition.ts';
import type { Pod } from './k8s/types.gen.ts';
import { type Ms, parseTime, seconds } from './time.ts';

/** All its containers have stopped, for good. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Neither finished nor on its way out: what a workload counts as a replica. */
export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && pod.metadata?.deletionTimestamp === undefined;
}

/** On its way out, still running. */
export function isTerminating(pod: Pod): boolean {
  return !isTerminal(pod) && pod.metadata?.deletionTimestamp !== undefined;
}

export function isReady(pod: Pod): boolean {
  return getCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

/** Since when it is ready, in milliseconds since 1970; undefined when it is not, or does not say. */
export function readySince(pod: Pod): Ms | undefined {
  const ready = getCondition(pod.status?.conditions, 'Ready');
  return ready?.status === 'True' ? parseTime(ready.lastTransitionTime) : undefined;
}

/** Ready for at least that long. Wall time: the kubelet's stamp is one, so no clock of ours measures it. */
export function isAvailable(pod: Pod, minReadySeconds: number, wall: Ms): boolean {
  if (!isReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const since = readySince(pod);
  return since !== undefined && since + seconds(minReadySeconds) <= wall;
}

/** How long until the first of these pods becomes available; undefined when none is on its way there. */
export function nextAvailabilityChange(pods: readonly Pod[], minReadySeconds: number, wall: Ms): Ms | undefined {
  if (minReadySeconds <= 0) return undefined;
  let earliest: Ms | undefined;
  for (const pod of pods) {
    const since = readySince(pod);
    const left = since === undefined ? 0 : since + seconds(minReadySeconds) - wall;
    if (left > 0 && (earliest === undefined || left < earliest)) earliest = left;
  }
  return earliest;
}

/** The highest restart count among its containers, and among its sidecars (init containers that restart always). */
export function maxRestarts(pod: Pod): { readonly regular: number; readonly sidecar: number } {
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  let regular = 0;
  for (const status of pod.status?.containerStatuses ?? []) regular = Math.max(regular, status.restartCount);
  let sidecar = 0;
  for (const status of pod.status?.initContainerStatuses ?? []) {
    if (sidecars.has(status.name)) sidecar = Math.max(sidecar, status.restartCount);
  }
  return { regular, sidecar };
}

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** The annotation `controller.kubernetes.io/pod-deletion-cost` as an int32; 0 when absent or malformed. */
export function deletionCost(pod: Pod): number {
  const annotations = pod.metadata?.annotations;
  if (annotations === undefined || !Object.hasOwn(annotations, DELETION_COST)) return 0;
  const text = annotations[DELETION_COST] ?? '';
  if (!/^(-[0-9]+|0|[1-9][0-9]*)$/.test(text)) return 0;
  const cost = Number(text);
  return cost < -(2 ** 31) || cost > 2 ** 31 - 1 ? 0 : cost + 0;
}
