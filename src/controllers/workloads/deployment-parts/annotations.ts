import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { Labels } from '#core/selector.ts';
import { desiredOf, maxSurge } from './bounds.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';

/** Neither copied from a Deployment to its ReplicaSet nor, on a rollback, back. */
const OWN: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** How many characters of earlier revisions a ReplicaSet keeps. */
export const HISTORY_CHARACTERS = 2000;

interface Annotated {
  readonly metadata?: { readonly annotations?: Labels };
}

/** The annotation; keys are hostile (`constructor`). */
export function annotationOf({ metadata }: Annotated, key: string): string | undefined {
  const annotations = metadata?.annotations ?? {};
  return Object.hasOwn(annotations, key) ? annotations[key] : undefined;
}

const INT64_MAX = 2n ** 63n - 1n;

/** As Go parses an int64 in base 10; undefined when it is none. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = text.startsWith('+') ? BigInt(text.slice(1)) : BigInt(text);
  return value > INT64_MAX || value < -INT64_MAX - 1n ? undefined : value;
}

/** 0 without the annotation; undefined when it is no number. */
export function revisionOf(replicaSet: Annotated): bigint | undefined {
  const text = annotationOf(replicaSet, REVISION);
  return text === undefined ? 0n : parseInt64(text);
}

/** The highest revision, at least 0; what is no number does not count. */
export function maxRevision(replicaSets: readonly Annotated[]): bigint {
  return replicaSets.reduce((most, one) => larger(most, revisionOf(one) ?? 0n), 0n);
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The highest revision but one; 0 when there is none. */
export function lastRevision(replicaSets: readonly Annotated[]): bigint {
  let [most, second] = [0n, 0n];
  for (const revision of replicaSets.map(revisionOf)) {
    if (revision === undefined) continue;
    if (revision >= most) [most, second] = [revision, most];
    else if (revision > second) second = revision;
  }
  return second;
}

/** A count as Go parses a non-negative int32; undefined when it is none. */
function countOf(replicaSet: Annotated, key: string): number | undefined {
  const text = annotationOf(replicaSet, key) ?? '';
  const count = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return count <= 2 ** 31 - 1 ? count : undefined;
}

/** The size of the Deployment when this ReplicaSet was last scaled for it. */
export const desiredReplicas = (replicaSet: Annotated): number | undefined => countOf(replicaSet, DESIRED_REPLICAS);

/** The same with the surge that was allowed then. */
export const maxReplicas = (replicaSet: Annotated): number | undefined => countOf(replicaSet, MAX_REPLICAS);

/** The two annotations that say for which size of the Deployment a ReplicaSet was scaled. */
export function sizeAnnotations(deployment: Deployment): Labels {
  const desired = desiredOf(deployment);
  return { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(desired + maxSurge(deployment)) };
}

/**
 * The annotations of the ReplicaSet that runs the Deployment's template: the Deployment's own, and a revision that is at
 * least `revision`; one that it had before goes into its history. Those it has, where its revision is no number.
 */
export function newestAnnotations(deployment: Deployment, replicaSet: Annotated, revision: bigint): Labels {
  const before = annotationOf(replicaSet, REVISION);
  const was = before === undefined || before === '' ? 0n : parseInt64(before);
  const annotations = replicaSet.metadata?.annotations ?? {};
  if (was === undefined) return annotations;
  const next = new Map([...Object.entries(annotations), ...copied(deployment)]);
  if (was < revision) {
    next.set(REVISION, String(revision));
    if (before !== undefined)
      next.set(REVISION_HISTORY, historyAfter(annotationOf(replicaSet, REVISION_HISTORY), before));
  }
  return Object.fromEntries(next);
}

function copied({ metadata }: Annotated): readonly [string, string][] {
  return Object.entries(metadata?.annotations ?? {}).filter(([key]) => !OWN.has(key));
}

/** Earlier revisions, comma separated; the oldest go where it gets too long. */
export function historyAfter(history = '', revision: string, most = HISTORY_CHARACTERS): string {
  const earlier = history.split(',');
  if (earlier[0] === '') return revision;
  let length = history.length + revision.length + 1;
  let start = 0;
  for (; length > most && start < earlier.length; start++) length -= (earlier[start] as string).length + 1;
  return length <= most ? [...earlier.slice(start), revision].join(',') : history;
}

/** What a Deployment's annotations are after a rollback: its own housekeeping stays, all else is the ReplicaSet's. */
export function rolledBackAnnotations(deployment: Deployment, replicaSet: ReplicaSet): Labels {
  const kept = Object.entries(deployment.metadata?.annotations ?? {}).filter(([key]) => OWN.has(key));
  return Object.fromEntries([...kept, ...copied(replicaSet)]);
}
