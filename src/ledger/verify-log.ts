import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { TILE_WIDTH } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import type { Anchor } from './port.ts';
import { type LogDirectory, readCheckpoint, segmentsOf } from './reader.ts';
import { entriesOf, readBundle, readTileFile, tilePath, tileWidth } from './tiles.ts';
import { BodyCheck } from './verify-bodies.ts';
import { RecordCheck } from './verify-records.ts';
import type { LogReport, Say } from './verify-report.ts';
import { type WalEnd, walkWal } from './verify-tail.ts';
import { TreeCheck } from './verify-tree.ts';

/** A process may write on while it is read: so often the checkpoint is followed. */
const MAX_FOLLOWED = 64;

export interface CheckedLog {
  readonly records: RecordCheck;
  readonly report: LogReport;
}

export async function checkLog(
  log: LogDirectory,
  keys: readonly VerifierKey[],
  trust: LogReport['trust'],
  say: Say,
): Promise<CheckedLog> {
  const [segment] = await segmentsOf(log.path);
  const reader = new LogCheck(log, keys, segment?.first ?? Number.POSITIVE_INFINITY, say);
  await reader.run();
  const { records, tree, anchor } = reader;
  const report: LogReport = {
    id: log.id,
    origin: anchor?.origin ?? records.origin ?? '',
    size: tree.size,
    root: tree.root().toString('base64'),
    signed: anchor !== undefined,
    signedSize: anchor?.size ?? 0,
    trust,
    records: Object.fromEntries([...records.counts].sort()),
    open: records.open,
    ...(records.first !== undefined && { first: records.first }),
    ...(records.last !== undefined && { last: records.last }),
    stopped: records.stopped,
  };
  return { records, report };
}

/** One pass over one log: published entries, then what the write-ahead segments hold beyond. */
class LogCheck {
  readonly records: RecordCheck;
  /** The last checkpoint with a valid signature. */
  anchor: Anchor | undefined;
  readonly #log: LogDirectory;
  readonly #keys: readonly VerifierKey[];
  readonly #say: Say;
  readonly #check: TreeCheck;
  /** Records below are in tiles that were synced. */
  readonly #durable: number;
  readonly #bodies: BodyCheck;
  #note: string | undefined;
  /** An entry cannot be read: where the next one stands is not known any more. */
  #halted = false;
  #compared = false;

  constructor(log: LogDirectory, keys: readonly VerifierKey[], durable: number, say: Say) {
    this.#log = log;
    this.#keys = keys;
    this.#say = say;
    this.#durable = durable;
    this.records = new RecordCheck(log.id, say);
    this.#check = new TreeCheck(log.path, durable, say);
    this.#bodies = new BodyCheck(log.path, say);
  }

  get tree() {
    return this.#check.tree;
  }

  async run(): Promise<void> {
    await this.#checkpoint();
    for (let times = 0; times < MAX_FOLLOWED; times += 1) {
      await this.#published();
      if (!(await this.#checkpoint())) break;
    }
    await this.#tail();
    await this.#check.finish();
    await this.#bodies.close();
    if (this.#note === undefined) await this.#unsigned();
    this.#conclude();
  }

  /** False when it is the one that was read already. */
  async #checkpoint(): Promise<boolean> {
    const note = await readCheckpoint(this.#log.path);
    if (note === undefined || note === this.#note) return false;
    this.#note = note;
    const opened = openSigned(note, this.#keys);
    if (!opened.ok) {
      this.#say('broken', 'checkpoint', `the checkpoint: ${opened.why}`);
      return false;
    }
    const { anchor } = opened;
    if (!anchor.origin.endsWith(`/${this.#log.id}`)) this.#say('broken', 'origin', 'the checkpoint is of another log');
    if (anchor.size < (this.anchor?.size ?? 0)) {
      this.#say('broken', 'checkpoint', 'the checkpoint went back while it was read');
      return false;
    }
    this.anchor = anchor;
    this.#compared = false;
    return true;
  }

  async #published(): Promise<void> {
    const size = this.anchor?.size ?? 0;
    while (this.tree.size < size && !this.#halted) {
      const index = Math.floor(this.tree.size / TILE_WIDTH);
      const width = tileWidth(0, index, size);
      const file = await readTileFile(this.#log.path, 'entries', index, width);
      // Not there, or cut since the power failed: the write-ahead segments may hold it.
      if (file === undefined || file.bytes.length === 0) break;
      const entries = entriesOf(file)?.slice(this.tree.size % TILE_WIDTH, width);
      if (entries === undefined && this.tree.size >= this.#durable) break;
      if (entries === undefined) this.#halt(`${tilePath('entries', index, file.width)} does not hold whole entries`);
      else await this.#add(entries);
    }
    await this.#compareRoot();
  }

  #halt(says: string): void {
    this.#halted = true;
    this.#say('broken', 'entries', says);
  }

  async #add(entries: readonly Buffer[]): Promise<void> {
    for (const entry of entries) this.records.add(entry, this.#check.add(entry));
    await this.#check.flush(this.anchor?.size ?? 0);
    await this.#bodies.check(this.records.bodies.splice(0));
  }

  async #compareRoot(): Promise<void> {
    const { anchor, tree } = this;
    if (anchor === undefined || this.#compared || tree.size !== anchor.size) return;
    this.#compared = true;
    await this.#check.atCheckpoint();
    if (tree.root().toString('base64') === anchor.root) return;
    this.#say('broken', 'root', 'the records do not have the root that was signed');
  }

  async #tail(): Promise<void> {
    const groups = walkWal(this.#log.path);
    const published = this.tree.size;
    for (;;) {
      const next = await groups.next();
      if (next.done === true) {
        this.#ended(next.value);
        return;
      }
      const { first, entries } = next.value;
      const known = Math.max(0, Math.min(entries.length, published - first));
      for (const [at, entry] of entries.slice(0, known).entries()) await this.#same(first + at, entry);
      if (known < entries.length) await this.#continue(first + known, entries.slice(known));
    }
  }

  async #continue(seq: number, entries: readonly Buffer[]): Promise<void> {
    if (this.#halted) return;
    if (seq !== this.tree.size) {
      this.#halt(`the write-ahead segments go on with record ${seq}`);
      return;
    }
    // The checkpoint may stand within the group, where tiles did not reach it.
    const signed = (this.anchor?.size ?? 0) - seq;
    const cut = signed > 0 && signed < entries.length ? signed : entries.length;
    await this.#add(entries.slice(0, cut));
    await this.#compareRoot();
    await this.#add(entries.slice(cut));
  }

  #bundle: { readonly index: number; readonly entries: readonly Buffer[] } | undefined;

  /** Recovery reads the segments, auditors read the bundles: both must say the same. */
  async #same(seq: number, entry: Buffer): Promise<void> {
    const index = Math.floor(seq / TILE_WIDTH);
    if (this.#bundle?.index !== index) {
      this.#bundle = { index, entries: (await readBundle(this.#log.path, index, this.anchor?.size ?? 0)) ?? [] };
    }
    if (this.#bundle.entries[seq % TILE_WIDTH]?.equals(entry) === true) return;
    this.#say('broken', 'tail-differs', 'the write-ahead segment holds another record than the bundle', seq);
  }

  #ended(end: WalEnd): void {
    if (end.damage !== undefined) this.#say('broken', 'tail-damaged', `write-ahead: ${end.damage}`);
    if (end.first !== undefined && end.next < (this.anchor?.size ?? 0))
      this.#say('broken', 'tail-short', `the write-ahead segments end at ${end.next}, before the checkpoint`);
    if (end.spoiled) {
      const says = `the last group has all of its ${end.torn} bytes, but not its digest: damage, or a power failure`;
      this.#say('undecided', 'tail-spoiled', says);
    } else if (end.torn > 0) {
      this.#say('note', 'tail-torn', `${end.torn} bytes of a group that never was acknowledged end the log: a crash`);
    }
  }

  /** The first checkpoint is signed before anything is acknowledged but the start record. */
  async #unsigned(): Promise<void> {
    const { size } = this.tree;
    const more = await readTileFile(this.#log.path, 'entries', 0, size + 1);
    if (size > 1 || more !== undefined) this.#say('broken', 'checkpoint', 'the log has no checkpoint');
    else this.#say('note', 'unborn', 'the process ended before its first checkpoint');
  }

  #conclude(): void {
    const { anchor, tree, records } = this;
    const wanted = anchor?.size ?? 0;
    if (!this.#halted && tree.size < wanted)
      this.#say('broken', 'entries', `${wanted} records are signed, ${tree.size} are here`);
    if (anchor !== undefined && tree.size > wanted)
      this.#say(
        'note',
        'unsigned',
        `the last ${tree.size - wanted} records are chained, but no checkpoint covers them`,
      );
    if (this.#bodies.missing > 0)
      this.#say('note', 'bodies', `${this.#bodies.missing} bodies are not there; the records hold their digests`);
    if (tree.size > 0 && !records.stopped) this.#say('note', 'running', 'the log has no stop record');
  }
}

function openSigned(note: string, keys: readonly VerifierKey[]): OpenedCheckpoint {
  let last: OpenedCheckpoint = { ok: false, why: 'there is no key to check it with' };
  for (const key of keys) {
    last = openCheckpoint(note, key);
    if (last.ok || last.why === 'signature is wrong') return last;
  }
  return last;
}
