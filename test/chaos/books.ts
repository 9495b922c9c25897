/** What an auditor says after a fault: all ledgers together, on their own and against the API server's audit log. */
import { setTimeout as pause } from 'node:timers/promises';
import { keeperKey } from '#kit/auditor.ts';
import { auditFile } from '#ledger/audit-events.ts';
import { joinAudit, type VerifiedLedger } from '#ledger/completeness.ts';
import type { JoinCode, JoinFinding, JoinReport } from '#ledger/completeness-report.ts';
import { verifyLedger } from '#ledger/verify.ts';
import type { VerifyFinding, VerifyReport } from '#ledger/verify-report.ts';
import { refusalsIn } from '../conformance/refusals.ts';
import type { Excuse } from './fault.ts';

export interface BooksOf {
  /** Of each replica. */
  readonly ledgerDirs: readonly string[];
  readonly stateDirs: readonly string[];
  readonly auditLog: string;
}

export interface Books {
  /** One line each; empty when all is well. */
  readonly complaints: readonly string[];
  /** What an excuse covers, and how often it was found. */
  readonly excused: ReadonlyMap<Excuse['finding'], number>;
  readonly writes: number;
  readonly records: number;
}

interface Finding {
  readonly kind: Excuse['finding'] | 'other';
  readonly says: string;
  readonly count: number;
}

/** An attempt may be on its way while the logs are read: what is undecided is asked again. */
const TRIES = 5;
const BETWEEN_TRIES = 300;

/** Keys that once signed: a keeper that got a new state has another one. */
export class Auditing {
  readonly #of: BooksOf;
  readonly #keys = new Set<string>();

  constructor(of: BooksOf) {
    this.#of = of;
  }

  /** To be called when keepers are there, and before a fault takes one's state away. */
  learnKeys(): void {
    for (const stateDir of this.#of.stateDirs) this.#keys.add(keeperKey(stateDir));
  }

  async books(excuses: readonly Excuse[] = []): Promise<Books> {
    this.learnKeys();
    let looked = await this.#look();
    for (let tries = 1; tries < TRIES && mayStillMatch(looked); tries++) {
      await pause(BETWEEN_TRIES);
      looked = await this.#look();
    }
    const { verified, joined, refused } = looked;
    const allowed = new Set(excuses.map(({ finding }) => finding));
    const findings = [...verifyFindings(verified), ...joinFindings(joined)];
    const covered = findings.filter(({ kind }) => kind !== 'other' && allowed.has(kind));
    const excused = new Map<Excuse['finding'], number>();
    for (const { kind, count } of covered) if (kind !== 'other') excused.set(kind, (excused.get(kind) ?? 0) + count);
    return {
      complaints: [
        ...refused,
        ...findings.filter((finding) => !covered.includes(finding)).map(({ says }) => says),
        ...(joined.audit.writes === 0 ? ['Comptroller wrote nothing'] : []),
      ],
      excused,
      writes: joined.audit.writes,
      records: verified.logs.reduce((sum, { size }) => sum + size, 0),
    };
  }

  async #look(): Promise<Looked> {
    const { ledgerDirs, auditLog } = this.#of;
    const [directory = '', ...others] = ledgerDirs;
    let verified: VerifyReport | undefined;
    const verify = async (): Promise<VerifiedLedger> => {
      verified = await verifyLedger({ directory, others, verifierKey: [...this.#keys].join('\n') });
      return verified;
    };
    const audit = [await auditFile(auditLog)];
    const joined = await joinAudit({ directories: ledgerDirs, audit, verify });
    return { verified: verified as VerifyReport, joined, refused: await refusalsIn(auditLog) };
  }
}

interface Looked {
  readonly verified: VerifyReport;
  readonly joined: JoinReport;
  readonly refused: readonly string[];
}

/** What verification says of epochs is about who led when, and not about a log's bytes. */
const EPOCHS = /^epoch/;

/**
 * The newest attempts stand in one log, and not yet in the other, also where an excuse covers worse. What is of epochs
 * stays so.
 */
export const mayStillMatch = ({ joined, verified }: Pending): boolean =>
  joined.gaps.some(({ code }) => code === 'AFTER' || code === 'TORN' || code === 'UNCLOSED') ||
  verified.findings.some(({ grade, code }) => grade === 'undecided' && !EPOCHS.test(code));

interface Pending {
  readonly joined: Pick<JoinReport, 'gaps'>;
  readonly verified: Pick<VerifyReport, 'findings'>;
}

export function verifyFindings({ findings }: Pick<VerifyReport, 'findings'>): readonly Finding[] {
  return findings
    .filter(({ grade }) => grade !== 'note')
    .map((finding) => ({ kind: kindOf(finding), says: `ledger verify: ${told(finding)}`, count: 1 }));
}

const kindOf = ({ code }: VerifyFinding): Finding['kind'] => (EPOCHS.test(code) ? 'epochs' : 'unverifiable');
const told = ({ grade, code, says, log, seq }: VerifyFinding): string =>
  `${grade}: ${code}: ${says} (${log ?? 'all'}${seq === undefined ? '' : `-${seq}`})`;

/** In the API server's log and not in ours; in ours and not in the API server's. All else has no excuse. */
const KINDS: Readonly<Partial<Record<JoinCode, Finding['kind']>>> = {
  UNRECORDED_WRITE: 'unrecorded',
  UNRECORDED_ATTEMPT: 'unrecorded',
  NOT_IN_AUDIT: 'unseen',
};

export function joinFindings({
  counts,
  findings,
  gaps,
}: Pick<JoinReport, 'counts' | 'findings' | 'gaps'>): readonly Finding[] {
  const codes = (Object.keys(counts) as JoinCode[]).filter((code) => code !== 'LEDGER_BROKEN');
  return [
    ...codes.map((code) => ({
      kind: KINDS[code] ?? ('other' as const),
      says: `ledger completeness: ${counts[code]} x ${code}: ${about(findings.find((one) => one.code === code))}`,
      count: counts[code] ?? 0,
    })),
    // What verification found is told by verification.
    ...gaps
      .filter(({ code }) => code !== 'LEDGER_UNDECIDED')
      .map(({ code, says, count }) => ({
        kind: 'unseen' as const,
        says: `ledger completeness: gap ${code}: ${says} (${count})`,
        count,
      })),
  ];
}

function about(finding: JoinFinding | undefined): string {
  const {
    user = '',
    verb = '',
    resource = '',
    namespace = '',
    name = '',
    status = 0,
    says = '',
    at = '',
  } = finding ?? {};
  return `${at} ${user} ${verb} ${resource} ${namespace}/${name} answered ${status}: ${says}`;
}
