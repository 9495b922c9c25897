/**
 * `npm test`: everything that CI runs, in the order of what fails fastest. Types and lint first, then every vitest
 * project; the integration tests start and stop the control planes they need. The report goes to test-results/.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const bin = join(import.meta.dirname, '../node_modules/.bin');
const report = join(import.meta.dirname, '../test-results/vitest.json');

const STEPS: readonly { readonly title: string; readonly command: readonly string[] }[] = [
  { title: 'types', command: ['tsc'] },
  { title: 'lint and format', command: ['biome', 'check', '.'] },
  {
    title: 'tests',
    command: [
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ],
  },
];

/** Runs one step in the foreground; interrupts reach it through the terminal's process group, or from us. */
function run([command, ...args]: readonly string[]): Promise<number> {
  const child = spawn(join(bin, command as string), args, { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.once('SIGINT', forward).once('SIGTERM', forward);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

for (const { title, command } of STEPS) {
  console.log(`\n== ${title}`);
  const status = await run(command);
  if (status !== 0) process.exit(status);
}
