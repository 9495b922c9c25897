import type { Node, Pod } from '#core/k8s/types.gen.ts';
import { OWN_NAMESPACE } from '#core/own.ts';
import type { View } from '#core/view.ts';

export type Listed = 'core/nodes' | 'core/pods';

/** A pod to be ended, and why: a word of the write's reason, which policy checks against the pod. */
export interface Candidate {
  readonly pod: Pod;
  readonly why: 'terminated' | 'out-of-service' | 'orphaned' | 'unscheduled';
}

/** Upstream's default of `--terminated-pod-gc-threshold`. */
const THRESHOLD = 12_500;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/**
 * Each pod to be ended, once, in upstream's order. `gone`: names of nodes that are not there, as a live read says.
 * Comptroller's own pods are left out: the gate would refuse.
 */
export function candidates(
  view: View<Listed>,
  gone: ReadonlySet<string>,
  threshold: number = THRESHOLD,
): readonly Candidate[] {
  const pods = view.list('core/pods').filter(({ metadata }) => metadata?.namespace !== OWN_NAMESPACE);
  const found: Candidate[] = [
    ...tooMany(pods.filter(isTerminated), threshold).map((pod) => ({ pod, why: 'terminated' as const })),
    ...inOrder(pods.filter((pod) => isEnding(pod) && isOutOfService(nodeOf(pod, view)))).map((pod) => ({
      pod,
      why: 'out-of-service' as const,
    })),
    ...pods.filter(({ spec }) => gone.has(spec?.nodeName ?? '')).map((pod) => ({ pod, why: 'orphaned' as const })),
    ...pods
      .filter((pod) => isEnding(pod) && (pod.spec?.nodeName ?? '') === '')
      .map((pod) => ({ pod, why: 'unscheduled' as const })),
  ];
  const once = new Map<string, Candidate>();
  for (const candidate of found) {
    const uid = candidate.pod.metadata?.uid ?? '';
    if (!once.has(uid)) once.set(uid, candidate);
  }
  return [...once.values()];
}

/** A threshold of zero or less turns it off. */
function tooMany(terminated: readonly Pod[], threshold: number): readonly Pod[] {
  const surplus = threshold > 0 ? terminated.length - threshold : 0;
  return surplus > 0 ? inOrder(terminated).slice(0, surplus) : [];
}

/** As upstream, also what tells of no phase. */
function isTerminated({ status }: Pod): boolean {
  return !['Pending', 'Running', 'Unknown'].includes(status?.phase ?? '');
}

function isEnding({ metadata }: Pod): boolean {
  return metadata?.deletionTimestamp !== undefined;
}

function nodeOf({ spec }: Pod, view: View<Listed>): Node | undefined {
  return spec?.nodeName === undefined ? undefined : view.get('core/nodes', { name: spec.nodeName });
}

/** A person says so by a taint; a node that is ready all the same is believed more. */
function isOutOfService(node: Node | undefined): boolean {
  if (node === undefined) return false;
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return !ready && (node.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);
}

/** Evicted ones first, for nobody counts them; then the oldest, then by name. */
function inOrder(pods: readonly Pod[]): readonly Pod[] {
  return pods.toSorted(
    (a, b) => evicted(a) - evicted(b) || compare(bornAt(a), bornAt(b)) || compare(nameOf(a), nameOf(b)),
  );
}

const evicted = ({ status }: Pod): number => (status?.phase === 'Failed' && status.reason === 'Evicted' ? 0 : 1);
const bornAt = ({ metadata }: Pod): string => metadata?.creationTimestamp ?? '';
const nameOf = ({ metadata }: Pod): string => metadata?.name ?? '';
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
