/** Step 7: the ledger, on a copy and without the cluster, against the API server's own audit log. */
import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { KEY_NAME } from '#keeper/server/notary.ts';
import type { JoinFinding, JoinReport } from '#ledger/completeness-report.ts';
import { formatVerifierKey } from '#ledger/note.ts';
import type { VerifyReport } from '#ledger/verify-report.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import type { Progress } from './progress.ts';

interface Story {
  readonly cluster: LocalCluster;
  readonly ledgerDir: string;
  /** `namespace/name` of the ReplicaSet that policy refused. */
  readonly refused: string;
  readonly progress: Progress;
}

/** Runs the command line as an auditor would, with a key that did not come with the copy. */
export async function books({ cluster, ledgerDir, refused, progress }: Story): Promise<void> {
  const copy = join(cluster.directory, 'audited');
  // Digest keys stay with the ledger: without them nobody can try out what a digest stands for.
  cpSync(ledgerDir, copy, { recursive: true, filter: (path) => !['keys', 'reserve'].includes(basename(path)) });
  const key = join(cluster.directory, 'checkpoint-key.txt');
  writeFileSync(key, `${keeperKey(ledgerDir)}\n`);

  const verified = await ledger<VerifyReport>('verify', '--dir', copy, '--key', key);
  const size = verified.logs.reduce((sum, { signedSize }) => sum + signedSize, 0);
  progress.done(`ledger verify: ${verified.verdict}, ${size} records in ${verified.logs.length} logs`);
  for (const { grade, code, says } of verified.findings) progress.done(`  ${grade}: ${code}: ${says}`);
  progress.proven(
    "all logs verify with the keeper's key",
    `${verified.logs.length} logs`,
    verified.verdict === 'ok' && verified.logs.every(({ signed }) => signed),
  );

  const { stdout } = await comptroller('why', 'replicaset', refused, '--dir', copy);
  progress.done(`ledger why replicaset ${refused}:`);
  for (const line of stdout.split('\n').slice(0, 12)) progress.done(`  ${line}`);
  const told = ['pod-security-baseline/privileged', 'may not create core/pods', 'bundle version'];
  progress.proven(
    'ledger why names the rule that refused',
    'yes',
    told.every((part) => stdout.includes(part)),
  );

  const report = await ledger<JoinReport>(
    'completeness',
    '--dir',
    copy,
    '--key',
    key,
    '--apiserver-audit',
    cluster.auditLog,
  );
  tellJoin(report, progress);
}

function tellJoin(
  { verdict, audit, attempts, missing, decisions, counts, findings, gaps }: JoinReport,
  progress: Progress,
): void {
  progress.done(`ledger completeness: ${verdict}, because of the thief alone:`);
  for (const finding of findings) progress.done(`  ${finding.code}: ${sentence(finding)}`);
  for (const { code, says } of gaps) progress.done(`  gap ${code}: ${says}`);
  const [write, attempt] = ['UNRECORDED_WRITE', 'UNRECORDED_ATTEMPT'].map((code) =>
    findings.find((one) => one.code === code),
  );
  const stolen = counts.UNRECORDED_WRITE === 1 && write?.verb === 'delete' && write.resource === 'core/pods';
  const stopped = counts.UNRECORDED_ATTEMPT === 1 && attempt?.name === 'backdoor' && attempt.status === 403;
  const others = Object.values(counts).reduce((sum, count) => sum + count, 0) - 2;
  progress.proven("writes by Comptroller's identities in the API server's log", audit.writes, audit.writes > 0);
  progress.proven(
    'writes in the ledger',
    attempts.total,
    attempts.matched === attempts.total - attempts.silent - attempts.closed.neverArrived &&
      attempts.matched === audit.writes - 2,
  );
  progress.proven(
    'missing in the ledger, but for the stolen certificate',
    missing.inLedger - 2,
    missing.inLedger === 2,
  );
  progress.proven(
    "the thief's deletion is named, and what admission stopped",
    `${named(write)}, ${named(attempt)}`,
    stolen && stopped,
  );
  progress.proven("missing in the API server's log", missing.inAudit, missing.inAudit === 0);
  progress.proven(
    'other differences, gaps in the audit log',
    `${others}, ${gaps.length}`,
    others === 0 && gaps.length === 0,
  );
  progress.proven('requests refused by RBAC', audit.forbidden, audit.forbidden === 0);
  progress.proven(
    'policy decisions, p50 and p99 of their evaluation',
    `${decisions.count}, ${decisions.p50} us, ${decisions.p99} us`,
    decisions.count > 0 && decisions.denied > 0,
  );
}

const named = (finding: JoinFinding | undefined): string => finding?.name ?? 'not found';

function sentence({ user, verb, resource, namespace, name, status }: JoinFinding): string {
  return `${user} ${verb} ${resource} ${namespace}/${name}, answered ${status}`;
}

/** From the keeper's own state, as its administrator would hand it to an auditor. */
function keeperKey(ledgerDir: string): string {
  const state = join(dirname(dirname(ledgerDir)), `state-${basename(ledgerDir)}`);
  const pem = readFileSync(join(state, 'keeper', 'checkpoint.key'), 'utf8');
  return formatVerifierKey(KEY_NAME, createPublicKey(pem));
}

/** Exit code 1 says that something was found: that is an answer. Anything above is none. */
async function comptroller(...args: readonly string[]): Promise<{ stdout: string }> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const run = promisify(execFile);
  try {
    return await run(process.execPath, [main, 'ledger', ...args], { maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (code === 1) return { stdout };
    throw new Error(
      `running comptroller ledger ${args[0]}: exit code ${String(code)}: ${stderr.slice(0, 500)}${stdout.slice(0, 500)}`,
    );
  }
}

async function ledger<Report>(...args: readonly string[]): Promise<Report> {
  return JSON.parse((await comptroller(...args, '-o', 'json')).stdout) as Report;
}
