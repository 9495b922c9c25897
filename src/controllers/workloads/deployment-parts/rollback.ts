import { normal, warning } from '#core/events.ts';
import type { Deployment } from '#core/k8s/types.gen.ts';
import { patchOf } from '#core/patch.ts';
import { nothing, type Patch, type Plan, type PlannedEvent } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { Labels } from '#core/selector.ts';
import {
  annotationOf,
  lastRevision,
  parseInt64,
  ROLLBACK_TO,
  revisionOf,
  rolledBackAnnotations,
} from './annotations.ts';
import { everyone, type Family } from './family.ts';
import { sameTemplate, withoutHash } from './template.ts';

/** The revision that `kubectl rollout undo` of old asked for; 0: the last one. Undefined where none is asked for. */
export function rollbackTo(deployment: Deployment): bigint | undefined {
  return parseInt64(annotationOf(deployment, ROLLBACK_TO) ?? '');
}

/** Takes the template of an earlier revision back. Whatever comes of it, the wish is taken off the Deployment. */
export function rollback(deployment: Deployment, family: Family, wished: bigint): Plan {
  const all = everyone(family);
  const revision = wished === 0n ? lastRevision(all) : wished;
  if (revision === 0n) return giveUp(deployment, 'DeploymentRollbackRevisionNotFound', 'Unable to find last revision.');
  const found = all.find((one) => revisionOf(one) === revision);
  if (found === undefined) {
    return giveUp(deployment, 'DeploymentRollbackRevisionNotFound', 'Unable to find the revision to rollback to.');
  }
  const { name = '' } = deployment.metadata ?? {};
  if (sameTemplate(deployment.spec.template, found.spec.template)) {
    const message = `The rollback revision contains the same template as current deployment "${name}"`;
    return giveUp(deployment, 'DeploymentRollbackTemplateUnchanged', message);
  }
  const template = withoutHash(found.spec.template ?? {});
  const spec = { ...deployment.spec, template };
  const patch = unasked(
    { ...deployment, spec },
    deployment,
    rolledBackAnnotations(deployment, found),
    String(revision),
  );
  return patch === undefined ? nothing('rollback') : { reason: 'rollback', chains: [[patch]], events: [] };
}

function giveUp(deployment: Deployment, reason: string, message: string): Plan {
  const patch = unasked(deployment, deployment, deployment.metadata?.annotations ?? {});
  return {
    reason: 'rollback',
    chains: patch === undefined ? [] : [[patch]],
    events: [warning(refOf('apps/deployments', deployment), reason, message)],
  };
}

function unasked(after: Deployment, before: Deployment, annotations: Labels, revision?: string): Patch | undefined {
  const { [ROLLBACK_TO]: _, ...others } = annotations;
  return patchOf({
    resource: 'apps/deployments',
    before,
    // An empty map, not none: to take the whole map away would take what the cache does not show.
    after: { ...after, metadata: { ...after.metadata, annotations: others } },
    reason: 'rollback',
    ...(revision !== undefined && { slot: revision }),
  });
}

/** Told once the template is back: the patch's slot names its revision. */
export function rolledBack(deployment: Deployment, patch: Patch): readonly PlannedEvent[] {
  const { name = '' } = deployment.metadata ?? {};
  if (patch.slot === undefined) return [];
  const message = `Rolled back deployment "${name}" to revision ${patch.slot}`;
  return [normal(refOf('apps/deployments', deployment), 'DeploymentRollback', message)];
}
