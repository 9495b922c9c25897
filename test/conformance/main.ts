/** `npm run conformance`: upstream's end-to-end tests with upstream's manager and with Comptroller, and the difference. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CommanderError } from 'commander';
import { CONTROLLERS } from '#controllers/registry.ts';
import { ensureBinaries } from '#local/build.ts';
import { type Options, parseOptions } from './options.ts';
import { faultsOf, renderRun, tellRun } from './results.ts';
import { runSide, type SideRun } from './sides.ts';
import { versions } from './versions.ts';

const ROOT = join(import.meta.dirname, '../..');
const progress = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

async function conformance(options: Options): Promise<number> {
  await ensureBinaries(['ginkgo', 'e2e.test', 'kubectl', 'kube-controller-manager'], { progress });
  const sides: SideRun[] = [];
  for (const side of options.sides) {
    const directory = join(ROOT, 'test-results/conformance', side);
    sides.push(await runSide(side, { options, directory, progress }));
  }
  process.stdout.write(`${tellRun(sides)}\n`);
  if (options.record) {
    const file = join(import.meta.dirname, 'RESULTS.md');
    const controllers = CONTROLLERS.map(({ name }) => name);
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(file, renderRun({ options, sides, controllers, date, ...versions() }));
    progress(`written: ${relative(ROOT, file)}`);
  }
  return faultsOf(sides).length === 0 ? 0 : 1;
}

try {
  process.exit(await conformance(parseOptions(process.argv.slice(2))));
} catch (error) {
  // Commander has said it already.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  progress(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
