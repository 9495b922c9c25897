import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { Delete } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { isBehind, sizeOf } from './bounds.ts';
import { byRevision, type Family } from './family.ts';

const FOREVER = 2 ** 31 - 1;

/** Old ReplicaSets beyond the wished history, lowest revision first; those with pods are left, and not made up for. */
export function outdated({ spec }: Deployment, { old }: Family): readonly Delete[] {
  const { revisionHistoryLimit: limit } = spec;
  if (limit === undefined || limit === FOREVER) return [];
  const alive = old.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  return [...alive]
    .sort(byRevision)
    .slice(0, Math.max(0, alive.length - limit))
    .filter(isEmpty)
    .map((replicaSet) => ({
      verb: 'delete',
      ref: refOf('apps/replicasets', replicaSet),
      // Should it have been scaled up meanwhile, it stays.
      ...(replicaSet.metadata?.resourceVersion !== undefined && {
        resourceVersion: replicaSet.metadata.resourceVersion,
      }),
      before: replicaSet,
      reason: 'clean-up',
    }));
}

function isEmpty(replicaSet: ReplicaSet): boolean {
  return sizeOf(replicaSet) === 0 && (replicaSet.status?.replicas ?? 0) === 0 && !isBehind(replicaSet);
}
