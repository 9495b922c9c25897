import { allow, allowNamed, defineController, type Input, type Wake } from '#core/controller.ts';
import { jsonEqual } from '#core/json.ts';
import type { ConfigMap, Namespace } from '#core/k8s/types.gen.ts';
import { patchOf } from '#core/patch.ts';
import { nothing, type Plan, write } from '#core/plan.ts';

const NAME = 'kube-root-ca.crt';
const ANNOTATION = 'kubernetes.io/description';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

export const rootCaCertificatePublisher = defineController({
  name: 'root-ca-certificate-publisher',
  aliases: ['root-ca-cert-publisher'],
  upstreamRole: 'root-ca-cert-publisher',
  does: "Publishes the API server's CA as ConfigMap `kube-root-ca.crt` in each active namespace.",
  events: false,
  rbac: [
    allow('core/namespaces', 'list', 'watch'),
    allowNamed('core/configmaps', [NAME], 'list', 'watch', 'patch'),
    allow('core/configmaps', 'create'),
  ],
  loops: [
    {
      queue: 'root_ca_cert_publisher',
      key: 'core/namespaces',
      on: { 'core/configmaps': (old, now) => wakesFor(now ?? old) },
      workers: 1,
      reconcile,
    },
  ],
});

/** However the ConfigMap came to be as it is: one that someone made before us may hold another CA. */
function wakesFor(configMap: ConfigMap | undefined): readonly Wake[] {
  const { name, namespace } = configMap?.metadata ?? {};
  return name === NAME && namespace !== undefined ? [{ key: namespace }] : [];
}

function reconcile(input: Input<'core/namespaces' | 'core/configmaps', Namespace>): Plan {
  const { object: namespace, view, settings } = input;
  if (settings.rootCa === undefined) return nothing('no-root-ca');
  if (namespace === undefined) return nothing('gone');
  if (namespace.status?.phase !== 'Active') return nothing('namespace-not-active');
  const name = namespace.metadata?.name ?? '';
  const data = { 'ca.crt': settings.rootCa };
  const found = view.get('core/configmaps', { namespace: name, name: NAME });
  return found === undefined ? publish(name, data) : restore(found, data);
}

function publish(namespace: string, data: { readonly 'ca.crt': string }): Plan {
  return write('missing', {
    verb: 'create',
    resource: 'core/configmaps',
    namespace,
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace, annotations: { [ANNOTATION]: DESCRIPTION } },
      data,
    } as ConfigMap,
    reason: 'missing',
  });
}

/** Exactly our data, and some description; labels and other annotations are others' business. */
function restore(found: ConfigMap, data: { readonly 'ca.crt': string }): Plan {
  const annotations = found.metadata?.annotations ?? {};
  const described = Object.hasOwn(annotations, ANNOTATION) && annotations[ANNOTATION] !== '';
  if (described && jsonEqual(found.data ?? {}, data)) return nothing('in-order');
  const after = {
    ...found,
    metadata: { ...found.metadata, annotations: { ...annotations, [ANNOTATION]: DESCRIPTION } },
    data,
  };
  const patch = patchOf({ resource: 'core/configmaps', before: found, after, reason: 'drift' });
  return patch === undefined ? nothing('in-order') : write('drift', patch);
}
