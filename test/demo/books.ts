/** Step 7: the ledger, on a copy and without the cluster, against the API server's own audit log. */
import { auditor } from '#kit/auditor.ts';
import type { JoinFinding, JoinReport } from '#ledger/completeness-report.ts';
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
  const audit = auditor(cluster, ledgerDir, cluster.directory);
  const verified = await audit.verify();
  const size = verified.logs.reduce((sum, { signedSize }) => sum + signedSize, 0);
  progress.done(`ledger verify: ${verified.verdict}, ${size} records in ${verified.logs.length} logs`);
  for (const { grade, code, says } of verified.findings) progress.done(`  ${grade}: ${code}: ${says}`);
  progress.proven(
    "all logs verify with the keeper's key",
    `${verified.logs.length} logs`,
    verified.verdict === 'ok' && verified.logs.every(({ signed }) => signed),
  );

  const why = await audit.why('replicaset', refused);
  progress.done(`ledger why replicaset ${refused}:`);
  for (const line of why.split('\n').slice(0, 12)) progress.done(`  ${line}`);
  const told = ['pod-security-baseline/privileged', 'may not create core/pods', 'bundle version'];
  progress.proven(
    'ledger why names the rule that refused',
    'yes',
    told.every((part) => why.includes(part)),
  );

  tellJoin(await audit.completeness(), progress);
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
