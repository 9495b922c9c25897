import { ensureBinaries } from '#local/build.ts';

/** Vitest's global set-up: builds what the integration tests start before any test's time counts. */
export async function setup(): Promise<void> {
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  await ensureBinaries(['etcd', 'kube-apiserver', 'kube-scheduler', 'kwok', 'opa'], { progress });
}
