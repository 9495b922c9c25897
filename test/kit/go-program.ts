import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { buildEnvironment, cacheDirectory } from '#local/env.ts';
import { withLock } from '#local/lock.ts';

const SETTINGS = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };

/**
 * The path of a Go program of the tests. It is built once and kept by what it was built from: the files of its folder,
 * and the go.mod that gives its versions where that is another one.
 */
export async function goProgram(folder: string, versions = join(folder, 'go.mod')): Promise<string> {
  const name = basename(folder);
  const target = join(cacheDirectory(), 'bin', `${name}-${digestOf(folder, versions)}`);
  const path = join(target, name);
  if (existsSync(path)) return path;
  mkdirSync(target, { recursive: true, mode: 0o700 });
  await withLock(`${path}.lock`, async () => {
    if (existsSync(path)) return;
    const fresh = `${path}.building`;
    const args = ['build', '-trimpath', '-modfile', versions, '-o', fresh, '.'];
    await promisify(execFile)('go', args, { cwd: folder, env: buildEnvironment(SETTINGS) });
    renameSync(fresh, path);
  });
  return path;
}

function digestOf(folder: string, versions: string): string {
  const sources = readdirSync(folder).sort();
  const files = [...sources.map((file) => join(folder, file)), versions, versions.replace(/mod$/, 'sum')];
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, SETTINGS, sources]));
  for (const file of files) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 16);
}
