import { styleText } from 'node:util';
import type { CompletenessReport } from '#ledger/completeness.ts';
import type { Finding } from '#ledger/findings.ts';
import { outcomeOf, type Row, rulesOf } from '#ledger/query.ts';
import type { VerifyReport } from '#ledger/verify.ts';
import { messagesOf, sentence, type Why } from '#ledger/why.ts';

/** What a verdict ends the process with: yes, no, could not decide (also: used wrongly). Stable. */
export const EXIT = { yes: 0, no: 1, undecided: 2 } as const;

export const REPORT_VERSION = 'comptroller.dev/ledger-report/v1';

const EXITS: Readonly<Record<string, number>> = {
  verified: EXIT.yes,
  complete: EXIT.yes,
  broken: EXIT.no,
  incomplete: EXIT.no,
  undecided: EXIT.undecided,
};

export function exitOf(verdict: string): number {
  return EXITS[verdict] ?? EXIT.undecided;
}

const COLOURS = { 0: 'green', 1: 'red', 2: 'yellow' } as const;

/** A word first, colour only on a terminal. */
function verdictLine(verdict: string): string {
  const colour = COLOURS[exitOf(verdict) as 0 | 1 | 2];
  return styleText(colour, verdict.toUpperCase(), { stream: process.stdout });
}

export function json(kind: string, body: object): string {
  return `${JSON.stringify({ version: REPORT_VERSION, kind, ...body }, undefined, 2)}\n`;
}

function findingLines(findings: readonly Finding[], count: number): string[] {
  const lines = findings.slice(0, 50).map(({ verdict, check, log, seq, what }) => {
    const where = log === undefined ? '' : ` ${log}${seq === undefined ? '' : `-${seq}`}`;
    return `  ${verdict === 'broken' ? 'WRONG    ' : 'UNDECIDED'} ${check}${where}: ${what}`;
  });
  return count > lines.length ? [...lines, `  ... ${count - lines.length} more; -o json shows up to 1000`] : lines;
}

export function verifyText(report: VerifyReport, trust: string): string {
  const logs = report.logs.map(({ log, size, root, unsigned, openIntents, from, until, stopped }) => {
    const tail = unsigned === 0 ? '' : `, ${unsigned} more not signed yet`;
    const open = openIntents === 0 ? '' : `, ${openIntents} open intents`;
    return `  ${log}  ${size} records${tail}${open}, ${from ?? '-'} to ${until ?? '-'}${stopped ? '' : ', no stop record'}\n    root ${root}`;
  });
  const checks = report.checks.map((check, at) => `  ${at + 1}. ${check}`);
  return `${[
    `${verdictLine(report.verdict)}  ${report.logs.length} logs, ${report.findingCount} findings`,
    `key: ${trust}`,
    'logs:',
    ...logs,
    'checked:',
    ...checks,
    ...(report.findingCount === 0 ? [] : ['findings:', ...findingLines(report.findings, report.findingCount)]),
  ].join('\n')}\n`;
}

export function completenessText(report: CompletenessReport, verified: VerifyReport): string {
  const { counts, range } = report;
  const rows: [string, string | number][] = [
    ['writes by our identities in the API server log', counts.events],
    ['attempts in the ledger', counts.attempts],
    ['matched', counts.matched],
    ['in the API server log only', counts.unrecorded],
    ['answered in the ledger, not in the API server log', counts.unseen],
    ['lost answers: the API server has them', counts.closedAsDone],
    ['lost answers: the API server never had them', counts.closedAsNotReceived],
    ['recorded, never sent', counts.unsent],
    ['outside the time the API server log covers', counts.outsideRange],
    ['requests of ours refused by RBAC', counts.forbidden],
    ['API server log covers', range === undefined ? 'nothing' : `${range.from} to ${range.until}`],
    ['ledger', `${verified.verdict}, ${verified.findingCount} findings`],
  ];
  const lines = rows.map(([what, value]) => `  ${what.padEnd(52)} ${value}`);
  return `${[
    `${verdictLine(joined(report, verified))}  every write of ${report.users.length} users against ${verified.logs.length} logs`,
    ...lines,
    ...findingLines(verified.findings, verified.findingCount),
    ...findingLines(report.findings, report.findingCount),
  ].join('\n')}\n`;
}

/** A ledger that does not verify cannot be complete. */
export function joined(report: CompletenessReport, verified: VerifyReport): CompletenessReport['verdict'] {
  if (report.verdict === 'incomplete' || verified.verdict === 'broken') return 'incomplete';
  return report.verdict === 'undecided' || verified.verdict === 'undecided' ? 'undecided' : 'complete';
}

export function rowJson(row: Row): object {
  const { log, leaf, auditId, outcome, resolved, repeats } = row;
  return {
    id: auditId ?? `${log}-${leaf.seq}`,
    log,
    seq: leaf.seq,
    time: leaf.time,
    type: leaf.type,
    ...(['intent', 'denial'].includes(leaf.type) && { result: outcomeOf(row) }),
    data: leaf.data,
    ...(outcome !== undefined && { outcome: outcome.data }),
    ...(resolved !== undefined && { resolved: resolved.data }),
    ...(repeats > 0 && { repeats }),
  };
}

export function rowText(row: Row): string {
  const { log, leaf } = row;
  const id = row.auditId ?? `${log}-${leaf.seq}`;
  if (leaf.type === 'intent' || leaf.type === 'denial') return `${id}  ${sentence(row)}`;
  return `${id}  ${leaf.time} ${leaf.type} ${JSON.stringify(leaf.data).slice(0, 400)}`;
}

function indented(rows: readonly Row[], count: number): string[] {
  const hidden = count > rows.length ? [`  ... ${count - rows.length} older ones are not shown; use query`] : [];
  const lines = rows.flatMap((row) => [`  ${sentence(row)}`, ...messagesOf(row).map((message) => `      ${message}`)]);
  return [...hidden, ...lines];
}

/** The chain first: it is the answer; then what it rests on. */
export function whyText({ about, aboutCount, because, becauseCount, chain }: Why): string {
  if (aboutCount === 0 && becauseCount === 0) return 'no ledger here knows this object\n';
  const links = chain.map(
    ({ object, by, reason }) => `  ${object}${by === undefined ? '' : `: ${by}, ${reason ?? ''}, because of`}`,
  );
  return `${[
    ...(links.length > 1 ? ['chain of causes:', ...links] : []),
    ...(aboutCount > 0 ? [`done or refused to it (${aboutCount}):`, ...indented(about, aboutCount)] : []),
    ...(becauseCount > 0
      ? [`done or refused because of it (${becauseCount}):`, ...indented(because, becauseCount)]
      : []),
    ...rulesLine([...about, ...because]),
  ].join('\n')}\n`;
}

function rulesLine(rows: readonly Row[]): string[] {
  const rules = new Map<string, number>();
  for (const row of rows) {
    if (row.leaf.type !== 'denial') continue;
    for (const rule of rulesOf(row)) rules.set(rule, (rules.get(rule) ?? 0) + 1 + row.repeats);
  }
  return rules.size === 0 ? [] : ['rules that refused:', ...[...rules].map(([rule, count]) => `  ${rule} (${count})`)];
}

export function whyJson({ about, aboutCount, because, becauseCount, chain }: Why): object {
  return { chain, aboutCount, becauseCount, about: about.map(rowJson), because: because.map(rowJson) };
}
