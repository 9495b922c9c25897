import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { ApiObject } from '#core/resource.ts';

/** A ReplicaSet of harmless pods; `container` adds to its only container. */
export function replicaSet(
  namespace: string,
  name: string,
  replicas: number,
  container: object = {},
): ReplicaSet & ApiObject {
  const labels = { app: name };
  return {
    metadata: { namespace, name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'main', image: `${name}:1`, ...container }], terminationGracePeriodSeconds: 0 },
      },
    },
  };
}

/** A pod that nobody owns, with the labels of a ReplicaSet: it will be adopted. */
export function orphan(namespace: string, name: string, app: string): object {
  return {
    metadata: { namespace, name, labels: { app } },
    spec: { containers: [{ name: 'main', image: `${app}:1` }] },
  };
}

/** A Deployment of such pods, with everything else as the API server fills it in. */
export function deployment(namespace: string, name: string, replicas: number): Deployment & ApiObject {
  const { metadata, spec } = replicaSet(namespace, name, replicas);
  return { metadata: { ...metadata }, spec: { ...spec, template: spec.template ?? {} } } as Deployment & ApiObject;
}
