import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseVerifierKey, type VerifierKey } from './note.ts';
import type { Anchor } from './port.ts';
import { findLogs } from './reader.ts';
import { compareClaims, compareClosings, compareReigns, type ReadLog } from './verify-across.ts';
import { type CheckedLog, checkLog } from './verify-log.ts';
import { VerifyFindings, type VerifyReport } from './verify-report.ts';

export interface VerifyOptions {
  /** A ledger's directory with all its logs, or one log's own. Live, crashed or copied; nothing is written. */
  readonly directory: string;
  /** More of them: the ledgers of other replicas, to be held against this one. */
  readonly others?: readonly string[];
  /** `<name>+<hash>+<base64>`, several on lines of their own. Without it the keys beside the logs are believed. */
  readonly verifierKey?: string;
  /** What the caller knows of the logs: an anchor from the Lease, or from an earlier run. */
  readonly anchors?: readonly Anchor[];
  /** A log or an epoch that is named but not here makes the verdict `undecided`. */
  readonly strict?: boolean;
}

/**
 * Checks that logs are whole, signed, and say nothing that contradicts another one. Streams: memory does not grow with
 * the logs. Throws only for what the caller gave: a directory that cannot be read, a key that is none.
 */
export async function verifyLedger(options: VerifyOptions): Promise<VerifyReport> {
  const { directory, others = [], verifierKey, anchors = [], strict = false } = options;
  const findings = new VerifyFindings();
  const given = verifierKey?.split('\n').filter((line) => line.trim() !== '');
  const trust = given === undefined ? 'directory-key' : 'given-key';
  const checked: (CheckedLog & ReadLog)[] = [];
  for (const path of [directory, ...others]) {
    const keys = given?.map(parseVerifierKey) ?? (await keysBeside(path));
    if (keys.length === 0) findings.add('undecided', 'key', 'there is no key: neither given nor beside the logs');
    const logs = await findLogs(path);
    if (logs.length === 0) findings.add('undecided', 'no-log', 'there is no log in the directory');
    for (const log of logs) {
      const at = (seq?: number) => ({ log: log.id, ...(seq !== undefined && { seq }) });
      const found = await checkLog(log, keys, trust, (grade, code, says, seq) =>
        findings.add(grade, code, says, at(seq)),
      );
      checked.push({ directory: log, ...found });
    }
  }
  await compareLogs(checked, anchors, strict, findings);
  return { verdict: findings.verdict, logs: checked.map(({ report }) => report), findings: findings.all() };
}

async function compareLogs(
  logs: readonly (CheckedLog & ReadLog)[],
  anchors: readonly Anchor[],
  strict: boolean,
  findings: VerifyFindings,
): Promise<void> {
  const from = <T>(what: (log: CheckedLog) => readonly T[]): T[] => logs.flatMap((log) => [...what(log)]);
  const given = anchors.map((anchor) => ({ ...anchor, log: 'given', seq: 0, damaged: false }));
  compareReigns(
    from(({ records }) => records.reigns),
    strict,
    findings,
  );
  await compareClaims([...given, ...from(({ records }) => records.claims)], logs, strict, findings);
  await compareClosings(
    from(({ records }) => records.closings),
    logs,
    findings,
  );
  const twice = Map.groupBy(logs, ({ report }) => report.id);
  for (const [id, same] of twice) {
    if (same.length > 1) findings.add('undecided', 'log-twice', 'the log is here more than once', { log: id });
  }
}

/** Every key that ever signed here. Convenient, not evidence. */
export async function keysBeside(directory: string): Promise<VerifierKey[]> {
  const texts = [directory, dirname(directory)].map((at) =>
    readFile(join(at, 'checkpoint.pub'), 'utf8').catch(() => ''),
  );
  const lines = (await Promise.all(texts)).join('\n').split('\n');
  return lines.flatMap((line) => {
    try {
      return line.trim() === '' ? [] : [parseVerifierKey(line)];
    } catch {
      return [];
    }
  });
}
