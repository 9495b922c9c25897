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
 * The pods to be ended whatever node they are on, in upstream's order, each once. Comptroller's own pods are left out, here
 * and below: the gate would refuse.
 */
export function ofNoNode(view: View<Listed>, threshold: number = THRESHOLD): readonly Candidate[] {
  const pods = view.list('core/pods').filter(isOthers);
  const surplus = tooMany(pods.filter(isTerminated), threshold);
  const once = new Set(surplus);
  return [
    ...surplus.map((pod) => ({ pod, why: 'terminated' as const })),
    ...pods
      .filter((pod) => isEnding(pod) && (pod.spec?.nodeName ?? '') === '' && !once.has(pod))
      .map((pod) => ({ pod, why: 'unscheduled' as const })),
  ];
}

/** The pods of a node to be ended: all where there is no such node, as a live read says; else those that end already. */
export function ofNode(name: string, view: View<Listed>, isGone: boolean): readonly Candidate[] {
  const node = view.get('core/nodes', { name });
  const why = node !== undefined ? 'out-of-service' : 'orphaned';
  if (node !== undefined ? !isOutOfService(node) : !isGone) return [];
  return inOrder(
    view
      .list('core/pods')
      .filter((pod) => pod.spec?.nodeName === name && isOthers(pod) && (node === undefined || isEnding(pod))),
  ).map((pod) => ({ pod, why }));
}

/** The nodes that are out of service and have pods that end. */
export function outOfService(view: View<Listed>): readonly string[] {
  const ending = new Set(
    view
      .list('core/pods')
      .filter(isEnding)
      .flatMap(({ spec }) => spec?.nodeName ?? []),
  );
  return [...ending].filter((name) => isOutOfService(view.get('core/nodes', { name })));
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

function isOthers({ metadata }: Pod): boolean {
  return metadata?.namespace !== OWN_NAMESPACE;
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
