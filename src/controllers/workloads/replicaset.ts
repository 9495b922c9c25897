import { allow, defineController, requires } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';

export const replicaset = defineController({
  name: 'replicaset',
  upstreamRole: 'replicaset-controller',
  does: 'Keeps the wished number of pods of each ReplicaSet.',
  events: true,
  rbac: [
    allow('apps/replicasets', 'get', 'list', 'watch'),
    allow('apps/replicasets/status', 'patch'),
    allow('core/pods', 'list', 'watch', 'create', 'patch', 'delete'),
    requires('apps', 'replicasets/finalizers', ['update'], 'pods carry an owner reference with blockOwnerDeletion'),
  ],
  loops: [
    {
      queue: 'replicaset',
      key: 'apps/replicasets',
      workers: 5,
      workersFlag: 'concurrent-replicaset-syncs',
      reconcile: ({ object }) => nothing(object === undefined ? 'gone' : 'in-order'),
    },
  ],
});
