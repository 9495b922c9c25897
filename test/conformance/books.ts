/** What must hold beside the tests when Comptroller ran the loops: nothing refused, and books that agree. */
import { auditor } from '#kit/auditor.ts';
import type { JoinReport } from '#ledger/completeness-report.ts';
import type { VerifyReport } from '#ledger/verify-report.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { refusalsIn } from './refusals.ts';

export interface Books {
  /** One line each; empty when all is well. */
  readonly faults: readonly string[];
  /** What was looked at, in one line. */
  readonly says: string;
}

/** Of a Comptroller that has ended; leaves a copy of its ledger in `directory`. */
export async function booksOf(cluster: LocalCluster, ledgerDir: string, directory: string): Promise<Books> {
  const audit = auditor(cluster, ledgerDir, directory);
  const verified = await audit.verify();
  const joined = await audit.completeness();
  const { matched, total } = joined.attempts;
  const { denied, count } = joined.decisions;
  const trips = tripsIn(await audit.notes());
  return {
    faults: [
      ...(await refusalsIn(cluster.auditLog)),
      ...verifyFaults(verified),
      ...joinFaults(joined),
      ...(count === 0 ? ['policy decided nothing'] : []),
      ...trips,
    ],
    says:
      `${joined.audit.writes} writes in the audit log, ${total} in the ledger, ${matched} matched; ` +
      `${count} policy decisions, ${denied} denied; the breaker held ${trips.length} times`,
  };
}

/** Upstream's tests are to run as they are: with the default limits nothing of them is held. */
export function tripsIn(notes: readonly string[]): readonly string[] {
  return notes.flatMap((line) => /\bheld \S+ .*would take .*/.exec(line) ?? []).map((held) => `the breaker ${held}`);
}

export function verifyFaults({ verdict, findings }: Pick<VerifyReport, 'verdict' | 'findings'>): readonly string[] {
  if (verdict === 'ok') return [];
  return [`ledger verify: ${verdict}`, ...findings.map(({ code, says }) => `ledger verify: ${code}: ${says}`)];
}

/** The tests always make namespaces, so a Comptroller that wrote nothing was not what they tried. */
export function joinFaults({
  verdict,
  findings,
  gaps,
  audit,
}: Pick<JoinReport, 'verdict' | 'findings' | 'gaps'> & {
  readonly audit: { readonly writes: number };
}): readonly string[] {
  if (audit.writes === 0) return ['Comptroller wrote nothing'];
  if (verdict === 'complete') return [];
  return [
    `ledger completeness: ${verdict}`,
    ...findings.map(
      ({ code, user = '', verb = '', resource = '', namespace = '', name = '', status = 0 }) =>
        `ledger completeness: ${code}: ${user} ${verb} ${resource} ${namespace}/${name}, answered ${status}`,
    ),
    ...gaps.map(({ code, says, count }) => `ledger completeness: gap ${code}: ${says} (${count})`),
  ];
}
