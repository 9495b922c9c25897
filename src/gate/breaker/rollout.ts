import type { Deployment, Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf } from '#core/owner.ts';
import { isActive, isAvailable } from '#core/pod.ts';
import type { ApiObject } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import type { Pending } from '../work.ts';
import type { Lookup } from './lookup.ts';
import { whole } from './numbers.ts';
import { loweredReplicas } from './scale.ts';

const DESIRED = 'deployment.kubernetes.io/desired-replicas';

/** What one plan does to the pods of a Deployment. */
interface Rollout {
  readonly deployment: Deployment;
  readonly writes: Pending[];
  readonly deleted: Set<string>;
  /** Replicas left, by the uid of the ReplicaSet that is lowered. */
  readonly lowered: Map<string, number>;
  /** The most that the Deployment was wished to have, as far as its ReplicaSets say. */
  desired: number;
}

/**
 * The writes of a plan that belong to a rollout whose Deployment keeps its availability: enough of its pods stay
 * available when all of them are done. They cost nothing. A Deployment that is made smaller is no rollout: its
 * ReplicaSets' annotation still says how many there were.
 */
export function freeOfCharge(writes: readonly Pending[], lookup: Lookup, wall: Ms): ReadonlySet<Pending> {
  const rollouts = new Map<string, Rollout>();
  for (const pending of writes) join(rollouts, pending, lookup);
  const free = new Set<Pending>();
  for (const rollout of rollouts.values())
    if (staysAvailable(rollout, lookup, wall)) for (const pending of rollout.writes) free.add(pending);
  return free;
}

function join(rollouts: Map<string, Rollout>, pending: Pending, lookup: Lookup): void {
  const set = setOf(pending, lookup);
  const deployment = set && deploymentOf(set, lookup);
  if (set === undefined || deployment === undefined) return;
  const uid = deployment.metadata?.uid ?? '';
  const rollout: Rollout = rollouts.get(uid) ?? {
    deployment,
    writes: [],
    deleted: new Set(),
    lowered: new Map(),
    desired: whole(deployment.spec?.replicas) ?? 1,
  };
  rollout.writes.push(pending);
  rollout.desired = Math.max(rollout.desired, desiredOf(set));
  if (pending.write.verb === 'delete') rollout.deleted.add(pending.request.target.uid ?? '');
  else rollout.lowered.set(set.metadata?.uid ?? '', loweredReplicas(pending.before, pending.after)?.to ?? 0);
  rollouts.set(uid, rollout);
}

/** The ReplicaSet whose pod is deleted, or that is lowered; undefined for every other write. */
function setOf({ write, request, before, after }: Pending, lookup: Lookup): ReplicaSet | undefined {
  const { resource, namespace, subresource } = request.target;
  if (subresource !== undefined) return undefined;
  if (write.verb === 'patch' && resource === 'apps/replicasets')
    return loweredReplicas(before, after) === undefined ? undefined : (before as ReplicaSet);
  if (write.verb !== 'delete' || resource !== 'core/pods') return undefined;
  const owner = before && controllerOf(before);
  if (owner?.kind !== 'ReplicaSet') return undefined;
  const set = lookup.get('apps/replicasets', { namespace, name: owner.name });
  return set?.metadata?.uid === owner.uid ? (set as ReplicaSet) : undefined;
}

function deploymentOf(set: ReplicaSet, lookup: Lookup): Deployment | undefined {
  const owner = controllerOf(set as ApiObject);
  if (owner?.kind !== 'Deployment') return undefined;
  const found = lookup.get('apps/deployments', { namespace: set.metadata?.namespace, name: owner.name });
  return found?.metadata?.uid === owner.uid ? (found as Deployment) : undefined;
}

function desiredOf(set: ReplicaSet): number {
  const annotations = set.metadata?.annotations;
  const text = annotations && Object.hasOwn(annotations, DESIRED) ? annotations[DESIRED] : undefined;
  return typeof text === 'string' && /^\d{1,9}$/.test(text) ? (whole(Number(text)) ?? 0) : 0;
}

function staysAvailable(rollout: Rollout, lookup: Lookup, wall: Ms): boolean {
  const { deployment, desired } = rollout;
  const sets = lookup.controlledBy('apps/replicasets', deployment.metadata?.uid ?? '');
  if (sets === undefined || !lookup.holds('core/pods')) return false;
  const left = sets.reduce((sum, set) => sum + availableAfter(set.metadata?.uid ?? '', rollout, lookup, wall), 0);
  return left >= desired - mayBeUnavailable(deployment);
}

function availableAfter(set: string, { deployment, deleted, lowered }: Rollout, lookup: Lookup, wall: Ms): number {
  const minReady = whole(deployment.spec?.minReadySeconds) ?? 0;
  const pods = (lookup.controlledBy('core/pods', set) ?? []) as readonly Pod[];
  const available = pods.filter(
    (pod) => isActive(pod) && isAvailable(pod, minReady, wall) && !deleted.has(pod.metadata?.uid ?? ''),
  ).length;
  return Math.min(available, lowered.get(set) ?? available);
}

/** As upstream resolves it. Recreate wishes all of its pods gone at once, so that is availability as its owner has it. */
function mayBeUnavailable({ spec }: Deployment): number {
  const replicas = whole(spec?.replicas) ?? 1;
  if (spec?.strategy?.type === 'Recreate') return replicas;
  const { maxUnavailable, maxSurge } = spec?.strategy?.rollingUpdate ?? {};
  const unavailable = resolved(maxUnavailable ?? '25%', replicas, Math.floor);
  const surge = resolved(maxSurge ?? '25%', replicas, Math.ceil);
  return Math.min(replicas, unavailable === 0 && surge === 0 ? 1 : unavailable);
}

/** An absolute number or a percentage; what is neither is none. */
function resolved(value: unknown, of: number, round: (n: number) => number): number {
  const percent = typeof value === 'string' ? /^(\d{1,3})%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? (whole(value) ?? 0) : round((Number(percent) * of) / 100);
}
