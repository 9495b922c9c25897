import { getCondition, removeCondition } from '#core/condition.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#core/k8s/types.gen.ts';
import { patchOf } from '#core/patch.ts';
import { nothing, type Patch, type Plan } from '#core/plan.ts';
import { type Ms, parseTime, seconds } from '#core/time.ts';
import { annotationOf, REVISION } from './annotations.ts';
import { desiredOf, minAvailable, sizeOf, sum } from './bounds.ts';
import {
  COMPLETE,
  type Conditions,
  deadlineOf,
  failureTold,
  PROGRESSING,
  pauseTold,
  TELL,
  TIMED_OUT,
  type Told,
  tell,
  tellAgain,
} from './conditions.ts';
import { everyone, type Family } from './family.ts';

/** What a status may say beside what the ReplicaSets tell. */
export interface Report {
  /** `count` leaves the estimate of progress alone: a change of size, a pause and an end are no rollouts. */
  readonly mode: 'count' | 'rollout';
  /** What became of a try to make the new ReplicaSet. */
  readonly told?: Told | undefined;
  /** Its name is taken by another template: the next try takes another name. */
  readonly collided?: true | undefined;
}

/** Writes the status where it is not up to date, and says when to look for a deadline that passed. */
export function statusPlan(deployment: Deployment, family: Family, report: Report, wall: Ms): Plan {
  const before = prepared(deployment, family, report, wall);
  const after = { ...before, status: statusAfter(before, family, report.mode, wall) };
  const look = report.mode === 'rollout' ? nextLook(after, wall) : {};
  const patch = statusPatch(deployment, after);
  return patch === undefined ? nothing('in-order', look) : { reason: 'status', chains: [[patch]], events: [], ...look };
}

/** As upstream's, this status write carries the revision as well: by the main resource it would count as a change. */
function statusPatch(before: Deployment, after: Deployment): Patch | undefined {
  return patchOf({
    resource: 'apps/deployments',
    before,
    after,
    reason: 'status',
    subresource: 'status',
    annotations: [REVISION],
  });
}

/** The Deployment with what a sync notes before it looks at numbers: pauses, its revision, its new ReplicaSet. */
function prepared(deployment: Deployment, { newest }: Family, report: Report, wall: Ms): Deployment {
  const { status = {}, metadata = {} } = deployment;
  const leaving = metadata.deletionTimestamp !== undefined;
  let conditions = status.conditions ?? [];
  if (!leaving) conditions = pauseTold(deployment, conditions, wall);
  if (deadlineOf(deployment) !== undefined) {
    if (report.told !== undefined) conditions = tell(conditions, report.told, wall);
    else if (newest !== undefined && isNews(deployment, newest, conditions))
      conditions = tell(conditions, TELL.found(newest.metadata?.name ?? ''), wall);
  }
  const collisionCount = report.collided ? (status.collisionCount ?? 0) + 1 : status.collisionCount;
  return {
    ...deployment,
    metadata: newest === undefined ? metadata : withRevision(deployment, newest),
    status: withConditions({ ...status, ...(collisionCount !== undefined && { collisionCount }) }, conditions),
  };
}

/**
 * Nothing was told of this ReplicaSet yet. What is said of a rollout that is over is of the one before where the revision
 * is still that one's: the answer that told of a new ReplicaSet was lost. As news it has a deadline.
 */
function isNews(deployment: Deployment, newest: ReplicaSet, conditions: Conditions): boolean {
  const said = getCondition(conditions, PROGRESSING);
  if (said?.reason === undefined) return true;
  // Somebody may have set the revision back, with a manifest that was exported; what is over names its ReplicaSet.
  const isOver = said.message?.includes(`"${newest.metadata?.name}"`) === true;
  return said.reason === COMPLETE && !isOver && revisionIn(deployment) !== revisionIn(newest);
}

const revisionIn = (one: Deployment | ReplicaSet): string => annotationOf(one, REVISION) ?? '';

function withRevision(deployment: Deployment, newest: ReplicaSet): NonNullable<Deployment['metadata']> {
  const { metadata = {} } = deployment;
  const revision = revisionIn(newest);
  if (revisionIn(deployment) === revision) return metadata;
  return { ...metadata, annotations: { ...metadata.annotations, [REVISION]: revision } };
}

function withConditions(status: DeploymentStatus, conditions: Conditions): DeploymentStatus {
  const { conditions: _, ...others } = status;
  return { ...others, ...(conditions.length > 0 && { conditions }) };
}

function statusAfter(deployment: Deployment, family: Family, mode: Report['mode'], wall: Ms): DeploymentStatus {
  const counted = countsOf(deployment, family);
  const before = deployment.status?.conditions ?? [];
  const enough = (counted.availableReplicas ?? 0) >= minAvailable(deployment);
  let conditions = tell(before, enough ? TELL.available : TELL.unavailable, wall);
  if (mode === 'rollout') {
    conditions = progressTold(deployment, family, counted, conditions, wall);
    conditions = failureTold(family, conditions);
  }
  return withConditions(counted, conditions);
}

/** The API leaves out counts that are zero, except `terminatingReplicas`. */
function countsOf(deployment: Deployment, family: Family): DeploymentStatus {
  const all = everyone(family);
  const available = sum(all, ({ status }) => status?.availableReplicas ?? 0);
  const generation = deployment.metadata?.generation;
  const terminating = terminatingOf(all);
  const counts = {
    replicas: sum(all, ({ status }) => status?.replicas ?? 0),
    updatedReplicas: family.newest?.status?.replicas ?? 0,
    readyReplicas: sum(all, ({ status }) => status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(all, sizeOf) - available),
  };
  return {
    ...withoutCounts(deployment.status ?? {}),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(terminating !== undefined && { terminatingReplicas: terminating }),
  };
}

/** What else the status holds stays, also what this version does not know. */
function withoutCounts(status: DeploymentStatus): DeploymentStatus {
  const { replicas: _, updatedReplicas: _u, readyReplicas: _r, availableReplicas: _a, ...others } = status;
  const { unavailableReplicas: _n, terminatingReplicas: _t, observedGeneration: _g, ...rest } = others;
  return rest;
}

/** Undefined where a ReplicaSet that was counted does not tell. */
export function terminatingOf(replicaSets: readonly ReplicaSet[]): number | undefined {
  let total = 0;
  for (const { status } of replicaSets) {
    const { terminatingReplicas, observedGeneration = 0 } = status ?? {};
    if (terminatingReplicas === undefined && observedGeneration !== 0) return undefined;
    total += terminatingReplicas ?? 0;
  }
  return total;
}

/** All wished pods are of the new template and available, no others are left, and this is known of the latest spec. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = desiredOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === desired &&
    (status.replicas ?? 0) === desired &&
    (status.availableReplicas ?? 0) === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

/** More new pods, fewer old ones, more that are ready or available. */
export function hasProgressed(old: DeploymentStatus, now: DeploymentStatus): boolean {
  const outdated = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (now.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    outdated(now) < outdated(old) ||
    (now.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

function progressTold(
  deployment: Deployment,
  { newest }: Family,
  counted: DeploymentStatus,
  conditions: Conditions,
  wall: Ms,
): Conditions {
  const deadline = deadlineOf(deployment);
  if (deadline === undefined) return removeCondition(conditions, PROGRESSING);
  const current = getCondition(conditions, PROGRESSING);
  // A rollout that is over stays so, also where pods fail later.
  if ((counted.replicas ?? 0) === (counted.updatedReplicas ?? 0) && current?.reason === COMPLETE) return conditions;
  const { metadata } = newest ?? deployment;
  const who = `${newest === undefined ? 'Deployment' : 'ReplicaSet'} "${metadata?.name ?? ''}"`;
  if (isComplete(deployment, counted)) return tell(conditions, TELL.complete(who), wall);
  if (hasProgressed(deployment.status ?? {}, counted)) return tellAgain(conditions, TELL.progressing(who), wall);
  const stuck = current !== undefined && current.reason !== COMPLETE && leftOf(current, deadline, wall) < 0;
  return stuck || current?.reason === TIMED_OUT ? tell(conditions, TELL.timedOut(who), wall) : conditions;
}

/** Milliseconds until a rollout without progress is said to be stuck; below zero once it is. */
function leftOf(current: { readonly lastUpdateTime?: string }, deadline: number, wall: Ms): Ms {
  return (parseTime(current.lastUpdateTime) ?? 0) + seconds(deadline) - wall;
}

/**
 * When to look again whether the deadline has passed, a second later because times are whole seconds. A rollout that is
 * over, or stuck already, is not looked at: neither can become stuck. Upstream polls the first kind all the time.
 */
function nextLook(deployment: Deployment, wall: Ms): { requeueAfter?: Ms } {
  const [deadline, status = {}] = [deadlineOf(deployment), deployment.status];
  const current = getCondition(status.conditions, PROGRESSING);
  if (deadline === undefined || current === undefined || isComplete(deployment, status)) return {};
  if (current.reason === TIMED_OUT || current.reason === COMPLETE) return {};
  return { requeueAfter: Math.max(0, leftOf(current, deadline, wall)) + seconds(1) };
}
