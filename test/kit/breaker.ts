import { replicaset } from '#controllers/workloads/replicaset.ts';
import type { Create, Delete, Plan, PlannedEvent, Write } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import type { Reins } from '#gate/breaker/desk.ts';
import { type GateBench, gateBench, type World, wired } from '#kit/gate.ts';

export const NAMESPACE: ApiObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'a', resourceVersion: '1' },
};
export const web = (generation: number, replicas = 60): ApiObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { namespace: 'a', name: 'web', uid: 'u-web', resourceVersion: '5', generation },
  ...{ spec: { replicas: 5 }, status: { replicas } },
});
export const podOf = (at: number): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'a',
    name: `web-${at}`,
    uid: `u-${at}`,
    resourceVersion: '1',
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: 'u-web',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  ...{ status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
});
export const pods = Array.from({ length: 60 }, (_, at) => podOf(at));
export const remove = (at: number): Delete => ({
  verb: 'delete',
  reason: 'scale-down',
  ref: { resource: 'core/pods', namespace: 'a', name: `web-${at}`, uid: `u-${at}` },
  before: pods[at] ?? {},
});
export const create: Create = {
  verb: 'create',
  reason: 'scale-up',
  resource: 'core/pods',
  namespace: 'a',
  object: { metadata: { generateName: 'web-' } },
};
export const removals = (count: number, from = 0): Write[][] =>
  Array.from({ length: count }, (_, at) => [remove(from + at)]);

export interface Seen {
  /** Takes the reins: what a follower does when it wins. */
  readonly lead: () => () => void;
  readonly bench: GateBench;
  readonly woken: string[];
  readonly events: PlannedEvent[];
  readonly run: (plan: Plan, generation?: number) => Promise<string[]>;
}

/** A gate with its breaker, before a ReplicaSet of 60 ready pods; it leads, unless it is to `follow`. */
export function seen(change: Partial<World> = {}, role: 'lead' | 'follow' = 'lead'): Seen {
  const bench = gateBench({ objects: [NAMESPACE, web(2), ...pods], ...change });
  const woken: string[] = [];
  const events: PlannedEvent[] = [];
  const reins: Reins = {
    epoch: bench.parts.fence.epoch,
    emit: (_work, some) => void events.push(...some),
    wake: (address) => void woken.push(address),
  };
  const lead = (): (() => void) => bench.breaker.desk.lead(reins);
  if (role === 'lead') lead();
  const run = async (plan: Plan, generation = 2): Promise<string[]> => {
    const { world } = bench;
    world.objects = world.objects.map((one) =>
      one.metadata?.uid === 'u-web' ? { ...one, metadata: { ...one.metadata, generation } } : one,
    );
    const { outcomes } = await bench.run(replicaset, web(generation), plan);
    return outcomes.flat().map((outcome) => ('code' in outcome ? outcome.code : outcome.kind));
  };
  return { bench, woken, events, run, lead };
}
export const kindsOf = (codes: readonly string[]): string[] => [...new Set(codes)];
export const deleted = ({ happened }: GateBench): number =>
  wired(happened).filter(({ verb }) => verb === 'delete').length;
export const notes = ({ happened }: GateBench, kind: string) =>
  happened.flatMap((one) => (one.at === 'note' && one.draft.note === kind ? [one.draft] : []));
export const holdOf = ({ breaker }: GateBench): string => breaker.store.books?.holds()[0]?.id ?? '';
export const leave = { by: 'ann', expiry: 60_000 };
