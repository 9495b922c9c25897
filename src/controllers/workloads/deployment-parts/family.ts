import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { parseTime } from '#core/time.ts';
import { revisionOf } from './annotations.ts';
import { isActiveSet, sizeOf } from './bounds.ts';
import { sameTemplate } from './template.ts';

/** A Deployment's ReplicaSets: the one that runs its template, and those that ran earlier ones, oldest first. */
export interface Family {
  readonly newest: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  /** Those that it ought to have and may not adopt. It neither counts nor changes them, but their pods run. */
  readonly orphans: readonly ReplicaSet[];
}

interface Claimed {
  readonly own: readonly ReplicaSet[];
  readonly orphans: readonly ReplicaSet[];
}

/** Of several with the Deployment's template it is the oldest, so that the choice never changes. */
export function familyOf(deployment: Deployment, { own, orphans }: Claimed): Family {
  const ordered = [...own].sort(byAge);
  const newest = ordered.find(({ spec }) => sameTemplate(spec.template, deployment.spec.template));
  return { newest, old: ordered.filter((one) => one !== newest), orphans };
}

export const everyone = ({ newest, old }: Family): readonly ReplicaSet[] => [
  ...old,
  ...(newest === undefined ? [] : [newest]),
];

export const activeOld = ({ old }: Family): readonly ReplicaSet[] => old.filter(isActiveSet);

/** The one that has pods; where none has, the newest one; undefined where several have, or there is none at all. */
export function activeOrLatest(family: Family): ReplicaSet | undefined {
  const active = everyone(family).filter(isActiveSet);
  if (active.length === 0) return family.newest ?? family.old.at(-1);
  return active.length === 1 ? active[0] : undefined;
}

/** Oldest first, by name where two are of one second. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const born = bornAt(a) - bornAt(b);
  if (born !== 0) return born;
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}

const bornAt = ({ metadata }: ReplicaSet): number => parseTime(metadata?.creationTimestamp) ?? 0;

/** Largest first; of one size the newer or the older one first. */
export function bySize(first: 'newer' | 'older'): (a: ReplicaSet, b: ReplicaSet) => number {
  return (a, b) => sizeOf(b) - sizeOf(a) || (first === 'newer' ? byAge(b, a) : byAge(a, b));
}

/** Lowest revision first; by age where it does not tell. */
export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [revisionOf(a), revisionOf(b)];
  if (left === undefined || right === undefined || left === right) return byAge(a, b);
  return left < right ? -1 : 1;
}
