/** What an auditor does after a run: the command line on a copy of the ledger, with a key that did not come with the copy. */
import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { KEY_NAME } from '#keeper/server/notary.ts';
import type { JoinReport } from '#ledger/completeness-report.ts';
import { formatVerifierKey } from '#ledger/note.ts';
import type { VerifyReport } from '#ledger/verify-report.ts';
import type { LocalCluster } from '#local/local-cluster.ts';

export interface Auditor {
  /** The ledger without its digest keys. */
  readonly copy: string;
  verify(): Promise<VerifyReport>;
  /** The join with the API server's audit log. */
  completeness(): Promise<JoinReport>;
  /** What `ledger why` prints. */
  why(kind: string, at: string): Promise<string>;
}

/** Copies a ledger and takes the keeper's public key, as its administrator would hand both to an auditor. */
export function auditor({ auditLog }: Pick<LocalCluster, 'auditLog'>, ledgerDir: string, directory: string): Auditor {
  const copy = join(directory, 'audited');
  // Digest keys stay with the ledger: without them nobody can try out what a digest stands for.
  cpSync(ledgerDir, copy, { recursive: true, filter: (path) => !['keys', 'reserve'].includes(basename(path)) });
  const key = join(directory, 'checkpoint-key.txt');
  writeFileSync(key, `${keeperKey(ledgerDir)}\n`);
  const json = async <Report>(...args: readonly string[]) =>
    JSON.parse(await ledger(...args, '--dir', copy, '--key', key, '-o', 'json')) as Report;
  return {
    copy,
    verify: () => json<VerifyReport>('verify'),
    completeness: () => json<JoinReport>('completeness', '--apiserver-audit', auditLog),
    why: (kind, at) => ledger('why', kind, at, '--dir', copy),
  };
}

/** From the keeper's own state. */
function keeperKey(ledgerDir: string): string {
  const state = join(dirname(dirname(ledgerDir)), `state-${basename(ledgerDir)}`);
  const pem = readFileSync(join(state, 'keeper', 'checkpoint.key'), 'utf8');
  return formatVerifierKey(KEY_NAME, createPublicKey(pem));
}

/** Exit codes 1 (something was found) and 2 (not decided) come with an answer; without one, something is wrong. */
async function ledger(...args: readonly string[]): Promise<string> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const run = promisify(execFile);
  try {
    return (await run(process.execPath, [main, 'ledger', ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    if ((code === 1 || code === 2) && stdout !== '') return stdout;
    throw new Error(
      `running comptroller ledger ${args[0]}: exit code ${String(code)}: ${stderr.slice(0, 500)}${stdout.slice(0, 500)}`,
    );
  }
}
