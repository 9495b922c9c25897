import { styleText } from 'node:util';
import { exitCodeOf } from '#doctor/examine.ts';
import type { Finding, Verdict } from '#doctor/port.ts';
import { plain } from './ledger-output.ts';

export const REPORT_VERSION = 'comptroller.dev/doctor-report/v1';

const VERDICTS: readonly Verdict[] = ['ok', 'warn', 'fail', 'unknown'];

/** `{version, verdict, findings: [{check, verdict, found, remedy, outside?}]}`. */
export function findingsJson(findings: readonly Finding[]): string {
  const verdict = (['ok', 'failed', 'undecided'] as const)[exitCodeOf(findings)];
  return `${JSON.stringify({ version: REPORT_VERSION, verdict, findings }, undefined, 2)}\n`;
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red', unknown: 'cyan' } as const;
const INDENT = ' '.repeat(29);

/** A line for each finding, what to do below it, and a line that counts. Names come from the cluster: no control characters. */
export function findingsText(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ check, verdict, found, remedy }) => {
    const word = styleText(COLOURS[verdict], verdict.toUpperCase().padEnd(8), { stream: process.stdout });
    const line = `${check.padEnd(20)} ${word}${plain(found)}`;
    return remedy === '' ? [line] : [line, `${INDENT}-> ${plain(remedy)}`];
  });
  const head = `${'CHECK'.padEnd(20)} ${'VERDICT'.padEnd(8)}FOUND, AND WHAT TO DO`;
  return `${[head, ...lines, countsOf(findings)].join('\n')}\n`;
}

function countsOf(findings: readonly Finding[]): string {
  const counts = VERDICTS.map((verdict) => `${findings.filter((one) => one.verdict === verdict).length} ${verdict}`);
  const outside = findings.filter((one) => one.outside === true).length;
  return `${counts.join(', ')}${outside > 0 ? ` (${outside} that only a look at the API server's host decides)` : ''}`;
}
