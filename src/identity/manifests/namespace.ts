import { LABELS, type ManifestFile, SYSTEM_NAMESPACE } from './kubernetes.ts';

/**
 * Comptroller's namespace. Its `default` ServiceAccount comes with it, because no controller of ours may write there
 * (I14), not even the one that makes these.
 */
export function namespaceFiles(): ManifestFile[] {
  const labels = {
    ...LABELS,
    'pod-security.kubernetes.io/enforce': 'restricted',
    'pod-security.kubernetes.io/enforce-version': 'latest',
  };
  return [
    {
      file: `namespace/${SYSTEM_NAMESPACE}.yaml`,
      objects: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE, labels } },
        {
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name: 'default', namespace: SYSTEM_NAMESPACE, labels: LABELS },
          automountServiceAccountToken: false,
        },
      ],
    },
  ];
}
