import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { CONTROLLERS } from '#controllers/registry.ts';
import { buildBundle } from '#policy/build.ts';
import { sha256, writeWhole } from '#policy/bundle.ts';
import { declaredData } from '#policy/declared.ts';
import { inputSchemaText } from '#policy/schema.ts';
import { coverageOf, testCompiled, testSources } from '#policy/suite.ts';
import { opaOption, remark, rootOption, say } from './policy-options.ts';

interface BuildFlags {
  readonly root: string;
  readonly out?: string;
  readonly bundleVersion?: number;
  readonly opa?: string;
}

export function compileCommands(): readonly Command[] {
  const build = new Command('build')
    .description('compile the rules into an unsigned bundle; the same sources give the same bytes')
    .addOption(rootOption())
    .option('--out <dir>', 'where the bundle goes; default: build/ in the root')
    .option('--bundle-version <n>', 'default: what bundle.json in the root says', parseVersion)
    .addOption(opaOption())
    .action(buildAction);
  const test = new Command('test')
    .description('run the rules and the compiled module against every case; coverage of at least 95 %')
    .addOption(rootOption())
    .addOption(opaOption())
    .action(testAction);
  return [build, test];
}

async function buildAction({ root, out, bundleVersion, opa }: BuildFlags): Promise<void> {
  writeGenerated(root);
  const target = out ?? join(root, 'build');
  const version = bundleVersion === undefined ? {} : { version: bundleVersion };
  const manifest = await buildBundle({ root, out: target, opa: await opaProgram(opa), ...version });
  say(
    `built version ${manifest.version} in ${target} with opa ${manifest.opa}, digest ${sha256(readFileSync(join(target, 'manifest.json')))}`,
  );
  remark('not signed: sign it with comptroller policy sign');
}

/** What follows from the code: the controllers' declarations and the input contract. */
function writeGenerated(root: string): void {
  writeWhole(join(root, 'data/declared.json'), `${JSON.stringify(declaredData(CONTROLLERS), null, 2)}\n`);
  writeWhole(join(root, 'schema/input.v1.json'), inputSchemaText());
}

async function testAction({ root, opa }: { root: string; opa?: string }): Promise<void> {
  const program = await opaProgram(opa);
  const passed = await testSources(root, program);
  const coverage = await coverageOf(root, program);
  say(`rules: ${passed} cases passed, coverage ${coverage.toFixed(1)} %`);
  const failures = await testCompiled(root, join(root, 'build'));
  for (const failure of failures) say(failure);
  say(
    failures.length === 0 ? 'compiled module: every case passed' : `compiled module: ${failures.length} cases failed`,
  );
  if (failures.length > 0) process.exitCode = 1;
}

/** A path that the caller named, or the pinned program of the local control plane. */
async function opaProgram(named: string | undefined): Promise<string> {
  if (named !== undefined) {
    if (!existsSync(named)) throw new Error(`finding opa: ${named} does not exist`);
    return resolve(named);
  }
  const { ensureBinaries } = await import('#local/build.ts');
  return (await ensureBinaries(['opa'], { progress: remark })).opa;
}

function parseVersion(text: string): number {
  const version = Number(text);
  if (!Number.isSafeInteger(version) || version < 1) throw new InvalidArgumentError('it must be an integer from 1');
  return version;
}
