/**
 * `npm run build [-- --out DIR]`: the program as JavaScript in `dist`, for production. Node strips types itself, and
 * everything else here runs that way; but the stripper and the sources it read stay in the memory of each process and
 * thread. What runs is the same: the compiler takes types and comments away and changes nothing else.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
/** What the program reads beside its code. */
const BESIDE = ['policies/build', 'LICENSE'];

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly type: string;
  readonly imports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Sources say `#core/json.ts`; what is built answers to the same name. */
export function importsOf(imports: Package['imports']): Package['imports'] {
  return Object.fromEntries(
    Object.entries(imports).flatMap(([name, path]) =>
      path.startsWith('./src/') || path.startsWith('./deploy/') ? [[`${name}.ts`, `${path}.js`]] : [],
    ),
  );
}

export async function buildRelease(out: string): Promise<string> {
  const target = resolve(out);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await compile(target);
  const { name, version, license, type, imports, dependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Package;
  const own = { name, version, license, private: true, type, imports: importsOf(imports), dependencies };
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
  for (const path of BESIDE) cpSync(join(ROOT, path), join(target, path), { recursive: true });
  return join(target, 'src/cli/main.js');
}

function compile(out: string): Promise<void> {
  const args = ['--project', join(import.meta.dirname, 'tsconfig.json'), '--outDir', out];
  const child = spawn(join(ROOT, 'node_modules/.bin/tsc'), args, { stdio: 'inherit' });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => (code === 0 ? done() : fail(new Error(`building: tsc ended with ${code}`))));
  });
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'dist') } } });
  const program = await buildRelease(values.out);
  console.log(`built: node ${program} --help`);
}
