/** Comptroller's command line, run as a person would. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

/**
 * What it prints. Exit codes 1 (something was found) and 2 (not decided) of the ledger's commands come with an answer;
 * without one, something is wrong.
 */
export async function comptroller(...args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(process.execPath, [MAIN, ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    if ((code === 1 || code === 2) && stdout !== '') return stdout;
    const said = `${stderr.slice(0, 500)}${stdout.slice(0, 500)}`;
    throw new Error(`running comptroller ${args.slice(0, 2).join(' ')}: exit code ${String(code)}: ${said}`);
  }
}
