/** Comptroller's command line, run as a person would. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Exit code 1 says that something was found: that is an answer. Anything above is none. */
export async function comptroller(...args: readonly string[]): Promise<{ stdout: string }> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const run = promisify(execFile);
  try {
    return await run(process.execPath, [main, ...args], { maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (code === 1) return { stdout };
    throw new Error(
      `running comptroller ${args.slice(0, 2).join(' ')}: exit code ${String(code)}: ${stderr.slice(0, 500)}${stdout.slice(0, 500)}`,
    );
  }
}
