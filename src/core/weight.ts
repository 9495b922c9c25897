import { type Resource, shortName } from './resource.ts';

/** What the loss of one object costs, in ready pods: definitions and data are dear, what only configures is cheap. */
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
  // They say only what was.
  ['core/events', 0],
  ['events.k8s.io/events', 0],
]);
const OTHER = 0.2;

export function weightOf(resource: Resource): number {
  return WEIGHTS.get(shortName(resource)) ?? OTHER;
}
