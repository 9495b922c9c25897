import { LABELS, type ManifestFile } from './kubernetes.ts';

/**
 * Comptroller's namespace. Its `default` ServiceAccount comes with it, because no controller of ours may write there
 * (I14), not even the one that makes these.
 */
export function namespaceFiles(name: string): ManifestFile[] {
  const labels = {
    ...LABELS,
    'pod-security.kubernetes.io/enforce': 'restricted',
    'pod-security.kubernetes.io/enforce-version': 'latest',
  };
  return [
    {
      file: `namespace/${name}.yaml`,
      objects: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: name, labels } },
        {
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name: 'default', namespace: name, labels: LABELS },
          automountServiceAccountToken: false,
        },
      ],
    },
  ];
}
