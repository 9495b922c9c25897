/** What an auditor does after a run: the command line on a copy of the ledger, with a key that did not come with the copy. */
import { createPublicKey } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KEY_NAME } from '#keeper/server/notary.ts';
import { comptroller } from '#kit/command.ts';
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
  /** What the breaker did and people said, a line each, as `ledger query` prints it. */
  notes(): Promise<readonly string[]>;
}

/** Copies a ledger and takes the keeper's public key, as its administrator would hand both to an auditor. */
export function auditor({ auditLog }: Pick<LocalCluster, 'auditLog'>, ledgerDir: string, directory: string): Auditor {
  const copy = join(directory, 'audited');
  // Digest keys stay with the ledger: without them nobody can try out what a digest stands for.
  cpSync(ledgerDir, copy, { recursive: true, filter: (path) => !['keys', 'reserve'].includes(basename(path)) });
  const key = join(directory, 'checkpoint-key.txt');
  const state = join(dirname(dirname(ledgerDir)), `state-${basename(ledgerDir)}`);
  writeFileSync(key, `${keeperKey(state)}\n`);
  const json = async <Report>(...args: readonly string[]) =>
    JSON.parse(await comptroller('ledger', ...args, '--dir', copy, '--key', key, '-o', 'json')) as Report;
  return {
    copy,
    verify: () => json<VerifyReport>('verify'),
    completeness: () => json<JoinReport>('completeness', '--apiserver-audit', auditLog),
    why: (kind, at) => comptroller('ledger', 'why', kind, at, '--dir', copy),
    notes: async () => {
      const text = await comptroller('ledger', 'query', '--type', 'note', '--dir', copy);
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

/** The verifier key of the keeper that has its state below that directory of a replica. */
export function keeperKey(state: string): string {
  const pem = readFileSync(join(state, 'keeper', 'checkpoint.key'), 'utf8');
  return formatVerifierKey(KEY_NAME, createPublicKey(pem));
}
