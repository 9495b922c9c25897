import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildRelease } from '../../deploy/release/build.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Beside `node_modules`, as `dist` is: the keeper may read no others. */
const NAME = 'dist-test-built-';
const MADE_OF = ['src/**/*.ts', 'policies/build/*', 'deploy/release/*', 'package.json', 'tsconfig.json'];
const DAY = 24 * 3_600_000;

/**
 * Comptroller as it is shipped, for tests that start it again and again: a start from its sources takes twice the time of
 * a processor. Made once for what the sources are now; who runs beside us and is quicker makes the same.
 */
export async function builtProgram(): Promise<string> {
  const out = join(ROOT, `${NAME}${digestOfSources()}`);
  const program = join(out, 'src/cli/main.js');
  if (existsSync(program)) return program;
  removeOld();
  const making = mkdtempSync(`${out}.`);
  await buildRelease(making);
  try {
    renameSync(making, out);
  } catch (error) {
    rmSync(making, { recursive: true });
    if (!existsSync(program)) throw error;
  }
  return program;
}

function digestOfSources(): string {
  const digest = createHash('sha256');
  for (const path of globSync(MADE_OF, { cwd: ROOT }).sort())
    digest.update(`${path}\n`).update(readFileSync(join(ROOT, path)));
  return digest.digest('hex').slice(0, 16);
}

function removeOld(): void {
  const made = readdirSync(ROOT).filter((name) => name.startsWith(NAME));
  const old = made.filter((name) => Date.now() - statSync(join(ROOT, name)).mtimeMs > DAY);
  for (const name of old) rmSync(join(ROOT, name), { recursive: true, force: true });
}
