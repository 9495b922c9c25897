import { allow, defineController } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';

export const serviceaccount = defineController({
  name: 'serviceaccount',
  upstreamRole: 'service-account-controller',
  does: 'Gives each active namespace its ServiceAccount `default`.',
  events: false,
  rbac: [allow('core/namespaces', 'list', 'watch'), allow('core/serviceaccounts', 'list', 'watch', 'create')],
  loops: [
    {
      queue: 'serviceaccount',
      key: 'core/namespaces',
      workers: 1,
      workersFlag: 'concurrent-serviceaccount-syncs',
      reconcile: () => nothing('in-order'),
    },
  ],
});
