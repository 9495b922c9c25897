import { writeFileSync } from 'node:fs';
import type { KeyFiles } from './pki.ts';

/** JSON is YAML; the files are named, not embedded, so that a copied kubeconfig holds no key. */
export function writeKubeconfig(
  file: string,
  {
    cluster,
    server,
    caFile,
    user,
    keys,
  }: { cluster: string; server: string; caFile: string; user: string; keys: KeyFiles },
): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster,
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: user, user: { 'client-certificate': keys.certFile, 'client-key': keys.keyFile } }],
    contexts: [{ name: cluster, context: { cluster, user } }],
  };
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
