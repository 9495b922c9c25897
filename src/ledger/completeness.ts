import { type AuditFile, type AuditSource, auditEvents } from './audit-events.ts';
import { AuditSide } from './completeness-audit.ts';
import { LedgerSide } from './completeness-ledger.ts';
import { Missing } from './completeness-missing.ts';
import {
  type JoinFinding,
  JoinFindings,
  type JoinGap,
  type JoinReport,
  type JoinVerdict,
} from './completeness-report.ts';
import { Window } from './completeness-window.ts';
import { type ReadLog, viewLogs } from './records-view.ts';

/** What the join needs of the verification of the same ledgers. */
export interface VerifiedLedger {
  readonly verdict: 'ok' | 'broken' | 'undecided';
  readonly findings: readonly {
    readonly code: string;
    readonly grade?: string;
    readonly log?: string;
    readonly seq?: number;
    readonly says: string;
  }[];
}

export interface JoinOptions {
  readonly directories: readonly string[];
  readonly audit: readonly AuditSource[];
  /** Verifies the directories, each against the others. */
  readonly verify: (directories: readonly string[]) => Promise<VerifiedLedger>;
  /** Findings of each code that are in the report in full; all are counted. */
  readonly cap?: number;
  /** Is told every finding, one after another, in no order that means anything. */
  readonly tell?: (finding: JoinFinding) => void;
  /** RFC 3339 in UTC; `until` exclusive. Of what lies outside of it nothing is demanded. */
  readonly since?: string;
  readonly until?: string;
}

const DEFAULT_CAP = 100;

/**
 * The join (I13): each mutating request that the API servers saw from Comptroller's identities against exactly one
 * recorded attempt, and each attempt that got an answer against its request. Streams both sides: memory follows the
 * number of records in the ledger (33 bytes each), not the size of the audit log, nor the number of findings.
 */
export async function joinAudit(options: JoinOptions): Promise<JoinReport> {
  const findings = new JoinFindings(options.cap ?? DEFAULT_CAP, options.tell);
  const window = new Window(options);
  const logs = await viewLogs(options.directories);
  const verified = await options.verify(options.directories);
  if (verified.verdict === 'broken') {
    for (const finding of graded(verified, 'broken')) await findings.add('LEDGER_BROKEN', () => brokenFinding(finding));
    if (findings.list.length === 0) await findings.add('LEDGER_BROKEN', () => ({ says: 'it does not verify' }));
  }
  const ledger = new LedgerSide(window);
  let read: ReadLog[] = [];
  for (const log of logs) read.push(await ledger.read(log));
  ledger.resolve();
  const sizes = new Map(read.map(({ id, read: size }) => [id, size]));

  const audit = new AuditSide(ledger, findings, window);
  const files = await readAudit(options.audit, audit);
  if (audit.waits) {
    read = [];
    for (const log of logs) read.push(await ledger.read(log));
    ledger.resolve();
    await audit.catchUp();
  }
  const missing = new Missing(ledger, audit, findings, window);
  const gaps = [...ledgerGaps(verified, read), ...fileGaps(files), ...(await missing.run(sizes))];
  const verdict: JoinVerdict = findings.list.length > 0 ? 'incomplete' : gaps.length > 0 ? 'undecided' : 'complete';
  return report({ verdict, window, verified, read, files, ledger, audit, missing, findings, gaps });
}

function graded({ findings }: VerifiedLedger, wanted: string): VerifiedLedger['findings'] {
  return findings.filter(({ grade }) => grade === undefined || grade === wanted);
}

function brokenFinding({ code, says, log, seq }: VerifiedLedger['findings'][number]) {
  return { says: `${code}: ${says}`, ...(log !== undefined && { log }), ...(seq !== undefined && { seq }) };
}

async function readAudit(sources: readonly AuditSource[], audit: AuditSide): Promise<AuditFile[]> {
  const files: AuditFile[] = [];
  for (const source of sources) {
    const file: AuditFile = { name: source.name, events: 0, malformed: 0, torn: false };
    files.push(file);
    for await (const batch of auditEvents(source, file)) {
      for (const event of batch) {
        const wait = audit.add(event);
        if (wait !== undefined) await wait;
      }
    }
  }
  return files;
}

function ledgerGaps(verified: VerifiedLedger, read: readonly ReadLog[]): JoinGap[] {
  const why =
    verified.verdict === 'ok' ? [] : graded(verified, 'undecided').map(({ code, says }) => `${code}: ${says}`);
  const undecided = why.length === 0 && verified.verdict === 'undecided' ? ['it is not said why'] : why;
  const damaged = read.flatMap(({ id, damaged: why, malformed }) => [
    ...(why === undefined ? [] : [`the log ${id}: ${why}`]),
    ...(malformed === 0 ? [] : [`the log ${id} has ${malformed} malformed records`]),
  ]);
  return [...new Set([...undecided, ...damaged])].map((says) => ({ code: 'LEDGER_UNDECIDED', says, count: 1 }));
}

function fileGaps(files: readonly AuditFile[]): JoinGap[] {
  return files.flatMap(({ name, malformed, firstMalformed, torn }): JoinGap[] => [
    ...(malformed === 0
      ? []
      : [{ code: 'MALFORMED' as const, says: `${name}, the first in line ${firstMalformed}`, count: malformed }]),
    ...(torn ? [{ code: 'TORN' as const, says: `${name}: read it again when it is whole`, count: 1 }] : []),
  ]);
}

interface Sides {
  readonly verdict: JoinVerdict;
  readonly window: Window;
  readonly verified: VerifiedLedger;
  readonly read: readonly ReadLog[];
  readonly files: readonly AuditFile[];
  readonly ledger: LedgerSide;
  readonly audit: AuditSide;
  readonly missing: Missing;
  readonly findings: JoinFindings;
  readonly gaps: readonly JoinGap[];
}

function report({ verdict, window, verified, read, files, ledger, audit, missing, findings, gaps }: Sides): JoinReport {
  const { evidence } = audit;
  const time = (ms: number): string | undefined => (Number.isFinite(ms) ? new Date(ms).toISOString() : undefined);
  const [from, until] = [time(evidence.first), time(evidence.last)];
  const [p50, p99] = [ledger.micros.quantile(0.5), ledger.micros.quantile(0.99)];
  return {
    version: 'comptroller.dev/ledger-join/v1',
    verdict,
    ...(window.bounded && { window: window.told }),
    ledger: { verdict: verified.verdict, logs: read },
    audit: {
      files,
      events: files.reduce((sum, { events }) => sum + events, 0),
      ...(from !== undefined && { from }),
      ...(until !== undefined && { until }),
      writes: audit.writes,
      reviews: audit.reviews,
      forbidden: audit.forbidden,
    },
    attempts: {
      total: missing.total,
      matched: audit.matched,
      silent: missing.silent,
      refusedEarly: missing.refusedEarly,
      closed: audit.closed,
    },
    missing: {
      inLedger: findings.count('UNRECORDED_WRITE', 'UNRECORDED_ATTEMPT', 'FOREIGN_USER', 'ANSWERED_TWICE'),
      inAudit: findings.count('NOT_IN_AUDIT'),
    },
    identities: [...ledger.identities.values()].sort((a, b) => (a.user < b.user ? -1 : 1)),
    decisions: {
      count: ledger.micros.total,
      ...ledger.decisions,
      ...(p50 !== undefined && { p50 }),
      ...(p99 !== undefined && { p99 }),
    },
    counts: Object.fromEntries(findings.counts),
    findings: findings.list,
    gaps,
  };
}
