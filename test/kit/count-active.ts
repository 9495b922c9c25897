import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { type ApiObject, pathOf, type Resource } from '#core/resource.ts';
import { ApiClient } from '#local/client.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { isActive } from './manager.ts';
import { states } from './watching.ts';

export interface ActivePods {
  now(): number;
  /** How many were ever active at one moment. */
  most(): number;
  stop(): Promise<void>;
}

type Followed = Pick<LocalCluster, 'server' | 'caFile' | 'adminKeys'>;

/** Shows an app's pods after each change, in the order of the store, by a watch of its own. Ends by the function it gives. */
export function followPods(
  cluster: Followed,
  namespace: string,
  app: string,
  look: (pods: readonly Pod[]) => void,
): () => Promise<void> {
  return follow(cluster, 'core/pods', { namespace, app }, (objects) => look(objects as readonly Pod[]));
}

/** The same of its ReplicaSets. */
export function followSets(
  cluster: Followed,
  namespace: string,
  app: string,
  look: (sets: readonly ReplicaSet[]) => void,
): () => Promise<void> {
  return follow(cluster, 'apps/replicasets', { namespace, app }, (objects) => look(objects as readonly ReplicaSet[]));
}

function follow(
  { server, caFile, adminKeys }: Followed,
  resource: Resource,
  { namespace, app }: { readonly namespace: string; readonly app: string },
  look: (objects: readonly ApiObject[]) => void,
): () => Promise<void> {
  const client = new ApiClient({ server, caFile, ...adminKeys });
  const end = new AbortController();
  const path = `${pathOf(resource, { namespace })}?labelSelector=app%3D${app}`;
  const following = (async () => {
    for await (const objects of states(client, path, end.signal)) look([...objects.values()]);
  })().catch(() => undefined);
  return async () => {
    end.abort();
    await following;
    await client.close();
  };
}

export function countActive(cluster: Followed, namespace: string, app: string): ActivePods {
  let now = 0;
  let most = 0;
  const stop = followPods(cluster, namespace, app, (pods) => {
    now = pods.filter(isActive).length;
    most = Math.max(most, now);
  });
  return { now: () => now, most: () => most, stop };
}
