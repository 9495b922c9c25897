import { getCondition, removeCondition } from '#core/condition.ts';
import type { Deployment, DeploymentCondition, ReplicaSet, ReplicaSetCondition } from '#core/k8s/types.gen.ts';
import { formatTime, type Ms } from '#core/time.ts';
import type { Family } from './family.ts';

export type Conditions = readonly DeploymentCondition[];
/** A condition without its times. */
export interface Told {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export const PROGRESSING = 'Progressing';
export const AVAILABLE = 'Available';
export const FAILURE = 'ReplicaFailure';

export const COMPLETE = 'NewReplicaSetAvailable';
export const TIMED_OUT = 'ProgressDeadlineExceeded';
const PAUSED = 'DeploymentPaused';

const progress = (status: Told['status'], reason: string, message: string): Told => ({
  type: PROGRESSING,
  status,
  reason,
  message,
});

/** What the conditions say, in upstream's words. */
export const TELL = {
  paused: progress('Unknown', PAUSED, 'Deployment is paused'),
  resumed: progress('Unknown', 'DeploymentResumed', 'Deployment is resumed'),
  created: (name: string) => progress('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`),
  found: (name: string) => progress('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`),
  notCreated: (message: string) => progress('False', 'ReplicaSetCreateError', message),
  complete: (who: string) => progress('True', COMPLETE, `${who} has successfully progressed.`),
  progressing: (who: string) => progress('True', 'ReplicaSetUpdated', `${who} is progressing.`),
  timedOut: (who: string) => progress('False', TIMED_OUT, `${who} has timed out progressing.`),
  available: {
    type: AVAILABLE,
    status: 'True',
    reason: 'MinimumReplicasAvailable',
    message: 'Deployment has minimum availability.',
  },
  unavailable: {
    type: AVAILABLE,
    status: 'False',
    reason: 'MinimumReplicasUnavailable',
    message: 'Deployment does not have minimum availability.',
  },
} as const;

/**
 * With a condition added or replaced. One of the same status and reason stays as it is, whatever it says: a text that
 * changes with each try must not write the status each time.
 */
export function tell(conditions: Conditions, told: Told, wall: Ms): Conditions {
  const now = formatTime(wall);
  return placed(conditions, { ...told, lastUpdateTime: now, lastTransitionTime: now });
}

function placed(conditions: Conditions, condition: DeploymentCondition): Conditions {
  const type = condition.type ?? '';
  const current = getCondition(conditions, type);
  const unmoved = current !== undefined && current.status === condition.status;
  if (unmoved && current.reason === condition.reason) return conditions;
  const since = unmoved ? current.lastTransitionTime : condition.lastTransitionTime;
  const next = { ...condition, ...(since !== undefined && { lastTransitionTime: since }) };
  return [...removeCondition(conditions, type), next];
}

/** The same, but each time anew: the time of the last progress is what the deadline counts from. */
export function tellAgain(conditions: Conditions, told: Told, wall: Ms): Conditions {
  const current = getCondition(conditions, told.type);
  const now = formatTime(wall);
  const since = current?.status === 'True' ? current.lastTransitionTime : now;
  const next = { ...told, lastUpdateTime: now, ...(since !== undefined && { lastTransitionTime: since }) };
  return [...removeCondition(conditions, told.type), next];
}

const FOREVER = 2 ** 31 - 1;

/** Seconds without progress after which it is said to be stuck; undefined: never. */
export function deadlineOf({ spec }: Deployment): number | undefined {
  const { progressDeadlineSeconds: deadline } = spec;
  return deadline === FOREVER ? undefined : deadline;
}

/**
 * The conditions of a Deployment that was just paused or resumed: so that a pause never counts as lack of progress. Who
 * was stuck before stays so.
 */
export function pauseTold(deployment: Deployment, conditions: Conditions, wall: Ms): Conditions {
  if (deadlineOf(deployment) === undefined) return conditions;
  const reason = getCondition(conditions, PROGRESSING)?.reason;
  const paused = deployment.spec.paused === true;
  if (reason === TIMED_OUT || paused === (reason === PAUSED)) return conditions;
  return tell(conditions, paused ? TELL.paused : TELL.resumed, wall);
}

/** The failure of the new ReplicaSet, or of any other; none where no ReplicaSet fails. */
export function failureTold({ newest, old }: Family, conditions: Conditions): Conditions {
  const failure = [...(newest === undefined ? [] : [newest]), ...old].map(failureOf).find((one) => one !== undefined);
  if (failure === undefined) return removeCondition(conditions, FAILURE);
  const { lastTransitionTime } = failure;
  return placed(conditions, { ...failure, ...(lastTransitionTime && { lastUpdateTime: lastTransitionTime }) });
}

const failureOf = ({ status }: ReplicaSet): ReplicaSetCondition | undefined =>
  getCondition(status?.conditions, FAILURE);
