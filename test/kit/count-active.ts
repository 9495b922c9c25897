import type { Pod } from '#core/k8s/types.gen.ts';
import { pathOf } from '#core/resource.ts';
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
  { server, caFile, adminKeys }: Followed,
  namespace: string,
  app: string,
  look: (pods: readonly Pod[]) => void,
): () => Promise<void> {
  const client = new ApiClient({ server, caFile, ...adminKeys });
  const end = new AbortController();
  const path = `${pathOf('core/pods', { namespace })}?labelSelector=app%3D${app}`;
  const following = (async () => {
    for await (const pods of states(client, path, end.signal)) look([...pods.values()] as Pod[]);
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
