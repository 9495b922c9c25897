import { allow, defineController, type Input } from '#core/controller.ts';
import type { Namespace } from '#core/k8s/types.gen.ts';
import { nothing, type Plan, write } from '#core/plan.ts';

const NAME = 'default';

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
      on: {
        'core/serviceaccounts': (old, now) => (now === undefined ? [{ key: old?.metadata?.namespace ?? '' }] : []),
      },
      workers: 1,
      workersFlag: 'concurrent-serviceaccount-syncs',
      reconcile,
    },
  ],
});

function reconcile({ object: namespace, view }: Input<'core/namespaces' | 'core/serviceaccounts', Namespace>): Plan {
  if (namespace === undefined) return nothing('gone');
  if (namespace.status?.phase !== 'Active') return nothing('namespace-not-active');
  const name = namespace.metadata?.name ?? '';
  if (view.get('core/serviceaccounts', { namespace: name, name: NAME }) !== undefined) return nothing('in-order');
  return write('missing', {
    verb: 'create',
    resource: 'core/serviceaccounts',
    namespace: name,
    object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace: name } },
    reason: 'missing',
  });
}
