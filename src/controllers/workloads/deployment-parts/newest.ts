import type { Deployment, LabelSelector, ReplicaSet } from '#core/k8s/types.gen.ts';
import { ownerReference } from '#core/owner.ts';
import { patchOf } from '#core/patch.ts';
import type { Create, Patch } from '#core/plan.ts';
import { maxRevision, newestAnnotations, sizeAnnotations } from './annotations.ts';
import { sizeOf, sum } from './bounds.ts';
import type { Family } from './family.ts';
import { newestSize } from './sizes.ts';
import { HASH_LABEL, templateHash, withHash } from './template.ts';

/** Makes the ReplicaSet for the Deployment's template, as large as its strategy allows at once, or `empty`. */
export function creation(deployment: Deployment, { old }: Family, empty?: 'empty'): Create {
  const { name = '', namespace } = deployment.metadata ?? {};
  const { selector, template, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labelled = withHash(template, hash);
  const annotations = newestAnnotations(deployment, {}, maxRevision(old) + 1n);
  const object: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: replicaSetName(name, hash),
      ...(namespace !== undefined && { namespace }),
      labels: labelled.metadata?.labels ?? {},
      annotations: { ...annotations, ...sizeAnnotations(deployment) },
      ownerReferences: [ownerReference('apps/deployments', deployment)],
    },
    spec: {
      replicas: empty === 'empty' ? 0 : newestSize(deployment, 0, sum(old, sizeOf)),
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: selecting(selector, hash),
      template: labelled,
    },
  };
  return {
    verb: 'create',
    resource: 'apps/replicasets',
    ...(namespace !== undefined && { namespace }),
    object,
    reason: 'create-replica-set',
  };
}

/** Names of most kinds have at most so many characters. */
const LONGEST = 253;

/** `<deployment>-<hash>`, of which the Deployment's part is cut where it is too long. */
export function replicaSetName(deployment: string, hash: string): string {
  return `${deployment.slice(0, LONGEST - 1 - hash.length)}-${hash}`;
}

function selecting(selector: LabelSelector, hash: string): LabelSelector {
  return { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } };
}

/**
 * Keeps the ReplicaSet of the Deployment's template in step with it: annotations, revision, `minReadySeconds`.
 * Undefined when it is.
 */
export function noted(deployment: Deployment, newest: ReplicaSet, old: Family['old']): Patch | undefined {
  const annotations = newestAnnotations(deployment, newest, maxRevision(old) + 1n);
  const { minReadySeconds = 0 } = deployment.spec;
  const { metadata = {}, spec } = newest;
  const inStep = (spec.minReadySeconds ?? 0) === minReadySeconds;
  return patchOf({
    resource: 'apps/replicasets',
    before: newest,
    after: {
      ...newest,
      metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
      spec: inStep ? spec : { ...spec, minReadySeconds },
    },
    reason: 'annotate',
  });
}
