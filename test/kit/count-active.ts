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

/** Follows an app's pods by a watch of its own. */
export function countActive(
  { server, caFile, adminKeys }: Pick<LocalCluster, 'server' | 'caFile' | 'adminKeys'>,
  namespace: string,
  app: string,
): ActivePods {
  const client = new ApiClient({ server, caFile, ...adminKeys });
  const end = new AbortController();
  let now = 0;
  let most = 0;
  const path = `${pathOf('core/pods', { namespace })}?labelSelector=app%3D${app}`;
  const following = (async () => {
    for await (const pods of states(client, path, end.signal)) {
      now = [...pods.values()].filter((pod) => isActive(pod as Pod)).length;
      most = Math.max(most, now);
    }
  })().catch(() => undefined);
  return {
    now: () => now,
    most: () => most,
    async stop() {
      end.abort();
      await following;
      await client.close();
    },
  };
}
