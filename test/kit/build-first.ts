import { ensureBinaries } from '#local/build.ts';
import { builtProgram } from './built-program.ts';

const SERVERS = ['etcd', 'kube-apiserver', 'kube-scheduler', 'kwok'] as const;

/** Vitest's global set-up: builds what the integration tests start before any test's time counts. */
export async function setup(): Promise<void> {
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  await ensureBinaries([...SERVERS, 'kube-controller-manager', 'kubectl', 'opa'], { progress });
  await builtProgram();
}
