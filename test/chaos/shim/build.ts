import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '#local/env.ts';

/** Path of the shared object, compiled when its source is new. Throws an Error that says what is missing. */
export function buildShim(): string {
  if (process.platform !== 'linux')
    throw new Error(`building the shim: it needs Linux (LD_PRELOAD, /proc); this is ${process.platform}`);
  const source = join(import.meta.dirname, 'shim.c');
  const folder = join(cacheDirectory(), 'chaos');
  const built = join(folder, `shim-${hash('sha256', readFileSync(source)).slice(0, 16)}-${process.arch}.so`);
  if (existsSync(built)) return built;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${built}.${process.pid}`;
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', fresh, source, '-ldl'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    throw new Error(`building the shim: ${whyNot(error)}`);
  }
  renameSync(fresh, built);
  return built;
}

function whyNot(error: unknown): string {
  const { code, stderr } = error as { code?: string; stderr?: Buffer };
  return code === 'ENOENT'
    ? "it needs a C compiler named cc in the PATH, with libc's headers (Debian: apt-get install gcc libc6-dev)"
    : String(stderr ?? error);
}
