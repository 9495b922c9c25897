import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildRelease } from '../../deploy/release/build.ts';

const ROOT = join(import.meta.dirname, '../..');
const KEPT = join(ROOT, 'test-results/program');
const MADE_OF = ['src/**/*.ts', 'policies/build/*', 'deploy/release/*', 'package.json', 'tsconfig.json'];
const DAY = 24 * 3_600_000;

/**
 * Comptroller as it is shipped, for tests that start it again and again: a start from its sources takes twice the time of
 * a processor. Made once for what the sources are now; who runs beside us and is quicker makes the same.
 */
export async function builtProgram(): Promise<string> {
  const out = join(KEPT, digestOfSources());
  const program = join(out, 'src/cli/main.js');
  if (existsSync(program)) return program;
  removeOld();
  const making = `${out}.${process.pid}`;
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
  mkdirSync(KEPT, { recursive: true });
  const old = readdirSync(KEPT).filter((name) => Date.now() - statSync(join(KEPT, name)).mtimeMs > DAY);
  for (const name of old) rmSync(join(KEPT, name), { recursive: true, force: true });
}
