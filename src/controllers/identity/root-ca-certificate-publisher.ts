import { allow, allowNamed, defineController } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';

export const rootCaCertificatePublisher = defineController({
  name: 'root-ca-certificate-publisher',
  aliases: ['root-ca-cert-publisher'],
  upstreamRole: 'root-ca-cert-publisher',
  does: "Publishes the API server's CA as ConfigMap `kube-root-ca.crt` in each active namespace.",
  events: false,
  rbac: [
    allow('core/namespaces', 'list', 'watch'),
    allowNamed('core/configmaps', ['kube-root-ca.crt'], 'list', 'watch', 'patch'),
    allow('core/configmaps', 'create'),
  ],
  loops: [
    {
      queue: 'root_ca_cert_publisher',
      key: 'core/namespaces',
      workers: 1,
      reconcile: () => nothing('in-order'),
    },
  ],
});
