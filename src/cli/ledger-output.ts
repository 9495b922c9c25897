import { styleText } from 'node:util';
import { objectOf, textOf } from '#ledger/leaf.ts';
import { codeOf, outcomeOf, type Row, rulesOf, targetName, triggerName } from '#ledger/query.ts';
import type { Grade, VerifyReport } from '#ledger/verify-report.ts';
import { idOf, nameOf } from '#ledger/why.ts';
import { breakerText } from './ledger-breaker.ts';
import { EXIT, TRUST } from './ledger-options.ts';

const EXITS: ReadonlyMap<string, number> = new Map([
  ['ok', EXIT.yes],
  ['complete', EXIT.yes],
  ['broken', EXIT.no],
  ['incomplete', EXIT.no],
  ['undecided', EXIT.undecided],
]);

export function exitOf(verdict: string): number {
  return EXITS.get(verdict) ?? EXIT.undecided;
}

const COLOURS = ['green', 'red', 'yellow'] as const;

/** A word first; colour only on a terminal. */
export function verdictWord(verdict: string): string {
  return styleText(COLOURS[exitOf(verdict)] ?? 'yellow', verdict.toUpperCase(), { stream: process.stdout });
}

/** Texts of a ledger or an audit log may have been written by anybody: no control character reaches a terminal. */
export function plain(text: string): string {
  const escaped = (char: string): string => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped);
}

const GRADES: Readonly<Record<Grade, string>> = { broken: 'WRONG', undecided: 'UNDECIDED', note: 'NOTE' };
const MAX_LINES = 50;

export function verifyText(report: VerifyReport): string {
  const logs = report.logs.map(({ id, size, signed, signedSize, root, open, first, last, stopped, trust }) =>
    [
      `  ${id}  ${size} records, ${signed ? `${signedSize} of them under a checkpoint signed by ${TRUST[trust]}` : 'no valid signature'}`,
      `    ${first ?? '-'} to ${last ?? '-'}${stopped ? '' : ', no stop record'}${open === 0 ? '' : `, ${open} intents without an outcome`}`,
      `    root ${root}`,
    ].join('\n'),
  );
  const findings = report.findings
    .slice(0, MAX_LINES)
    .map(
      ({ grade, code, log, seq, says }) =>
        `  ${GRADES[grade].padEnd(9)} ${code}${log === undefined ? '' : ` ${log}${seq === undefined ? '' : `-${seq}`}`}: ${plain(says)}`,
    );
  const more = report.findings.length - findings.length;
  return `${[
    `${verdictWord(report.verdict)}  ${report.logs.length} logs, ${report.findings.length} findings`,
    ...logs,
    ...findings,
    ...(more > 0 ? [`  ... ${more} more; -o json shows them`] : []),
  ].join('\n')}\n`;
}

/** A row as the documented JSON: ids first, the record's own data as it is. */
export function rowJson(row: Row): object {
  const { log, leaf, outcome, resolved } = row;
  return {
    id: idOf(row),
    log,
    seq: leaf.seq,
    time: leaf.time,
    type: leaf.type,
    ...(outcomeOf(row) !== '' && { result: outcomeOf(row) }),
    data: leaf.data,
    ...(outcome !== undefined && { outcome: { seq: outcome.seq, time: outcome.time, data: outcome.data } }),
    ...(resolved !== undefined && { resolved: { seq: resolved.seq, time: resolved.time, data: resolved.data } }),
  };
}

/** One line for a person: id, when, who, what, why, what became of it. */
export function rowText(row: Row): string {
  const { leaf } = row;
  const { data, type, time } = leaf;
  if (type !== 'intent' && type !== 'denial')
    return plain(`${idOf(row)}  ${time} ${type} ${breakerText(data) ?? JSON.stringify(data).slice(0, 400)}`);
  const { resource, namespace, name } = targetName(data);
  const what = [resource, textOf(data, 'subresource')].filter(Boolean).join('/');
  const object = [namespace, name].filter(Boolean).join('/');
  const trigger = triggerName(data);
  const cause = `${textOf(objectOf(data, 'cause'), 'reason') ?? ''}${trigger.name === '' ? '' : ` for ${nameOf(trigger)}`}`;
  const result = [outcomeOf(row), codeOf(row), ...rulesOf(row)].filter(Boolean).join(' ');
  return plain(
    `${idOf(row)}  ${time} ${textOf(data, 'controller')} ${textOf(data, 'verb')} ${what} ${object}  ${cause}  ${result}`,
  );
}
