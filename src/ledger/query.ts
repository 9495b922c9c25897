import { auditIdOf } from './checkpoint.ts';
import { itemsOf, type Leaf, numberOf, objectOf, parseLeaf, resourceOf, textOf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import { matchesObject, type ObjectPattern } from './object-pattern.ts';
import { bundles, claimedAnchor, type LogDirectory, tail } from './reader.ts';

/** A record with its place; an intent with what became of it. */
export interface Row {
  readonly log: string;
  readonly leaf: Leaf;
  /** Of an intent: what the API server's audit log calls it. */
  readonly auditId?: string;
  outcome?: Leaf;
  resolved?: Leaf;
  /** Of a denial: how often it was repeated since. */
  repeats: number;
}

export interface Filter {
  readonly types?: readonly string[];
  readonly controller?: string;
  readonly namespace?: string;
  readonly object?: ObjectPattern;
  readonly uid?: string;
  readonly verb?: string;
  /** `allow`: intents; `deny`: denials. */
  readonly decision?: 'allow' | 'deny';
  /** `applied`, `conflict`, ..., `open` for none. */
  readonly outcome?: string;
  readonly code?: string;
  readonly rule?: string;
  /** RFC 3339 in UTC, as records have it. */
  readonly since?: string;
  readonly until?: string;
}

/** Every record of a log in its order, signed or not, with its leaf hash; malformed ones are passed over (verify names them). */
export async function* leaves(
  log: LogDirectory,
  from = 0,
): AsyncGenerator<{ readonly leaf: Leaf; readonly hash: Buffer }> {
  const size = (await claimedAnchor(log.path))?.size ?? 0;
  async function* groups(): AsyncGenerator<{ readonly entries: readonly Buffer[] }> {
    if (from < size) yield* bundles(log.path, size, from);
    yield* tail(log.path, Math.max(from, size));
  }
  for await (const { entries } of groups()) {
    for (const entry of entries) {
      const leaf = parseLeaf(entry);
      if (leaf !== undefined) yield { leaf, hash: leafHash(entry) };
    }
  }
}

/** How long an intent waits for its outcome before it is shown without: bounds memory. */
const LOOK_AHEAD = 20_000;

/** Intents and denials that pass the filter, each log's in its order, with outcomes joined. */
export async function* query(logs: readonly LogDirectory[], filter: Filter): AsyncGenerator<Row> {
  for (const log of await byStart(logs)) yield* queryLog(log, filter);
}

async function* queryLog(log: LogDirectory, filter: Filter): AsyncGenerator<Row> {
  const waiting = new Map<number, Row>();
  for await (const { leaf, hash } of leaves(log)) {
    if (leaf.type === 'outcome' || leaf.type === 'denials' || leaf.type === 'note') settle(waiting, leaf, log.id);
    if (!wanted(leaf, filter)) continue;
    const auditId = leaf.type === 'intent' ? { auditId: auditIdOf(log.id, leaf.seq, hash) } : {};
    waiting.set(leaf.seq, { log: log.id, leaf, ...auditId, repeats: 0 });
    if (waiting.size > LOOK_AHEAD) yield* release(waiting, filter, waiting.size / 2);
  }
  yield* release(waiting, filter, waiting.size);
}

function settle(waiting: ReadonlyMap<number, Row>, leaf: Leaf, log: string): void {
  const { data } = leaf;
  if (leaf.type === 'outcome') {
    const row = waiting.get(numberOf(data, 'intent') ?? -1);
    if (row !== undefined) row.outcome ??= leaf;
  } else if (leaf.type === 'denials') {
    const row = waiting.get(numberOf(data, 'denial') ?? -1);
    if (row !== undefined) row.repeats += numberOf(data, 'count') ?? 0;
  } else if (data.note === 'resolved') {
    const [id, seq] = (textOf(data, 'auditId') ?? '').split('-');
    const row = id === log ? waiting.get(Number(seq)) : undefined;
    if (row !== undefined) row.resolved = leaf;
  }
}

function* release(waiting: Map<number, Row>, filter: Filter, count: number): Generator<Row> {
  let left = count;
  for (const [seq, row] of waiting) {
    if (left-- <= 0) return;
    waiting.delete(seq);
    if (passesOutcome(row, filter)) yield row;
  }
}

export function outcomeOf(row: Row): string {
  if (row.leaf.type === 'denial') return 'denied';
  if (row.leaf.type !== 'intent') return '';
  const resolved = textOf(row.resolved?.data, 'as');
  if (row.outcome === undefined || textOf(row.outcome.data, 'kind') === 'unknown')
    return resolved ?? (row.outcome === undefined ? 'open' : 'unknown');
  return textOf(row.outcome.data, 'kind') ?? '';
}

export function codeOf(row: Row): string | undefined {
  return textOf(row.leaf.type === 'denial' ? row.leaf.data : row.outcome?.data, 'code');
}

export function rulesOf({ leaf }: Row): readonly string[] {
  return itemsOf(objectOf(leaf.data, 'verdict'), 'rules').filter((rule) => typeof rule === 'string');
}

function passesOutcome(row: Row, { outcome, code }: Filter): boolean {
  if (outcome !== undefined && outcomeOf(row) !== outcome) return false;
  return code === undefined || codeOf(row) === code;
}

const DECISIONS: Readonly<Record<'allow' | 'deny', string>> = { allow: 'intent', deny: 'denial' };

function wanted(leaf: Leaf, filter: Filter): boolean {
  const { data } = leaf;
  const types = filter.types ?? ['intent', 'denial'];
  if (!types.includes(leaf.type)) return false;
  if (filter.decision !== undefined && leaf.type !== DECISIONS[filter.decision]) return false;
  if (filter.since !== undefined && leaf.time < filter.since) return false;
  if (filter.until !== undefined && leaf.time >= filter.until) return false;
  for (const field of ['controller', 'namespace', 'uid', 'verb'] as const) {
    const value = filter[field];
    if (value !== undefined && textOf(data, field) !== value) return false;
  }
  if (filter.rule !== undefined && !itemsOf(objectOf(data, 'verdict'), 'rules').includes(filter.rule)) return false;
  return filter.object === undefined || matchesObject(filter.object, targetName(data));
}

export function targetName(data: Leaf['data']): { resource: string; namespace: string; name: string } {
  return { resource: resourceOf(data), namespace: textOf(data, 'namespace') ?? '', name: textOf(data, 'name') ?? '' };
}

/** Logs in the order of their first records. */
export async function byStart(logs: readonly LogDirectory[]): Promise<LogDirectory[]> {
  const starts: { log: LogDirectory; time: string }[] = [];
  for (const log of logs) {
    for await (const { leaf } of leaves(log)) {
      starts.push({ log, time: leaf.time });
      break;
    }
  }
  return starts.sort((a, b) => (a.time < b.time ? -1 : 1)).map(({ log }) => log);
}
