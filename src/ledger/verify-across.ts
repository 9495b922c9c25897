import { auditIdOf, logIdOf, parseAuditId } from './checkpoint.ts';
import { parseLeaf } from './leaf.ts';
import { leafHash, rangeRoot, Tree } from './merkle.ts';
import { BrokenLog, bundles, entryAt, type LogDirectory } from './reader.ts';
import { tileNodes } from './tiles.ts';
import type { Claim, Closing, Reign } from './verify-records.ts';
import type { LogReport, VerifyFindings } from './verify-report.ts';
import { walkWal } from './verify-tail.ts';

/** A log that was read, for questions that others have about it. */
export interface ReadLog {
  readonly directory: LogDirectory;
  readonly report: LogReport;
}

/** How much the clocks of two replicas may differ before one's writes count as later than the other's victory. */
const SKEW_MS = 10_000;

/** Over all logs: one log an epoch, none left out, and no write of one after the next was won. */
export function compareReigns(reigns: readonly Reign[], strict: boolean, findings: VerifyFindings): void {
  // Without leader election there is no lease, and each start leads anew.
  const leases = Map.groupBy(
    reigns.filter(({ lease }) => lease !== ''),
    ({ lease }) => lease,
  );
  for (const all of leases.values()) {
    const epochs = [...Map.groupBy(all, ({ transitions }) => transitions)].sort(([a], [b]) => a - b);
    for (const [at, [transitions, held]] of epochs.entries()) {
      const [{ log, seq }] = held as [Reign];
      if (new Set(held.map((reign) => `${reign.log} ${reign.holder}`)).size > 1) {
        findings.add('broken', 'epoch-twice', `epoch ${transitions} was won by more than one`, { log, seq });
      }
      const next = epochs[at + 1];
      if (next !== undefined) compareNeighbours(held, next[1], strict, findings);
    }
  }
}

function compareNeighbours(
  held: readonly Reign[],
  following: readonly Reign[],
  strict: boolean,
  findings: VerifyFindings,
): void {
  const [{ transitions }] = held as [Reign];
  const [{ transitions: next, log, seq }] = following as [Reign];
  if (next > transitions + 1) {
    const says = `between epochs ${transitions} and ${next} others led: their logs are not here, or they recorded nothing`;
    findings.add(strict ? 'undecided' : 'note', 'epoch-absent', says, { log, seq });
  }
  const last = Math.max(...held.map(({ until }) => Date.parse(until)));
  const won = Math.min(...following.map(({ from }) => Date.parse(from)));
  if (last <= won + SKEW_MS) return;
  // By clocks that were set meanwhile, as both logs tell, later is not known to be later.
  const set = Math.max(...held.map((reign) => reign.set)) + Math.max(...following.map((reign) => reign.set));
  if (last > won + SKEW_MS + set) {
    const says = `a write of epoch ${transitions} was recorded after epoch ${next} was won`;
    findings.add('broken', 'epoch-overlap', says, { log, seq });
  } else {
    const says = `whether a write of epoch ${transitions} was recorded after epoch ${next} was won cannot be told: a clock was set`;
    findings.add('undecided', 'epoch-clock', says, { log, seq });
  }
}

/** What logs and the caller say of logs must be so of those that are here. */
export async function compareClaims(
  claims: readonly Claim[],
  logs: readonly ReadLog[],
  strict: boolean,
  findings: VerifyFindings,
): Promise<void> {
  const absent = new Set<string>();
  const seen = new Set<string>();
  for (const { log, seq, origin, size, root, damaged } of claims) {
    const at = { log, seq };
    const found = logs.find(({ report }) => report.origin === origin || report.id === logIdOf(origin));
    if (found === undefined) {
      if (absent.has(origin)) continue;
      absent.add(origin);
      findings.add(strict ? 'undecided' : 'note', 'log-absent', `the log ${origin}, named here, is not here`, at);
    } else if (damaged) {
      findings.add('broken', 'anchor-damaged', `the process found ${origin} damaged when it started`, at);
    } else if (size > found.report.size) {
      const says = `the log ${origin} had ${size} records when this was written, and has ${found.report.size}`;
      findings.add('broken', 'anchor-ahead', says, at);
    } else {
      // Every later start names all earlier logs: the same claim is decided once.
      const claim = `${origin} ${size} ${root}`;
      if (seen.has(claim)) continue;
      seen.add(claim);
      if ((await rootAt(found, size)) === root) continue;
      findings.add('broken', 'anchor-differs', `the log ${origin} had another root at ${size} records`, at);
    }
  }
}

/** Undefined when the log cannot say (its own check has named the reason). */
async function rootAt({ directory, report }: ReadLog, size: number): Promise<string | undefined> {
  if (size === report.size) return report.root;
  try {
    if (size <= report.signedSize)
      return (await rangeRoot(tileNodes(directory.path, report.signedSize), 0, size)).toString('base64');
    return await rebuiltRoot(directory.path, report.signedSize, size);
  } catch {
    return undefined;
  }
}

/** For sizes between the checkpoint and the end of a crashed log. */
async function rebuiltRoot(path: string, signed: number, size: number): Promise<string> {
  const tree = new Tree();
  try {
    for await (const { entries } of bundles(path, signed)) for (const entry of entries) tree.append(leafHash(entry));
  } catch (error) {
    if (!(error instanceof BrokenLog)) throw error;
  }
  for await (const { first, entries } of walkWal(path)) {
    for (const [at, entry] of entries.entries()) {
      if (first + at === tree.size && tree.size < size) tree.append(leafHash(entry));
    }
  }
  return tree.root().toString('base64');
}

/** Each note that closes an intent must name one by its true Audit-ID. */
export async function compareClosings(
  closings: readonly Closing[],
  logs: readonly ReadLog[],
  findings: VerifyFindings,
): Promise<void> {
  for (const { log, seq, auditId } of closings) {
    const named = parseAuditId(auditId);
    const found = logs.find(({ report }) => report.id === named?.logId);
    if (named === undefined || found === undefined) continue;
    const entry = await anyEntry(found, named.seq);
    const intent = entry !== undefined && parseLeaf(entry)?.type === 'intent';
    if (intent && auditIdOf(named.logId, named.seq, leafHash(entry)) === auditId) continue;
    findings.add('broken', 'resolved', `the note closes ${auditId}, which is no intent`, { log, seq });
  }
}

async function anyEntry({ directory, report }: ReadLog, seq: number): Promise<Buffer | undefined> {
  const published = await entryAt(directory.path, report.signedSize, seq);
  if (published !== undefined) return published;
  for await (const { first, entries } of walkWal(directory.path)) {
    if (seq >= first && seq < first + entries.length) return entries[seq - first];
  }
  return undefined;
}
