import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { sha256, writeWhole } from './bundle.ts';
import { allCases, expandCase, readCases } from './cases.ts';
import { BUNDLE_FILES, type BundleFile, ENTRYPOINT, MANIFEST_FORMAT, type Manifest } from './manifest.ts';
import { INPUT_VERSION } from './schema.ts';

const run = promisify(execFile);

export interface BuildOptions {
  /** The OPA root: `policies/`. */
  readonly root: string;
  /** Path of the `opa` program. */
  readonly opa: string;
  /** Where the bundle goes. */
  readonly out: string;
  /** Default: what `bundle.json` in the root says. */
  readonly version?: number;
}

/** What is compiled, in this order, relative to the root; tests are left out. */
export const COMPILED = ['gate', 'lib', 'controllers', 'data'] as const;
const SOURCES = ['{gate,lib,controllers}/**/*.rego', 'data/*.json', 'testdata/*.json', 'capabilities.json'];
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Compiles the rules and writes an unsigned bundle; the same sources give the same bytes. */
export async function buildBundle({ root, opa, out, version }: BuildOptions): Promise<Manifest> {
  const compiled = await compile(root, opa);
  const files: Record<BundleFile, Uint8Array> = {
    'policy.wasm': compiled.wasm,
    'data.json': Buffer.from(`${JSON.stringify(JSON.parse(compiled.data.toString('utf8')))}\n`),
    'selftest.json': Buffer.from(`${JSON.stringify({ cases: selfTestCases(root) }, null, 1)}\n`),
  };
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    version: version ?? versionOf(root),
    entrypoint: ENTRYPOINT,
    input: INPUT_VERSION,
    opa: await opaVersion(opa),
    files: Object.fromEntries(
      (Object.keys(BUNDLE_FILES) as BundleFile[]).map((name) => [
        name,
        { sha256: sha256(files[name]), size: files[name].length },
      ]),
    ) as Manifest['files'],
    sources: sourcesOf(root),
  };
  mkdirSync(out, { recursive: true });
  for (const name of Object.keys(BUNDLE_FILES) as BundleFile[]) writeWhole(join(out, name), files[name]);
  writeWhole(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  // Signatures of another manifest say nothing about this one.
  rmSync(join(out, 'signatures.json'), { force: true });
  return manifest;
}

async function compile(root: string, opa: string): Promise<{ wasm: Buffer; data: Buffer }> {
  const scratch = mkdtempSync(join(tmpdir(), 'comptroller-policy-'));
  try {
    const archive = join(scratch, 'bundle.tar.gz');
    const flags = ['-t', 'wasm', '-e', ENTRYPOINT, '--capabilities', 'capabilities.json', '--ignore', '*_test.rego'];
    await runOpa(opa, ['build', ...flags, '-o', archive, ...COMPILED], root);
    const entries = untar(gunzipSync(readFileSync(archive), { maxOutputLength: MAX_OUTPUT }));
    const wasm = entries.get('/policy.wasm');
    const data = entries.get('/data.json');
    if (wasm === undefined || data === undefined)
      throw new Error('building the bundle: opa wrote no policy.wasm or data.json');
    return { wasm, data };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs opa; what it says about the rules is the error's message. */
export async function runOpa(opa: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await run(opa, [...args], { cwd, maxBuffer: MAX_OUTPUT, env: {} });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: unknown };
    throw new Error(`running opa ${args[0]}: it ended with ${String(code)}\n${stderr}${stdout}`.trim());
  }
}

async function opaVersion(opa: string): Promise<string> {
  const version = /^Version: (\S+)$/m.exec(await runOpa(opa, ['version'], tmpdir()))?.[1];
  if (version === undefined) throw new Error('building the bundle: opa does not say its version');
  return version;
}

/** The regular files of a tar archive, by name. */
function untar(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const text = (at: number, length: number): string =>
    archive.toString('latin1', at, at + length).split('\0', 1)[0] ?? '';
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (!Number.isSafeInteger(size)) throw new Error('building the bundle: the archive of opa is damaged');
    files.set(text(at, 100), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

function versionOf(root: string): number {
  const { version } = JSON.parse(readFileSync(join(root, 'bundle.json'), 'utf8')) as { version?: unknown };
  if (typeof version !== 'number') throw new Error('building the bundle: bundle.json must hold a version');
  return version;
}

/** The digest of each source by its path, so that a bundle can be traced to what it was made from. */
export function sourcesOf(root: string): Record<string, string> {
  const paths = globSync(SOURCES, { cwd: root }).map((path) => path.replaceAll('\\', '/'));
  const sources = paths.filter((path) => !path.endsWith('_test.rego')).sort();
  return Object.fromEntries(sources.map((path) => [path, sha256(readFileSync(join(root, path)))]));
}

/** The cases that say so travel with the bundle: it must pass them before it is activated. */
function selfTestCases(root: string) {
  const library = readCases(root);
  return allCases(library)
    .filter(({ selfTest }) => selfTest)
    .map((one) => ({ name: one.name, input: expandCase(one, library), expect: one.expect }));
}
