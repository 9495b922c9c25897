import { type Resource, shortName } from './resource.ts';

/**
 * What the loss of one object of a resource counts, for budgets of destruction: a pod comes back by itself, a volume's
 * data does not, and most of the rest is written down elsewhere. Events say only what was.
 */
const WEIGHTS: ReadonlyMap<string, number> = new Map([
  ['apiextensions.k8s.io/customresourcedefinitions', 50],
  ['core/persistentvolumes', 20],
  ['core/persistentvolumeclaims', 10],
  ['core/namespaces', 5],
  ['core/pods', 1],
  ['core/replicationcontrollers', 1],
  ['apps/deployments', 1],
  ['apps/statefulsets', 1],
  ['apps/daemonsets', 1],
  ['apps/replicasets', 1],
  ['batch/jobs', 1],
  ['core/events', 0],
  ['events.k8s.io/events', 0],
]);
const OTHERS = 0.2;

/** In pods: 1 is the loss of one pod. */
export function weightOf(resource: Resource): number {
  return WEIGHTS.get(shortName(resource)) ?? OTHERS;
}
