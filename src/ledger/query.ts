import { auditIdOf } from './checkpoint.ts';
import { itemsOf, type Leaf, numberOf, objectOf, parseLeaf, resourceOf, textOf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import { matchesNamed, matchesObject, type ObjectPattern } from './object-pattern.ts';
import { type LogEnd, type ReadLog, readLogOf, recordsOf, type ViewedLog } from './records-view.ts';

/** A record with its place; an intent with what became of it. */
export interface Row {
  readonly log: string;
  readonly leaf: Leaf;
  /** Of an intent: what the API server's audit log calls it. */
  readonly auditId?: string;
  outcome?: Leaf;
  /** What recovery, or a later look, found out about an open attempt; from whichever log says so. */
  resolved?: Leaf;
}

/** Every condition that is given must hold. */
export interface Filter {
  /** Record types; intents and denials (with their counted repeats) when absent. */
  readonly types?: readonly string[];
  readonly controller?: string;
  readonly user?: string;
  readonly namespace?: string;
  readonly object?: ObjectPattern;
  /** Writes that were wished while that object was reconciled. */
  readonly cause?: ObjectPattern;
  readonly uid?: string;
  readonly verb?: string;
  /** `allow`: intents; `deny`: denials. */
  readonly decision?: 'allow' | 'deny';
  /** `applied`, `conflict`, ..., `open` for none, `denied`. */
  readonly outcome?: string;
  readonly code?: string;
  readonly rule?: string;
  /** RFC 3339 in UTC with milliseconds, as records have it; `until` is exclusive. */
  readonly since?: string;
  readonly until?: string;
}

const DEFAULT_TYPES: readonly string[] = ['intent', 'denial', 'denials'];

/** An intent waits for its outcome so many records and rows at most: bounds memory, and what is held back. */
const MAX_DISTANCE = 200_000;
const MAX_WAITING = 20_000;
/** Notes about attempts that a crash left open: few in any ledger that is not ruined. */
const MAX_RESOLUTIONS = 100_000;

/** Streams over logs; memory does not grow with them. */
export class Query {
  /** Where each log stood, once it was read. */
  readonly read: ReadLog[] = [];
  readonly #logs: readonly ViewedLog[];
  readonly #filter: Filter;

  constructor(logs: readonly ViewedLog[], filter: Filter) {
    this.#logs = logs;
    this.#filter = filter;
  }

  /** Rows that pass the filter: by log in the order of their starts, by number within a log. */
  async *rows(): AsyncGenerator<Row, undefined> {
    const resolutions = await resolutionsIn(this.#logs);
    for (const log of this.#logs) {
      const { end, malformed } = yield* rowsOf(log, this.#filter, resolutions);
      this.read.push(await readLogOf(log, end, malformed));
    }
    return undefined;
  }
}

/** By Audit-ID. A search of the bytes first: parsing every record twice would cost more than the query. */
async function resolutionsIn(logs: readonly ViewedLog[]): Promise<ReadonlyMap<string, Leaf>> {
  const found = new Map<string, Leaf>();
  for (const log of logs) {
    for await (const { entry } of recordsOf(log)) {
      if (!entry.includes(RESOLVED) || found.size >= MAX_RESOLUTIONS) continue;
      const leaf = parseLeaf(entry);
      const auditId = leaf?.data.note === 'resolved' ? textOf(leaf.data, 'auditId') : undefined;
      if (leaf !== undefined && auditId !== undefined) found.set(auditId, leaf);
    }
  }
  return found;
}

const RESOLVED = Buffer.from('"note":"resolved"');

async function* rowsOf(
  log: ViewedLog,
  filter: Filter,
  resolutions: ReadonlyMap<string, Leaf>,
): AsyncGenerator<Row, { end: LogEnd; malformed: number }> {
  const waiting = new Map<number, Row>();
  let malformed = 0;
  const records = recordsOf(log);
  for (;;) {
    const next = await records.next();
    if (next.done === true) {
      yield* release(waiting, filter, () => true);
      return { end: next.value, malformed };
    }
    const { seq, entry } = next.value;
    const leaf = parseLeaf(entry);
    if (leaf === undefined) {
      malformed += 1;
      continue;
    }
    if (leaf.type === 'outcome') settle(waiting, leaf);
    if (wanted(leaf, filter)) waiting.set(seq, rowOf(log.id, leaf, entry, resolutions));
    const ripe = (row: Row): boolean =>
      row.outcome !== undefined ||
      row.leaf.type !== 'intent' ||
      seq - row.leaf.seq > MAX_DISTANCE ||
      waiting.size > MAX_WAITING;
    yield* release(waiting, filter, ripe);
  }
}

function rowOf(log: string, leaf: Leaf, entry: Buffer, resolutions: ReadonlyMap<string, Leaf>): Row {
  if (leaf.type !== 'intent') return { log, leaf };
  const auditId = auditIdOf(log, leaf.seq, leafHash(entry));
  const resolved = resolutions.get(auditId);
  return { log, leaf, auditId, ...(resolved !== undefined && { resolved }) };
}

function settle(waiting: ReadonlyMap<number, Row>, outcome: Leaf): void {
  const row = waiting.get(numberOf(outcome.data, 'intent') ?? -1);
  if (row !== undefined) row.outcome ??= outcome;
}

/** The rows at the front that are ripe, in their order. */
function* release(waiting: Map<number, Row>, filter: Filter, ripe: (row: Row) => boolean): Generator<Row> {
  for (const [seq, row] of waiting) {
    if (!ripe(row)) return;
    waiting.delete(seq);
    if (passesOutcome(row, filter)) yield row;
  }
}

export function outcomeOf(row: Row): string {
  if (row.leaf.type === 'denial' || row.leaf.type === 'denials') return 'denied';
  if (row.leaf.type !== 'intent') return '';
  const kind = textOf(row.outcome?.data, 'kind');
  if (kind !== undefined && kind !== 'unknown') return kind;
  const resolved = textOf(row.resolved?.data, 'as');
  return resolved !== undefined && resolved !== 'unknown' ? resolved : (kind ?? 'open');
}

export function codeOf(row: Row): string | undefined {
  return textOf(row.leaf.type === 'intent' ? row.outcome?.data : row.leaf.data, 'code');
}

export function rulesOf({ leaf }: Pick<Row, 'leaf'>): readonly string[] {
  return itemsOf(objectOf(leaf.data, 'verdict'), 'rules').filter((rule) => typeof rule === 'string');
}

function passesOutcome(row: Row, { outcome, code }: Filter): boolean {
  if (outcome !== undefined && outcomeOf(row) !== outcome) return false;
  return code === undefined || codeOf(row) === code;
}

const DECISIONS: Readonly<Record<'allow' | 'deny', readonly string[]>> = {
  allow: ['intent'],
  deny: ['denial', 'denials'],
};

function wanted(leaf: Leaf, filter: Filter): boolean {
  const { data } = leaf;
  if (!(filter.types ?? DEFAULT_TYPES).includes(leaf.type)) return false;
  if (filter.decision !== undefined && !DECISIONS[filter.decision].includes(leaf.type)) return false;
  if (filter.since !== undefined && leaf.time < filter.since) return false;
  if (filter.until !== undefined && leaf.time >= filter.until) return false;
  for (const field of ['controller', 'user', 'namespace', 'uid', 'verb'] as const) {
    const value = filter[field];
    if (value !== undefined && textOf(data, field) !== value) return false;
  }
  if (filter.rule !== undefined && !rulesOf({ leaf }).includes(filter.rule)) return false;
  if (filter.object !== undefined && !matchesObject(filter.object, targetName(data))) return false;
  return filter.cause === undefined || matchesNamed(filter.cause, triggerName(data));
}

export function targetName(data: Leaf['data']): { resource: string; namespace: string; name: string } {
  return { resource: resourceOf(data), namespace: textOf(data, 'namespace') ?? '', name: textOf(data, 'name') ?? '' };
}

/** An object as causes and owners name it; empty texts where there is none. */
export interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function namedBy(object: Leaf['data'] | undefined): Named {
  const [apiVersion = '', kind = '', namespace = '', name = '', uid = ''] = [
    'apiVersion',
    'kind',
    'namespace',
    'name',
    'uid',
  ].map((key) => textOf(object, key));
  return { apiVersion, kind, namespace, name, uid };
}

export function triggerName(data: Leaf['data']): Named {
  return namedBy(objectOf(objectOf(data, 'cause'), 'trigger'));
}
