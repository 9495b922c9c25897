import type { JsonObject } from '#core/json.ts';
import { parseAuditId } from './checkpoint.ts';
import { itemsOf, type Leaf, member, numberOf, objectOf, parseLeaf, textOf } from './leaf.ts';
import type { Anchor } from './port.ts';
import type { Say } from './verify-report.ts';

/** One won leadership, as a log tells it. */
export interface Reign {
  readonly log: string;
  readonly seq: number;
  readonly lease: string;
  readonly transitions: number;
  readonly holder: string;
  /** When it was noted as won, and when the last write under it was recorded. */
  readonly from: string;
  until: string;
  /** By how many milliseconds its log says that the clock was set, in all. */
  set: number;
}

/** What one log says another one's tree was. */
export interface Claim extends Anchor {
  readonly log: string;
  readonly seq: number;
  /** The claiming process found that log damaged. */
  readonly damaged: boolean;
}

/** A note that closes an intent, perhaps one of another log. */
export interface Closing {
  readonly log: string;
  readonly seq: number;
  readonly auditId: string;
}

export interface BodyClaim {
  readonly seq: number;
  readonly sha256: string;
  readonly pack: number;
  readonly offset: number;
  readonly bytes: number;
}

/** What is held until all logs are read: far more than any honest log has of each. */
const MAX_HELD = 100_000;

/** Numbers of records, a bit each: a log may have any number of intents open. */
class SeqSet {
  readonly #chunks = new Map<number, Uint32Array>();
  size = 0;

  add(seq: number): void {
    const chunk = Math.floor(seq / 4096);
    const bits = this.#chunks.get(chunk) ?? new Uint32Array(128);
    this.#chunks.set(chunk, bits);
    const at = seq % 4096;
    bits[at >> 5] = (bits[at >> 5] as number) | (1 << (at & 31));
    this.size += 1;
  }

  has(seq: number): boolean {
    const at = seq % 4096;
    return (((this.#chunks.get(Math.floor(seq / 4096))?.[at >> 5] ?? 0) >>> (at & 31)) & 1) === 1;
  }

  delete(seq: number): boolean {
    if (!this.has(seq)) return false;
    const bits = this.#chunks.get(Math.floor(seq / 4096)) as Uint32Array;
    const at = seq % 4096;
    bits[at >> 5] = (bits[at >> 5] as number) & ~(1 << (at & 31));
    this.size -= 1;
    return true;
  }
}

/** Looks at the records of one log in their order. */
export class RecordCheck {
  readonly counts = new Map<string, number>();
  readonly reigns: Reign[] = [];
  readonly claims: Claim[] = [];
  readonly closings: Closing[] = [];
  /** Bodies of the records since they were taken out last. */
  readonly bodies: BodyClaim[] = [];
  origin: string | undefined;
  first: string | undefined;
  last: string | undefined;
  stopped = false;
  #seq = 0;
  #prev = '';
  #mono = Number.NEGATIVE_INFINITY;
  #reign: Reign | undefined;
  /** When the last reign was noted as ended: what came with that note in one group was recorded before. */
  #endedAt = Number.NEGATIVE_INFINITY;
  readonly #open = new SeqSet();
  readonly #denials = new SeqSet();
  readonly #log: string;
  readonly #say: Say;
  #set = 0;

  constructor(log: string, say: Say) {
    this.#log = log;
    this.#say = say;
  }

  get open(): number {
    return this.#open.size;
  }

  add(entry: Buffer, hash: Buffer): void {
    const seq = this.#seq;
    this.#seq += 1;
    const leaf = parseLeaf(entry);
    if (leaf === undefined) {
      this.#say('broken', 'record-malformed', 'the record is not canonical JSON of a known type', seq);
    } else {
      this.#position(leaf, seq);
      this.#meaning(leaf, seq);
    }
    this.#prev = hash.toString('base64');
  }

  #position(leaf: Leaf, seq: number): void {
    const wrong = (code: string, says: string): void => this.#say('broken', code, says, seq);
    if (leaf.seq !== seq) wrong('sequence', `the record calls itself number ${leaf.seq}`);
    if (leaf.prev !== this.#prev) wrong('chain', 'the record does not name the one before it');
    if ((seq === 0) !== (leaf.type === 'start')) wrong('start', 'a log has one start record, and it is the first');
    if (this.stopped) wrong('stop', 'a record stands behind the stop record');
    if (leaf.mono < this.#mono) wrong('time', 'the monotonic time goes back');
    const jump = leaf.type === 'note' && leaf.data.note === 'clock-jump';
    if (this.last !== undefined && leaf.time < this.last && !jump)
      wrong('time', 'the time of day goes back, and no record says why');
    this.#mono = leaf.mono;
    this.first ??= leaf.time;
    this.last = leaf.time;
    this.stopped = leaf.type === 'stop';
    this.counts.set(leaf.type, (this.counts.get(leaf.type) ?? 0) + 1);
  }

  #meaning(leaf: Leaf, seq: number): void {
    const { type, data } = leaf;
    if (type === 'start') this.#start(data, seq);
    else if (type === 'intent') this.#intent(leaf, seq);
    else if (type === 'outcome') this.#outcome(data, seq);
    else if (type === 'denial') this.#denials.add(seq);
    else if (type === 'denials') this.#summary(data, seq);
    else if (type === 'note') this.#note(leaf, seq);
    else if (type === 'gap')
      this.#say('note', 'gap', `${numberOf(data, 'count') ?? 'some'} denials have no record`, seq);
    if (type === 'intent' || type === 'denial') this.#body(objectOf(data, 'body'), seq);
  }

  #start(data: JsonObject, seq: number): void {
    this.origin = textOf(data, 'origin');
    if (this.origin?.endsWith(`/${this.#log}`) !== true)
      this.#say('broken', 'origin', 'the start record names another log', seq);
    for (const item of itemsOf(data, 'previous')) this.#claim(item as JsonObject, seq);
  }

  #intent({ data, time, mono }: Leaf, seq: number): void {
    this.#open.add(seq);
    if (objectOf(data, 'verdict')?.allow !== true)
      this.#say('broken', 'verdict', 'the intent carries no decision that allows it', seq);
    const kind = textOf(data, 'class');
    if (kind !== 'write' && kind !== 'event') return;
    const epoch = objectOf(data, 'epoch');
    const reign = this.#reign;
    const same =
      reign !== undefined &&
      numberOf(epoch, 'transitions') === reign.transitions &&
      textOf(epoch, 'lease') === reign.lease &&
      textOf(epoch, 'holder') === reign.holder;
    if (same && mono <= this.#endedAt) reign.until = time;
    else this.#say('broken', 'epoch', 'the write was recorded outside the leadership that this log had then', seq);
  }

  #outcome(data: JsonObject, seq: number): void {
    const intent = numberOf(data, 'intent') ?? -1;
    if (this.#open.delete(intent)) return;
    this.#say('broken', 'outcome', `record ${intent} is no intent that waits for an outcome`, seq);
  }

  #summary(data: JsonObject, seq: number): void {
    const denial = numberOf(data, 'denial') ?? -1;
    if (!this.#denials.has(denial)) this.#say('broken', 'denial', `record ${denial} is no denial to be counted`, seq);
  }

  #note({ data, time, mono }: Leaf, seq: number): void {
    if (data.note === 'leadership') this.#leadership(data, time, mono, seq);
    else if (data.note === 'clock-jump') this.#jump(numberOf(data, 'by') ?? 0);
    else if (data.note === 'resolved') this.#closing(textOf(data, 'auditId') ?? '', seq);
    else if (data.note === 'rolled-back')
      this.#say('note', 'rolled-back', 'the process itself found that its logs had been put back', seq);
  }

  #leadership(data: JsonObject, time: string, mono: number, seq: number): void {
    const epoch = objectOf(data, 'epoch');
    const lease = textOf(epoch, 'lease');
    const holder = textOf(epoch, 'holder');
    const transitions = numberOf(epoch, 'transitions');
    if (lease === undefined || holder === undefined || transitions === undefined) {
      this.#say('broken', 'epoch', 'the leadership note names no epoch', seq);
      return;
    }
    this.#claim(objectOf(data, 'predecessor'), seq);
    if (data.won !== true) {
      this.#endedAt = mono;
      return;
    }
    this.#endedAt = Number.POSITIVE_INFINITY;
    this.#reign = { log: this.#log, seq, lease, transitions, holder, from: time, until: time, set: this.#set };
    this.#hold(this.reigns, this.#reign);
  }

  #jump(by: number): void {
    this.#set += Math.abs(by);
    for (const reign of this.reigns) reign.set = this.#set;
  }

  #closing(auditId: string, seq: number): void {
    if (parseAuditId(auditId) === undefined)
      this.#say('broken', 'resolved', 'the note closes what is no Audit-ID', seq);
    else this.#hold(this.closings, { log: this.#log, seq, auditId });
  }

  #claim(anchor: JsonObject | undefined, seq: number): void {
    const origin = textOf(anchor, 'origin');
    const size = numberOf(anchor, 'size');
    const root = textOf(anchor, 'root');
    if (origin === undefined || size === undefined || root === undefined) return;
    const damaged = member(anchor, 'damaged') !== undefined;
    this.#hold(this.claims, { log: this.#log, seq, origin, size, root, damaged });
    const torn = numberOf(anchor, 'tornBytes') ?? 0;
    if (torn > 0)
      this.#say('note', 'torn', `${torn} bytes behind the last whole group of ${origin} were cut after a crash`, seq);
  }

  #body(body: JsonObject | undefined, seq: number): void {
    if (body === undefined || member(body, 'shed') !== undefined) return;
    const [pack, offset, bytes] = ['pack', 'offset', 'bytes'].map((key) => numberOf(body, key));
    const sha256 = textOf(body, 'sha256');
    if (sha256 === undefined || pack === undefined || offset === undefined || bytes === undefined)
      this.#say('broken', 'body', 'the record does not say where its body lies', seq);
    else this.bodies.push({ seq, sha256, pack, offset, bytes });
  }

  #hold<T>(held: T[], item: T): void {
    if (held.length < MAX_HELD) held.push(item);
    else this.#say('undecided', 'too-many', 'there are too many of these to follow them all', this.#seq - 1);
  }
}
