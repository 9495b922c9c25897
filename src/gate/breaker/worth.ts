import type { Job, Pod } from '#core/k8s/types.gen.ts';
import { isActive, isReady, isTerminal } from '#core/pod.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { weightOf } from '#core/weight.ts';
import type { Lookup } from './lookup.ts';
import { bounded, listOf, whole } from './numbers.ts';
import { isWorkload, podsOf } from './scale.ts';

/** What is lost with an object. */
export interface Worth {
  readonly weight: number;
  /** The part of the weight that goes only after the object, and is charged to its cause once more when it does. */
  readonly follows: number;
}

/** A node whose pods cannot be looked up counts as full. */
export const PODS_OF_A_NODE = 110;

/** `uid`, `name`: the object's own, for where only its reference is known. `orphans`: what it owns stays. */
export interface Lost {
  readonly resource: Resource;
  readonly uid: string | undefined;
  readonly name: string | undefined;
  readonly object: ApiObject | undefined;
  readonly orphans: boolean;
}

/** A node is worth its pods, a workload those that are ready, where they are not left behind; each at least itself. */
export function worthOf(lost: Lost, lookup: Lookup): Worth {
  const { resource, object, name, orphans } = lost;
  if (resource === 'core/pods') return alone(podWeight(object));
  if (resource === 'core/nodes') return withPods(weightOf(resource), runningOn(name, lookup) ?? PODS_OF_A_NODE);
  if (resource === 'batch/jobs' && isFinished(object)) return alone(0);
  if (!isWorkload(resource)) return alone(weightOf(resource));
  const pods = lost.uid === undefined ? undefined : podsOf(resource, lost.uid, lookup);
  // A Deployment leaves its old ReplicaSets behind as its history: what they held is long gone.
  const own = resource === 'apps/replicasets' && pods?.length === 0 && wished(object) === 0 ? 0 : weightOf(resource);
  return orphans ? alone(own) : withPods(own, pods?.filter(isServing).length ?? wished(object) ?? 0);
}

const alone = (weight: number): Worth => ({ weight, follows: 0 });

function withPods(own: number, pods: number): Worth {
  const weight = bounded(Math.max(own, pods));
  return { weight, follows: weight - own };
}

const isServing = (pod: Pod): boolean => isActive(pod) && isReady(pod);

interface Wishing extends ApiObject {
  readonly spec?: { readonly replicas?: unknown; readonly parallelism?: unknown };
  readonly status?: { readonly currentNumberScheduled?: unknown };
}

/** How many pods a workload says that it has; undefined where it does not say. */
function wished(object: ApiObject | undefined): number | undefined {
  const { spec, status } = (object ?? {}) as Wishing;
  return whole(spec?.replicas) ?? whole(spec?.parallelism) ?? whole(status?.currentNumberScheduled);
}

/** A Job that is done is as little lost as a pod that is: else a busy cluster's clean-up would be held. */
function isFinished(job: Job | undefined): boolean {
  return listOf(job?.status?.conditions).some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
}

/** A pod that is not known beyond its metadata counts as ready. */
export function podWeight(pod: Pod | undefined): number {
  if (pod?.status === undefined) return 1;
  return isReady(pod) && !isTerminal(pod) ? 1 : 0;
}

/**
 * The pods that run on a node, ready or not: those of a node that does not answer are marked as not ready before it is
 * given up, and are lost all the same.
 */
export function runningOn(name: string | undefined, lookup: Lookup): number | undefined {
  const pods = name === undefined ? undefined : lookup.onNode(name);
  return pods?.filter((pod) => isActive(pod) && pod.status?.phase !== 'Pending').length;
}
