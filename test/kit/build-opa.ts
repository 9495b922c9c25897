import { ensureBinaries } from '#local/build.ts';

/** Vitest's global set-up of the policy tests: opa, before any test's time counts. */
export async function setup(): Promise<void> {
  await ensureBinaries(['opa'], { progress: (line) => process.stderr.write(`${line}\n`) });
}
