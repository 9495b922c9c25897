import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEnvironment, cacheDirectory, kubebuilderAssets, searchPath } from './env.ts';
import { findExecutable, isExecutable } from './find.ts';
import { withLock } from './lock.ts';
import { boundToParent } from './processes.ts';

export type BinaryName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-scheduler'
  | 'kube-controller-manager'
  | 'kubectl'
  | 'kwok'
  | 'opa'
  | 'e2e.test'
  | 'ginkgo';

/** Told what is going on, a line at a time. */
export type Progress = (line: string) => void;

interface Recipe {
  /** A folder of `deploy/local/go`: one pinned go.mod for each set of programs that share their dependencies. */
  readonly family: string;
  readonly target: string;
  /** The tests of the package become the program, as `go test` would run them; `build` when left out. */
  readonly make?: 'test';
}

const RECIPES: Readonly<Record<BinaryName, Recipe>> = {
  etcd: { family: 'etcd', target: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': { family: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  'kube-scheduler': { family: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  'kube-controller-manager': { family: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  kubectl: { family: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kubectl' },
  kwok: { family: 'kwok', target: 'sigs.k8s.io/kwok/cmd/kwok' },
  opa: { family: 'opa', target: 'github.com/open-policy-agent/opa' },
  'e2e.test': { family: 'e2e', target: 'k8s.io/kubernetes/test/e2e', make: 'test' },
  ginkgo: { family: 'e2e', target: 'github.com/onsi/ginkgo/v2/ginkgo' },
};

const VERSION = 'k8s.io/component-base/version';
/** Without these, a Kubernetes binary built outside its own tree calls itself v0.0.0 and refuses its feature gates. */
const LINK = `-s -w -X ${VERSION}.gitVersion=v1.37.1 -X ${VERSION}.gitMajor=1 -X ${VERSION}.gitMinor=37`;
const FLAGS = ['-trimpath', '-ldflags', LINK];
const SETTINGS = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };

const MODULES = join(dirname(fileURLToPath(import.meta.url)), 'go');

/**
 * Absolute paths of the programs of a local control plane: somebody else's where the machine offers them, else built
 * with the `go` of the machine from pinned modules, once, into the cache.
 */
export async function ensureBinaries<N extends BinaryName>(
  names: readonly N[],
  { progress = () => {} }: { readonly progress?: Progress } = {},
): Promise<Readonly<Record<N, string>>> {
  const paths = new Map<N, string>();
  for (const name of names) paths.set(name, provided(name) ?? cached(name));
  const missing = names.filter((name) => !isExecutable(paths.get(name) ?? ''));
  if (missing.length > 0) {
    progress(`building ${missing.join(', ')}; the first time takes about ten minutes on two cores, later none`);
    for (const name of missing) await build(name, progress);
  }
  return Object.fromEntries(paths) as Record<N, string>;
}

function provided(name: BinaryName): string | undefined {
  const assets = kubebuilderAssets();
  if (assets !== undefined && (name === 'etcd' || name === 'kube-apiserver' || name === 'kubectl')) {
    const file = findExecutable(name, [assets]);
    if (file !== undefined) return file;
    if (name !== 'kubectl') throw new Error(`reading KUBEBUILDER_ASSETS: ${assets} has no executable ${name}`);
  }
  return name === 'kubectl' ? findExecutable(name, searchPath()) : undefined;
}

/** Where the cache has it, or would have it. Any change of a version, a checksum or a flag is another folder. */
function cached(name: BinaryName): string {
  const { family } = RECIPES[name];
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(MODULES, family, file))).update('\0');
  hash.update(JSON.stringify([process.platform, process.arch, FLAGS, SETTINGS]));
  return join(cacheDirectory(), 'bin', `${family}-${hash.digest('hex').slice(0, 16)}`, name);
}

async function build(name: BinaryName, progress: Progress): Promise<void> {
  const file = cached(name);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const waiting = (pid: number) => progress(`waiting for process ${pid}, which is building ${name}`);
  await withLock(`${file}.lock`, () => buildLocked(name, file, progress), waiting);
}

async function buildLocked(name: BinaryName, file: string, progress: Progress): Promise<void> {
  if (isExecutable(file)) return;
  const { family, target, make } = RECIPES[name];
  const directory = join(MODULES, family);
  const command = make === 'test' ? ['test', '-c'] : ['build'];
  await checkGo(directory);
  const scratch = mkdtempSync(`${file}.building-`);
  const start = performance.now();
  const elapsed = () => `${Math.round((performance.now() - start) / 1000)} s`;
  const ticker = setInterval(() => progress(`still building ${name}, ${elapsed()}`), 20_000);
  progress(`building ${name} (${target})`);
  try {
    const output = join(scratch, name);
    const result = await go([...command, ...FLAGS, '-o', output, target], directory);
    if (result.code !== 0)
      throw new Error(`building ${name}: go ${command[0]} ended with ${result.code}\n${result.tail}`);
    renameSync(output, file);
    progress(`built ${name} in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Says what to do before a build fails with something less helpful. */
async function checkGo(directory: string): Promise<void> {
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(directory, 'go.mod'), 'utf8'))?.[1] ?? '1.26';
  const remedy = `install Go ${wanted} or newer (https://go.dev/doc/install), or let an older Go fetch it: GOTOOLCHAIN=auto`;
  const result = await go(['env', 'GOVERSION'], directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new Error(`building the control plane needs Go, and there is no go on PATH: ${remedy}`);
    throw error;
  });
  // Go itself compares versions here: a newer one goes ahead, an older one fetches the right one or says no.
  if (result.code !== 0) throw new Error(`building the control plane needs Go ${wanted}: ${remedy}\n${result.tail}`);
}

/** Runs go, bound to the life of this process; keeps the end of what it says for the error. */
function go(args: readonly string[], cwd: string): Promise<{ code: number | string; tail: string }> {
  const executable = findExecutable('go', searchPath());
  if (executable === undefined) return Promise.reject(Object.assign(new Error('no go on PATH'), { code: 'ENOENT' }));
  return new Promise((resolve, reject) => {
    const bound = boundToParent(executable, args);
    const child = spawn(bound.command, bound.args, {
      cwd,
      env: buildEnvironment(SETTINGS),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let tail = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-4000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? 1, tail: tail.trim() }));
  });
}
