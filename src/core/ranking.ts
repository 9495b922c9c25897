import type { Pod } from './k8s/types.gen.ts';
import { deletionCost, isActive, isReady, maxRestarts, readySince } from './pod.ts';
import { type Ms, parseTime } from './time.ts';

const PHASES = new Map([
  ['Pending', 0],
  ['Unknown', 1],
  ['Running', 2],
]);

/** How many active pods of `related` run on a pod's node. */
export function colocation(related: readonly Pod[]): (pod: Pod) => number {
  const onNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName ?? '';
    if (isActive(pod)) onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  return (pod) => onNode.get(pod.spec?.nodeName ?? '') ?? 0;
}

/**
 * The pods in the order in which a ReplicaSet gives them up: unassigned, early in their phase, not ready, cheap to
 * delete, doubled up on a node, ready for a short time, often restarted, young. Ages count by powers of two, and within
 * one power the uid decides, so that not always the youngest goes.
 *
 * Upstream compares pod by pod, and its rule is not transitive where some pods became ready in the same second and some
 * did not: pods of one instant here stand together, at the place of their lowest uid. Any two pods alone come out as
 * upstream's do.
 */
export function deletionOrder(pods: readonly Pod[], colocated: (pod: Pod) => number, wall: Ms): Pod[] {
  const leaders = new Map<Ms | undefined, string>();
  for (const pod of pods) {
    const since = readySince(pod);
    const leader = leaders.get(since);
    if (leader === undefined || uidOf(pod) < leader) leaders.set(since, uidOf(pod));
  }
  const ranked = pods.map((pod) => {
    const ready = isReady(pod);
    const since = readySince(pod);
    const restarts = maxRestarts(pod);
    const key: readonly (number | string)[] = [
      (pod.spec?.nodeName ?? '') === '' ? 0 : 1,
      PHASES.get(pod.status?.phase ?? '') ?? 0,
      ready ? 1 : 0,
      deletionCost(pod),
      -colocated(pod),
      ready ? ageBucket(since, wall) : 0,
      ready ? (leaders.get(since) ?? '') : '',
      -restarts.regular,
      -restarts.sidecar,
      ageBucket(parseTime(pod.metadata?.creationTimestamp), wall),
      uidOf(pod),
    ];
    return { pod, key };
  });
  return ranked.sort((a, b) => compareKeys(a.key, b.key)).map(({ pod }) => pod);
}

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? '';
}

function compareKeys(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [at, left] of a.entries()) {
    const right = b[at] as number | string;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

const NANOSECONDS = 1e6;

/** floor(log2(age in nanoseconds)); -1 for what lies in the future, -2 (first of all) without a time. */
function ageBucket(time: Ms | undefined, wall: Ms): number {
  if (time === undefined) return -2;
  // Go's durations end at 2^63 ns.
  const age = Math.min((wall - time) * NANOSECONDS, 2 ** 63);
  if (age <= 0) return -1;
  const guess = Math.floor(Math.log2(age));
  if (2 ** guess > age) return guess - 1;
  return 2 ** (guess + 1) <= age ? guess + 1 : guess;
}
