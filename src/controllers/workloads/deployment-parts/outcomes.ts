import { normal, warning } from '#core/events.ts';
import type { Deployment } from '#core/k8s/types.gen.ts';
import { refusal } from '#core/outcome.ts';
import { isControlledBy } from '#core/owner.ts';
import { type Create, nothing, type Outcome, type Plan, type PlannedEvent } from '#core/plan.ts';
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
export function eventsOf(
  deployment: Deployment,
  outcomes: readonly Outcome[],
  isStrange: (outcome: Outcome) => boolean,
): readonly PlannedEvent[] {
  const regarding = refOf('apps/deployments', deployment);
  return outcomes.flatMap((outcome) => {
    const { write } = outcome;
    if (outcome.kind === 'applied' && outcome.benign === undefined) {
      if (write.verb === 'patch' && write.reason === 'rollback') return rolledBack(deployment, write);
      const message = scaledMessage(write);
      const scaled = message === undefined ? [] : [normal(regarding, 'ScalingReplicaSet', message)];
      return write.verb === 'create' && isStrange(outcome)
        ? [...scaled, failed(deployment, failure(write, UNRECOGNISED))]
        : scaled;
    }
    const why = failureToCreate(outcome);
    return why === undefined ? [] : [failed(deployment, why)];
  });
}

function failureToCreate(outcome: Outcome): string | undefined {
  const { write } = outcome;
  if (write.verb !== 'create' || isTaken(outcome)) return undefined;
  const why = refusal(outcome);
  return why && failure(write, why);
}

const failure = ({ object }: Create, why: string): string =>
  `Failed to create new replica set "${object.metadata?.name ?? ''}": ${why}`;
const failed = (deployment: Deployment, message: string): PlannedEvent =>
  warning(refOf('apps/deployments', deployment), 'ReplicaSetCreateError', message);

/** Its own selector does not match what every ReplicaSet of it is labelled with. */
export const UNFIT = "the Deployment's selector would not match it: it must leave the label pod-template-hash alone";
/** One was made already. */
export const UNRECOGNISED =
  'one was made, but admission changed its labels, its owner or its template: it is not recognised as that of the Deployment';

/** A plan that does not make the new ReplicaSet, and tells why; `reportOf` knows it. */
export const notMade = (deployment: Deployment, write: Create, why: string): Plan =>
  nothing(NOT_MADE, { events: [failed(deployment, failure(write, why))] });
const NOT_MADE = 'not-made';

const isTaken = (outcome: Outcome): boolean => outcome.kind === 'failed' && outcome.code === 'API_EXISTS';

/** What the status shall say of these writes. */
export function reportOf(
  deployment: Deployment,
  plan: Plan,
  outcomes: readonly Outcome[],
  { view, isStrange }: { readonly view: View<Listed>; readonly isStrange: (outcome: Outcome) => boolean },
): Report {
  const told =
    notMadeTold(plan) ?? outcomes.map((one) => creationTold(one, isStrange)).find((one) => one !== undefined);
  const collided = outcomes.some((outcome) => isCollision(deployment, outcome, view)) || undefined;
  const counts = plan.reason === 'scale' || deployment.spec.paused === true || told?.status === 'False';
  return { mode: counts || collided ? 'count' : 'rollout', told, collided };
}

function notMadeTold({ reason, events: [first] }: Plan): Told | undefined {
  return reason === NOT_MADE && first !== undefined ? TELL.notCreated(first.message) : undefined;
}

function creationTold(outcome: Outcome, isStrange: (outcome: Outcome) => boolean): Told | undefined {
  const { write } = outcome;
  if (write.verb !== 'create') return undefined;
  if (isStrange(outcome)) return TELL.notCreated(failure(write, UNRECOGNISED));
  if (outcome.kind === 'applied') return TELL.created(write.object.metadata?.name ?? '');
  const why = failureToCreate(outcome);
  return why === undefined ? undefined : TELL.notCreated(why);
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
