import { allowAny, defineController } from '#core/controller.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Now } from '#core/time.ts';
import { collect, settleCollect } from './garbage-collector-parts/collect.ts';
import { fold } from './garbage-collector-parts/fold.ts';
import { gatherForDelete, gatherForOrphan } from './garbage-collector-parts/gather.ts';
import { createGraph, DELETE, type Graph, ORPHANS } from './garbage-collector-parts/graph.ts';
import { learn } from './garbage-collector-parts/learn.ts';
import { leave, settleLeave } from './garbage-collector-parts/leave.ts';
import { track } from './garbage-collector-parts/track.ts';

/**
 * Deletes what has no owner left. The graph of owners only says what to look at: whether an object goes is decided by
 * live reads of it and of each of its owners, and it goes only at the version that was read.
 */
export const garbageCollector = defineController({
  name: 'garbage-collector',
  aliases: ['garbagecollector'],
  upstreamRole: 'generic-garbage-collector',
  does: 'Deletes objects whose owners are gone, and lets owners end whose dependents are to go first or to stay.',
  rbac: [allowAny('get', 'list', 'watch', 'patch', 'delete')],
  events: true,
  derive: {
    initial: createGraph,
    fold: (state: unknown, resource: Resource, old: ApiObject | undefined, now: ApiObject | undefined) =>
      fold(state as Graph, resource, old, now),
    tracked: (state, tracking, at: Now) => track(state as Graph, tracking, at),
    learn: (state, learnt) => learn(state as Graph, learnt),
  },
  loops: [
    {
      queue: DELETE,
      key: 'string',
      workers: 20,
      workersFlag: 'concurrent-gc-syncs',
      gather: gatherForDelete,
      reconcile: collect,
      settle: settleCollect,
    },
    {
      queue: ORPHANS,
      key: 'string',
      workers: 20,
      workersFlag: 'concurrent-gc-syncs',
      gather: gatherForOrphan,
      reconcile: leave,
      settle: settleLeave,
    },
  ],
});
