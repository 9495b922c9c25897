/** A tenant of its own beside the load: its pods are counted all the time, and it knows how long a wish of it took. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '#core/k8s/types.gen.ts';
import { pathOf } from '#core/resource.ts';
import { isActive, newNamespace, ready } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { states } from '#kit/watching.ts';
import { ApiClient } from '#local/client.ts';
import { replicaSet } from '../../demo/objects.ts';
import type { Arena } from '../fault.ts';

export interface Wished {
  /** Waits until it is there; milliseconds since it was wished. Throws when it is late, or was ever exceeded. */
  met(within: number): Promise<number>;
}

export interface Witness {
  readonly namespace: string;
  /** A ReplicaSet of so many pods. */
  wish(replicas: number): Promise<Wished>;
  /** How few pods of a wish there were at a time, once they were all there. */
  fewest(name: string): number;
  /** Counts no longer; what is there stays. */
  stop(): Promise<void>;
  /** Waits until no pod is gone or there that should not be, and takes everything away. */
  leave(): Promise<void>;
}

let opened = 0;

export async function openWitness({ admin, cluster }: Pick<Arena, 'admin' | 'cluster'>): Promise<Witness> {
  const namespace = `witness-${++opened}`;
  await newNamespace(admin, namespace);
  const counting = count(cluster, namespace);
  const wishes = new Map<string, number>();
  const notExceeded = (): void => {
    for (const [app, replicas] of wishes) {
      const most = counting.most.get(app) ?? 0;
      if (most > replicas) throw new Error(`${app} wished ${replicas} pods, and had ${most} at a time`);
    }
  };
  return {
    namespace,
    async wish(replicas) {
      const name = `wish-${wishes.size + 1}`;
      wishes.set(name, replicas);
      const begun = performance.now();
      await admin.create('apps/replicasets', replicaSet(namespace, name, replicas));
      return {
        async met(within) {
          await ready(admin, { namespace, name }, replicas, Math.max(1, within - (performance.now() - begun)));
          const took = Math.round(performance.now() - begun);
          notExceeded();
          return took;
        },
      };
    },
    fewest: (name) => counting.fewest.get(name) ?? 0,
    stop: () => counting.stop(),
    async leave() {
      const all = [...wishes.values()].reduce((sum, replicas) => sum + replicas, 0);
      const even = (): boolean => [...counting.now.values()].reduce((sum, pods) => sum + pods, 0) === all;
      await until(even, { timeout: 10_000, why: `exactly ${all} pods of the witness` });
      notExceeded();
      await counting.stop();
      await admin.delete('core/namespaces', { name: namespace });
    },
  };
}

interface Counting {
  /** Active pods by app, and how many there ever were at one moment. */
  readonly now: ReadonlyMap<string, number>;
  readonly most: ReadonlyMap<string, number>;
  /** And how few, since the most. */
  readonly fewest: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** By a watch of its own, past the proxy. */
function count({ server, caFile, adminKeys }: Arena['cluster'], namespace: string): Counting {
  const client = new ApiClient({ server, caFile, ...adminKeys });
  const end = new AbortController();
  const now = new Map<string, number>();
  const most = new Map<string, number>();
  const fewest = new Map<string, number>();
  const path = pathOf('core/pods', { namespace });
  const follow = async (): Promise<void> => {
    for await (const pods of states(client, path, end.signal)) {
      now.clear();
      for (const pod of pods.values()) {
        const app = pod.metadata?.labels?.app ?? '';
        if (isActive(pod as Pod)) now.set(app, (now.get(app) ?? 0) + 1);
      }
      for (const app of new Set([...now.keys(), ...most.keys()])) {
        const active = now.get(app) ?? 0;
        const rises = active > (most.get(app) ?? 0);
        if (rises) most.set(app, active);
        fewest.set(app, rises ? active : Math.min(active, fewest.get(app) ?? active));
      }
    }
  };
  const following = (async () => {
    // An API server that starts refuses for a while.
    for (; !end.signal.aborted; await pause(200)) await follow().catch(() => undefined);
  })();
  return {
    now,
    most,
    fewest,
    async stop() {
      end.abort();
      await client.close();
      await following;
    },
  };
}
