import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { type Finding, Findings, type Verdict } from './findings.ts';
import { emptyRoot, leafHash, rangeRoot, Tree } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import type { Anchor } from './port.ts';
import { BrokenLog, bundles, type LogDirectory, readCheckpoint, tail } from './reader.ts';
import { tileNodes } from './tiles.ts';
import { compareReigns } from './verify-epochs.ts';
import { type Claim, RecordCheck, type Reign } from './verify-records.ts';
import { TreeCheck } from './verify-tree.ts';

export interface LogReport {
  readonly log: string;
  readonly path: string;
  readonly origin: string;
  /** What a valid signature covers. */
  readonly size: number;
  readonly root: string;
  readonly signed: boolean;
  /** Records behind the last checkpoint: chained, not signed yet. */
  readonly unsigned: number;
  readonly records: Readonly<Record<string, number>>;
  readonly openIntents: number;
  readonly from?: string;
  readonly until?: string;
  readonly stopped: boolean;
}

export interface VerifyReport {
  readonly verdict: Verdict;
  readonly logs: readonly LogReport[];
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  /** What was looked at, in order: the same list for every run. */
  readonly checks: readonly string[];
}

export const CHECKS: readonly string[] = [
  'checkpoint: each log has one, signed by the given key',
  'tree: root and every tile recomputed from the entries',
  'record: canonical JSON of a known type, numbered without a gap, naming the one before it',
  'time: monotonic; the time of day goes back only where a record says so',
  'outcome: at most one for each intent, none without',
  'epoch: each write inside a leadership of its log; leaderships without gap or overlap over all logs',
  'anchor: what logs say of each other is so',
];

/** Checks logs of one cluster, all replicas' together where they are given. Streams: memory does not grow with them. */
export async function verifyLogs(
  logs: readonly LogDirectory[],
  verifiers: readonly VerifierKey[],
  anchors: readonly Anchor[] = [],
): Promise<VerifyReport> {
  const findings = new Findings();
  const reports: LogReport[] = [];
  const claims: Claim[] = anchors.map((anchor) => ({
    ...anchor,
    by: 'the given anchor',
    seq: 0,
    why: 'predecessor',
    damaged: false,
  }));
  const reigns: Reign[] = [];
  for (const log of logs) {
    const checked = await verifyLog(log, verifiers, findings);
    reports.push(checked.report);
    claims.push(...checked.records.claims);
    reigns.push(...checked.records.reigns);
  }
  if (logs.length === 0) findings.add({ verdict: 'undecided', check: 'checkpoint', what: 'there is no log here' });
  compareReigns(reigns, findings);
  await compareClaims(claims, reports, findings);
  return {
    verdict: findings.verdict,
    logs: reports,
    findings: findings.list,
    findingCount: findings.count,
    checks: CHECKS,
  };
}

function openSigned(note: string, verifiers: readonly VerifierKey[]): OpenedCheckpoint {
  let last: OpenedCheckpoint = { ok: false, why: 'no key to check it with' };
  for (const verifier of verifiers) {
    last = openCheckpoint(note, verifier);
    if (last.ok || last.why === 'signature is wrong') return last;
  }
  return last;
}

async function verifyLog(
  log: LogDirectory,
  verifiers: readonly VerifierKey[],
  findings: Findings,
): Promise<{ report: LogReport; records: RecordCheck }> {
  const note = await readCheckpoint(log.path);
  const opened = note === undefined ? undefined : openSigned(note, verifiers);
  if (opened?.ok === false) {
    findings.add({ verdict: 'broken', check: 'checkpoint', log: log.id, what: `the checkpoint: ${opened.why}` });
  }
  const anchor = opened?.ok === true ? opened.anchor : undefined;
  if (anchor !== undefined && !anchor.origin.endsWith(`/${log.id}`)) {
    findings.add({ verdict: 'broken', check: 'checkpoint', log: log.id, what: 'the checkpoint is of another log' });
  }
  const records = new RecordCheck(log.id, findings);
  const size = anchor?.size ?? 0;
  await verifyEntries(log, anchor, records, findings);
  const unsigned = await verifyTail(log, size, records, findings);
  const report: LogReport = {
    log: log.id,
    path: log.path,
    origin: anchor?.origin ?? '',
    size,
    root: anchor?.root ?? emptyRoot().toString('base64'),
    signed: anchor !== undefined,
    unsigned,
    records: Object.fromEntries([...records.counts].sort()),
    openIntents: records.openIntents,
    ...(records.first !== undefined && { from: records.first }),
    ...(records.last !== undefined && { until: records.last }),
    stopped: records.stopped,
  };
  return { report, records };
}

async function verifyEntries(
  log: LogDirectory,
  anchor: Anchor | undefined,
  records: RecordCheck,
  findings: Findings,
): Promise<void> {
  if (anchor === undefined) return;
  const tree = new TreeCheck(log.path, anchor.size);
  const wrong = (paths: readonly string[]): void => {
    for (const path of paths) {
      findings.add({ verdict: 'broken', check: 'tree', log: log.id, what: `${path} is not what the entries say` });
    }
  };
  try {
    for await (const { entries } of bundles(log.path, anchor.size)) {
      for (const entry of entries) records.add(entry, tree.add(entry));
      wrong(await tree.wrong());
    }
    wrong(await tree.wrongAtEnd());
  } catch (error) {
    if (!(error instanceof BrokenLog)) throw error;
    findings.add({ verdict: 'broken', check: 'tree', log: log.id, what: error.message });
  }
  if (tree.tree.root().toString('base64') === anchor.root) return;
  findings.add({
    verdict: 'broken',
    check: 'tree',
    log: log.id,
    what: 'the entries do not have the root that was signed',
  });
}

async function verifyTail(log: LogDirectory, size: number, records: RecordCheck, findings: Findings): Promise<number> {
  const groups = tail(log.path, size);
  let count = 0;
  for (;;) {
    const next = await groups.next();
    if (next.done === true) {
      if (next.value.damaged) {
        const what = 'a write-ahead segment is broken before its end';
        findings.add({ verdict: 'broken', check: 'tree', log: log.id, what });
      }
      return count;
    }
    for (const entry of next.value.entries) records.add(entry, leafHash(entry));
    count += next.value.entries.length;
  }
}

async function compareClaims(claims: readonly Claim[], logs: readonly LogReport[], findings: Findings): Promise<void> {
  const covered = new Map<string, number>();
  for (const claim of claims) {
    const found = logs.find(({ log }) => claim.origin.endsWith(`/${log}`));
    const about = { check: 'anchor', log: claim.by, seq: claim.seq };
    if (found === undefined) {
      findings.add({
        verdict: 'undecided',
        ...about,
        what: `the log ${claim.origin}, named here, is not among those given`,
      });
      continue;
    }
    if (claim.damaged) {
      findings.add({ verdict: 'broken', ...about, what: `the process found ${claim.origin} damaged when it started` });
      continue;
    }
    const root = await rootAt(found, claim.size);
    if (root === undefined) {
      findings.add({
        verdict: 'broken',
        ...about,
        what: `the log ${claim.origin} had ${claim.size} records once: some are gone`,
      });
    } else if (root !== claim.root) {
      findings.add({
        verdict: 'broken',
        ...about,
        what: `the log ${claim.origin} had another root at ${claim.size} records`,
      });
    } else {
      covered.set(found.log, Math.max(covered.get(found.log) ?? 0, claim.size));
    }
  }
  for (const { log, signed, size, unsigned } of logs) {
    if (signed || (covered.get(log) ?? 0) >= size + unsigned) continue;
    findings.add({ verdict: 'undecided', check: 'checkpoint', log, what: 'no signature covers this log' });
  }
}

/** The root of the first records of a log, from its tiles, or from its entries where those are not signed yet. */
async function rootAt({ path, size, unsigned }: LogReport, wanted: number): Promise<string | undefined> {
  if (wanted > size + unsigned) return undefined;
  try {
    if (wanted <= size) return (await rangeRoot(tileNodes(path, size), 0, wanted)).toString('base64');
    const tree = new Tree();
    for await (const { entries } of bundles(path, size)) for (const entry of entries) tree.append(leafHash(entry));
    for await (const { entries } of tail(path, size)) {
      for (const entry of entries) if (tree.size < wanted) tree.append(leafHash(entry));
    }
    return tree.root().toString('base64');
  } catch {
    return 'unreadable';
  }
}
