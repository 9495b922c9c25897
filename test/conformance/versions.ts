import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface Versions {
  readonly kubernetes: string;
  readonly comptroller: string;
  readonly commit: string;
}

/** Of the tests and the control plane, which are built from the same release, and of Comptroller. */
export function versions(): Versions {
  const module = readFileSync(join(ROOT, 'deploy/local/go/e2e/go.mod'), 'utf8');
  const kubernetes = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(module)?.[1];
  if (kubernetes === undefined) throw new Error('reading deploy/local/go/e2e/go.mod: it requires no k8s.io/kubernetes');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return { kubernetes, comptroller: version, commit: commit() };
}

/** Which code ran; a result of changed files says so. */
function commit(): string {
  const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes';
  return `${git('rev-parse', '--short', 'HEAD')}${changed}`;
}
