import { auditIdOf } from './checkpoint.ts';
import { isObject, itemsOf, type Leaf, numberOf, objectOf, parseLeaf, textOf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import { namedBy, type Row } from './query.ts';
import { recordAt, recordsOf, type ViewedLog } from './records-view.ts';
import { type Deed, deedOf, nameOf } from './why.ts';

/** One attempt or refusal with all that the ledger says of it. */
export interface WhyRecord {
  readonly id: string;
  readonly log: string;
  readonly seq: number;
  readonly time: string;
  readonly type: string;
  readonly deed: Deed;
  readonly request: {
    readonly object: string;
    readonly loop: string;
    readonly key: string;
    readonly method: string;
    readonly path: string;
    readonly bytes: number;
    readonly digest: string;
    readonly serial: string;
  };
  /** The answer, in words. */
  readonly outcome?: string;
  readonly resolved?: string;
  /** The owners of what was reconciled, nearest first. */
  readonly chain: readonly string[];
}

/** Undefined when no log has it, or when the record under that number is another one. */
export async function whyRecord(
  logs: readonly ViewedLog[],
  { logId, seq, hash }: { readonly logId: string; readonly seq: number; readonly hash: string },
): Promise<WhyRecord | undefined> {
  const log = logs.find(({ id }) => id === logId);
  const entry = log === undefined ? undefined : await recordAt(log.path, seq);
  const leaf = entry === undefined ? undefined : parseLeaf(entry);
  if (log === undefined || entry === undefined || leaf === undefined) return undefined;
  const leafDigest = leafHash(entry);
  if (leafDigest.toString('hex', 0, 16) !== hash || (leaf.type !== 'intent' && leaf.type !== 'denial'))
    return undefined;
  const id = auditIdOf(log.id, seq, leafDigest);
  const { outcome, resolved } = await fateOf(logs, log, seq, id);
  const row: Row = { log: log.id, leaf, auditId: id, ...(outcome && { outcome }), ...(resolved && { resolved }) };
  return tell(id, row, outcome, resolved);
}

function tell(id: string, row: Row, outcome: Leaf | undefined, resolved: Leaf | undefined): WhyRecord {
  const { data, seq, time, type } = row.leaf;
  const text = (key: string): string => textOf(data, key) ?? '';
  const owners = itemsOf(objectOf(data, 'cause'), 'owners').filter(isObject).map(namedBy);
  return {
    id,
    log: row.log,
    seq,
    time,
    type,
    deed: { ...deedOf(row), count: 1 },
    request: {
      object: [text('namespace'), text('name')].filter(Boolean).join('/'),
      loop: text('loop'),
      key: text('key'),
      method: text('method'),
      path: text('path'),
      bytes: numberOf(data, 'bytes') ?? 0,
      digest: text('digest'),
      serial: textOf(objectOf(data, 'certificate'), 'serial') ?? '',
    },
    ...(outcome !== undefined && { outcome: answerOf(outcome) }),
    ...(resolved !== undefined && {
      resolved: `${textOf(resolved.data, 'as')} (${textOf(resolved.data, 'how')}), found at ${resolved.time}`,
    }),
    chain: owners.map(nameOf),
  };
}

function answerOf({ data, time, seq }: Leaf): string {
  const status = numberOf(data, 'status');
  const answered = status === undefined ? 'without an answer' : `answered ${status}`;
  return [answered, textOf(data, 'apiReason'), `after ${numberOf(data, 'took') ?? 0} ms, at ${time} (record ${seq})`]
    .filter(Boolean)
    .join(', ');
}

const RESOLVED = Buffer.from('"note":"resolved"');

/** The outcome stands behind the intent in the same log; what recovery found stands there or in a later log. */
async function fateOf(
  logs: readonly ViewedLog[],
  own: ViewedLog,
  seq: number,
  id: string,
): Promise<{ outcome?: Leaf; resolved?: Leaf }> {
  const fate: { outcome?: Leaf; resolved?: Leaf } = {};
  const intent = Buffer.from(`"intent":${seq},`);
  for (const log of logs.slice(logs.indexOf(own))) {
    for await (const { entry } of recordsOf(log, log === own ? seq + 1 : 0)) {
      const mayAnswer = log === own && fate.outcome === undefined && entry.includes(intent);
      if (!mayAnswer && !(entry.includes(RESOLVED) && entry.includes(id))) continue;
      const leaf = parseLeaf(entry);
      if (leaf?.type === 'outcome' && leaf.data.intent === seq && log === own) fate.outcome ??= leaf;
      else if (leaf?.type === 'note' && textOf(leaf.data, 'auditId') === id) fate.resolved ??= leaf;
    }
  }
  return fate;
}
