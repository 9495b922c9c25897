import type { Pod, PodTemplateSpec, ReplicaSet } from '#core/k8s/types.gen.ts';
import { generatedPrefix } from '#core/names.ts';
import { controllerOf, ownerReference } from '#core/owner.ts';
import type { Create, Delete } from '#core/plan.ts';
import { colocation, deletionOrder } from '#core/ranking.ts';
import { refOf } from '#core/ref.ts';
import type { Ms } from '#core/time.ts';
import type { View } from '#core/view.ts';
import { type Listed, ownedPods } from './claim.ts';

/** The most pods that one sync creates or deletes. */
export const BURST = 500;

/** How many active pods are too many (or, below zero, missing). */
export function surplusOf(replicaSet: ReplicaSet, active: readonly Pod[]): number {
  return active.length - (replicaSet.spec.replicas ?? 1);
}

/** The pods that are missing, at most a burst of them. The template needs labels: a pod without could never be claimed. */
export function creations(replicaSet: ReplicaSet, missing: number): readonly Create[] {
  if (missing <= 0) return [];
  const object = podFrom(replicaSet, replicaSet.spec.template ?? {});
  const namespace = replicaSet.metadata?.namespace;
  return Array.from({ length: Math.min(missing, BURST) }, (_, nth) => ({
    verb: 'create',
    resource: 'core/pods',
    ...(namespace !== undefined && { namespace }),
    object,
    reason: 'scale-up',
    slot: String(nth),
  }));
}

export function hasLabels(replicaSet: ReplicaSet): boolean {
  return Object.keys(replicaSet.spec.template?.metadata?.labels ?? {}).length > 0;
}

function podFrom(replicaSet: ReplicaSet, { metadata = {}, spec }: PodTemplateSpec): Pod {
  const { labels, annotations, finalizers } = metadata;
  const { name = '', namespace } = replicaSet.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: generatedPrefix(name),
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ...(finalizers !== undefined && { finalizers }),
      ownerReferences: [ownerReference('apps/replicasets', replicaSet)],
    },
    ...(spec !== undefined && { spec }),
  };
}

/** Deletes as many pods as are too many, at most a burst, those first that are least of a loss. */
export function deletions(
  replicaSet: ReplicaSet,
  active: readonly Pod[],
  surplus: number,
  view: View<Listed>,
  wall: Ms,
): readonly Delete[] {
  if (surplus <= 0) return [];
  const few = surplus < active.length;
  const ordered = few ? deletionOrder(active, colocation(relatedPods(replicaSet, view)), wall) : active;
  return ordered.slice(0, Math.min(surplus, BURST)).map((pod) => ({
    verb: 'delete',
    ref: refOf('core/pods', pod),
    before: pod,
    reason: 'scale-down',
  }));
}

/**
 * The pods of all ReplicaSets that have our controller (a Deployment's revisions), so that pods that share a node with
 * siblings go first. Without a controller there are no siblings. Other namespaces do not count, whatever their
 * references claim.
 */
function relatedPods(replicaSet: ReplicaSet, view: View<Listed>): readonly Pod[] {
  const controller = controllerOf(replicaSet);
  if (controller === undefined) return [];
  return view
    .controlledBy('apps/replicasets', controller.uid)
    .filter((sibling) => sibling.metadata?.namespace === replicaSet.metadata?.namespace)
    .flatMap((sibling) => ownedPods(sibling, view));
}
