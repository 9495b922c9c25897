import { normal, warning } from '#core/events.ts';
import type { Deployment } from '#core/k8s/types.gen.ts';
import { refusal } from '#core/outcome.ts';
import { isControlledBy } from '#core/owner.ts';
import type { Outcome, Plan, PlannedEvent } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './claim.ts';
import { TELL, type Told } from './conditions.ts';
import { rolledBack } from './rollback.ts';
import { scaledMessage } from './scale.ts';
import type { Report } from './status.ts';
import { sameTemplate } from './template.ts';

/** Whether a write makes the new ReplicaSet or keeps it in step: the rollout waits for it. */
export function makes({ write }: Outcome): boolean {
  return write.verb === 'create' || write.reason === 'annotate';
}

/** Upstream's events: one for each change of a size, one for a rollback, one for a ReplicaSet that could not be made. */
export function eventsOf(deployment: Deployment, outcomes: readonly Outcome[]): readonly PlannedEvent[] {
  const regarding = refOf('apps/deployments', deployment);
  return outcomes.flatMap((outcome) => {
    const { write } = outcome;
    if (outcome.kind === 'applied' && outcome.benign === undefined) {
      if (write.verb === 'patch' && write.reason === 'rollback') return rolledBack(deployment, write);
      const message = scaledMessage(write);
      return message === undefined ? [] : [normal(regarding, 'ScalingReplicaSet', message)];
    }
    const failure = failureToCreate(outcome);
    return failure === undefined ? [] : [warning(regarding, 'ReplicaSetCreateError', failure)];
  });
}

function failureToCreate(outcome: Outcome): string | undefined {
  const { write } = outcome;
  if (write.verb !== 'create' || isTaken(outcome)) return undefined;
  const why = refusal(outcome);
  return why && `Failed to create new replica set "${write.object.metadata?.name ?? ''}": ${why}`;
}

const isTaken = (outcome: Outcome): boolean => outcome.kind === 'failed' && outcome.code === 'API_EXISTS';

/** What the status shall say of these writes. */
export function reportOf(deployment: Deployment, plan: Plan, outcomes: readonly Outcome[], view: View<Listed>): Report {
  const told = outcomes.map(creationTold).find((one) => one !== undefined);
  const collided = outcomes.some((outcome) => isCollision(deployment, outcome, view)) || undefined;
  const counts = plan.reason === 'scale' || deployment.spec.paused === true || told?.status === 'False';
  return { mode: counts || collided ? 'count' : 'rollout', told, collided };
}

function creationTold(outcome: Outcome): Told | undefined {
  const { write } = outcome;
  if (write.verb !== 'create') return undefined;
  if (outcome.kind === 'applied') return TELL.created(write.object.metadata?.name ?? '');
  const failure = failureToCreate(outcome);
  return failure === undefined ? undefined : TELL.notCreated(failure);
}

/**
 * The name of the new ReplicaSet is taken, by one that is not ours or runs another template. While it is not in the view
 * nothing is known of it; ours, with our template, the next run will find by itself.
 */
function isCollision(deployment: Deployment, outcome: Outcome, view: View<Listed>): boolean {
  const { write } = outcome;
  if (write.verb !== 'create' || !isTaken(outcome)) return false;
  const { namespace, name = '' } = write.object.metadata ?? {};
  const other = view.get('apps/replicasets', { namespace, name });
  if (other === undefined) return false;
  return !isControlledBy(other, deployment) || !sameTemplate(other.spec.template, deployment.spec.template);
}
