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
  /** The ReplicaSets that lose something. */
  readonly sets: Map<string, ReplicaSet>;
}

/** What the writes of rollouts cost: nothing, or only what all causes together may take. */
export interface Rolling {
  readonly free: ReadonlySet<Pending>;
  readonly interrupting: ReadonlySet<Pending>;
}

/**
 * The writes of a plan that belong to a rollout whose Deployment keeps its availability: enough of its pods stay
 * available when all of them are done. They cost nothing, unless its owner wishes that all of its pods may be away at
 * once: that is no mistake of one cause, and is lost all the same. A Deployment that is made smaller is no rollout.
 */
export function rollingIn(writes: readonly Pending[], lookup: Lookup, wall: Ms): Rolling {
  const rollouts = new Map<string, Rollout>();
  for (const pending of writes) join(rollouts, pending, lookup);
  const free = new Set<Pending>();
  const interrupting = new Set<Pending>();
  for (const rollout of rollouts.values()) {
    if (madeSmaller(rollout, lookup) || !staysAvailable(rollout, lookup, wall)) continue;
    const into = mayBeAwayWhole(rollout.deployment) ? interrupting : free;
    for (const pending of rollout.writes) into.add(pending);
  }
  return { free, interrupting };
}

export function freeOfCharge(writes: readonly Pending[], lookup: Lookup, wall: Ms): ReadonlySet<Pending> {
  return rollingIn(writes, lookup, wall).free;
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
    sets: new Map(),
  };
  rollout.writes.push(pending);
  rollout.sets.set(set.metadata?.uid ?? '', set);
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

/** For how many replicas it was sized; undefined where it does not say. */
function desiredOf(set: ReplicaSet): number | undefined {
  const annotations = set.metadata?.annotations;
  const text = annotations && Object.hasOwn(annotations, DESIRED) ? annotations[DESIRED] : undefined;
  return typeof text === 'string' && /^\d{1,9}$/.test(text) ? whole(Number(text)) : undefined;
}

const wishedOf = ({ spec }: Deployment | ReplicaSet): number => whole(spec?.replicas) ?? 1;

/**
 * Whether its ReplicaSets were sized for more than it wishes now, or do not say for how many. A tenant may write there
 * what he likes, so what they have together counts as well: no rollout goes above its surge.
 */
function madeSmaller({ deployment, sets }: Rollout, lookup: Lookup): boolean {
  const replicas = wishedOf(deployment);
  if ([...sets.values()].some((set) => (desiredOf(set) ?? Number.POSITIVE_INFINITY) > replicas)) return true;
  const all = lookup.controlledBy('apps/replicasets', deployment.metadata?.uid ?? '') ?? [];
  const sizes = all.reduce((sum, set) => sum + wishedOf(set as ReplicaSet), 0);
  return sizes > replicas + surgeOf(deployment);
}

function staysAvailable(rollout: Rollout, lookup: Lookup, wall: Ms): boolean {
  const { deployment } = rollout;
  const sets = lookup.controlledBy('apps/replicasets', deployment.metadata?.uid ?? '');
  if (sets === undefined || !lookup.holds('core/pods')) return false;
  const left = sets.reduce((sum, set) => sum + availableAfter(set.metadata?.uid ?? '', rollout, lookup, wall), 0);
  return left >= wishedOf(deployment) - mayBeUnavailable(deployment);
}

function availableAfter(set: string, { deployment, deleted, lowered }: Rollout, lookup: Lookup, wall: Ms): number {
  const minReady = whole(deployment.spec?.minReadySeconds) ?? 0;
  const pods = (lookup.controlledBy('core/pods', set) ?? []) as readonly Pod[];
  const available = pods.filter(
    (pod) => isActive(pod) && isAvailable(pod, minReady, wall) && !deleted.has(pod.metadata?.uid ?? ''),
  ).length;
  return Math.min(available, lowered.get(set) ?? available);
}

/** `Recreate`, or as much in other words. */
function mayBeAwayWhole(deployment: Deployment): boolean {
  const replicas = wishedOf(deployment);
  return replicas > 0 && mayBeUnavailable(deployment) >= replicas;
}

function surgeOf(deployment: Deployment): number {
  const surge = deployment.spec?.strategy?.rollingUpdate?.maxSurge ?? '25%';
  return resolved(surge, wishedOf(deployment), Math.ceil);
}

/** As upstream resolves it. Recreate wishes all of its pods gone at once, so that is availability as its owner has it. */
function mayBeUnavailable(deployment: Deployment): number {
  const replicas = wishedOf(deployment);
  const { strategy } = deployment.spec ?? {};
  if (strategy?.type === 'Recreate') return replicas;
  const unavailable = resolved(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, Math.floor);
  return Math.min(replicas, unavailable === 0 && surgeOf(deployment) === 0 ? 1 : unavailable);
}

/** An absolute number or a percentage; what is neither is none. */
function resolved(value: unknown, of: number, round: (n: number) => number): number {
  const percent = typeof value === 'string' ? /^(\d{1,3})%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? (whole(value) ?? 0) : round((Number(percent) * of) / 100);
}
