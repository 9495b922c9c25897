/**
 * `npm test`: everything that CI runs, in the order of what fails fastest. Types and lint first, then every vitest
 * project; the integration tests start and stop the control planes they need. The report goes to test-results/.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { failedFiles, mayHoldAlone, merged, type Report, readReport } from './second-try.ts';

const ROOT = join(import.meta.dirname, '..');
const bin = join(ROOT, 'node_modules/.bin');
const RESULTS = join(ROOT, 'test-results');
const REPORT = join(RESULTS, 'vitest.json');
/** What the files that failed said the first time. */
const FIRST = join(RESULTS, 'vitest-first-try.json');

/** A machine whose processors are taken away for seconds fails one file or two; more than so many have another reason. */
const MOST_AGAIN = 8;

const CHECKS: readonly { readonly title: string; readonly command: readonly string[] }[] = [
  { title: 'types', command: ['tsc'] },
  { title: 'lint and format', command: ['biome', 'check', '.'] },
];

/** Runs one step in the foreground; interrupts reach it through the terminal's process group, or from us. */
function run(title: string, [command, ...args]: readonly string[]): Promise<number> {
  console.log(`\n== ${title}`);
  const child = spawn(join(bin, command as string), args, { cwd: ROOT, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  process.once('SIGINT', forward).once('SIGTERM', forward);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

let interrupted = false;

const vitest = (...args: readonly string[]): readonly string[] => [
  'vitest',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${REPORT}`,
  ...args,
];

/**
 * Files that failed are run once more, one after another and with nothing beside them: their bounds of time hold on a
 * machine that is there. What fails again has failed.
 */
async function tryAgain(first: Report, files: readonly string[]): Promise<number> {
  renameSync(REPORT, FIRST);
  const names = files.map((file) => relative(ROOT, file));
  const status = await run(`again, alone: ${names.join(', ')}`, vitest('--no-file-parallelism', ...names));
  const second = readReport(REPORT);
  if (second === undefined) renameSync(FIRST, REPORT);
  else writeFileSync(REPORT, JSON.stringify(merged(first, second)));
  if (status === 0)
    console.log(`\nheld only at the second try: ${names.join(', ')}; the first is in ${relative(ROOT, FIRST)}`);
  return status;
}

async function test(): Promise<number> {
  mkdirSync(RESULTS, { recursive: true });
  for (const path of [REPORT, FIRST]) rmSync(path, { force: true });
  const status = await run('tests', vitest(...process.argv.slice(2)));
  const report = readReport(REPORT);
  if (status === 0 || interrupted || report === undefined) return status;
  const failed = failedFiles(report);
  if (failed.length === 0 || failed.length > MOST_AGAIN) return status;
  const files = failed.filter((name) => mayHoldAlone(relative(ROOT, name), report, name));
  return files.length < failed.length ? status : tryAgain(report, files);
}

for (const { title, command } of CHECKS) {
  const status = await run(title, command);
  if (status !== 0) process.exit(status);
}
process.exit(await test());
