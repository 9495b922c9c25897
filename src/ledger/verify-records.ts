import type { JsonObject } from '#core/json.ts';
import type { Finding, Findings } from './findings.ts';
import { itemsOf, type Leaf, member, numberOf, objectOf, parseLeaf, textOf } from './leaf.ts';
import type { Anchor } from './port.ts';

/** One won leadership, as a log tells it. */
export interface Reign {
  readonly log: string;
  readonly lease: string;
  readonly transitions: number;
  readonly holder: string;
  readonly from: string;
  /** The time of the last write recorded under it. */
  until: string;
}

/** What one log says another one's tree was. */
export interface Claim extends Anchor {
  readonly by: string;
  readonly seq: number;
  readonly why: 'predecessor' | 'previous';
  /** Whether the claiming process found that log whole. */
  readonly damaged: boolean;
}

const MAX_OPEN = 100_000;

/** Looks at the records of one log in their order; keeps open intents and reigns only. */
export class RecordCheck {
  readonly counts = new Map<string, number>();
  readonly reigns: Reign[] = [];
  readonly claims: Claim[] = [];
  first: string | undefined;
  last: string | undefined;
  stopped = false;
  #seq = 0;
  #prev = '';
  #mono = Number.NEGATIVE_INFINITY;
  #reign: Reign | undefined;
  readonly #open = new Set<number>();
  readonly #log: string;
  readonly #findings: Findings;

  constructor(log: string, findings: Findings) {
    this.#log = log;
    this.#findings = findings;
  }

  get openIntents(): number {
    return this.#open.size;
  }

  add(entry: Buffer, hash: Buffer): Leaf | undefined {
    const seq = this.#seq;
    this.#seq += 1;
    const leaf = parseLeaf(entry);
    if (leaf === undefined) {
      this.#find(seq, 'record', 'the record is not canonical JSON of a known type');
    } else {
      this.#position(leaf, seq);
      this.#meaning(leaf, seq);
    }
    this.#prev = hash.toString('base64');
    return leaf;
  }

  #find(seq: number, check: string, what: string, verdict: Finding['verdict'] = 'broken'): void {
    this.#findings.add({ verdict, check, log: this.#log, seq, what });
  }

  #position(leaf: Leaf, seq: number): void {
    if (leaf.seq !== seq) this.#find(seq, 'sequence', `the record calls itself number ${leaf.seq}`);
    if (leaf.prev !== this.#prev) this.#find(seq, 'chain', 'the record does not name the one before it');
    if ((seq === 0) !== (leaf.type === 'start')) this.#find(seq, 'start', 'the start record is not the first one');
    if (this.stopped) this.#find(seq, 'stop', 'a record stands behind the stop record');
    if (leaf.mono < this.#mono) this.#find(seq, 'time', 'the monotonic time goes back');
    const jump = leaf.type === 'note' && leaf.data.note === 'clock-jump';
    if (this.last !== undefined && leaf.time < this.last && !jump) {
      this.#find(seq, 'time', 'the time of day goes back, and no record says why');
    }
    this.#mono = leaf.mono;
    this.first ??= leaf.time;
    this.last = leaf.time;
    this.stopped = leaf.type === 'stop';
    this.counts.set(leaf.type, (this.counts.get(leaf.type) ?? 0) + 1);
  }

  #meaning({ type, data, time }: Leaf, seq: number): void {
    if (type === 'intent') this.#intent(data, time, seq);
    else if (type === 'outcome') this.#outcome(data, seq);
    else if (type === 'note' && data.note === 'leadership') this.#leadership(data, time, seq);
    else if (type === 'start') this.#previous(data, seq);
  }

  #intent(data: JsonObject, time: string, seq: number): void {
    if (this.#open.size < MAX_OPEN) this.#open.add(seq);
    else this.#find(seq, 'outcome', 'too many intents are open to follow them all', 'undecided');
    if (objectOf(data, 'verdict')?.allow !== true)
      this.#find(seq, 'verdict', 'the intent carries no decision to allow it');
    const kind = textOf(data, 'class');
    if (kind !== 'write' && kind !== 'event') return;
    const epoch = objectOf(data, 'epoch');
    const reign = this.#reign;
    const same =
      reign !== undefined &&
      numberOf(epoch, 'transitions') === reign.transitions &&
      textOf(epoch, 'lease') === reign.lease &&
      textOf(epoch, 'holder') === reign.holder;
    if (same) reign.until = time;
    else this.#find(seq, 'epoch', 'the write was recorded outside the leadership that this log had then');
  }

  #outcome(data: JsonObject, seq: number): void {
    const intent = numberOf(data, 'intent') ?? -1;
    if (!this.#open.delete(intent))
      this.#find(seq, 'outcome', `record ${intent} is no intent that waits for an outcome`);
  }

  #leadership(data: JsonObject, time: string, seq: number): void {
    const epoch = objectOf(data, 'epoch');
    const lease = textOf(epoch, 'lease');
    const holder = textOf(epoch, 'holder');
    const transitions = numberOf(epoch, 'transitions');
    if (lease === undefined || holder === undefined || transitions === undefined) {
      this.#find(seq, 'epoch', 'the leadership note names no epoch');
      return;
    }
    this.#reign =
      data.won === true ? { log: this.#log, lease, transitions, holder, from: time, until: time } : undefined;
    if (this.#reign !== undefined) this.reigns.push(this.#reign);
    this.#claim(objectOf(data, 'predecessor'), seq, 'predecessor');
  }

  #previous(data: JsonObject, seq: number): void {
    for (const item of itemsOf(data, 'previous')) this.#claim(item as JsonObject, seq, 'previous');
  }

  #claim(anchor: JsonObject | undefined, seq: number, why: Claim['why']): void {
    const origin = textOf(anchor, 'origin');
    const size = numberOf(anchor, 'size');
    const root = textOf(anchor, 'root');
    if (origin === undefined || size === undefined || root === undefined) return;
    this.claims.push({ by: this.#log, seq, why, origin, size, root, damaged: member(anchor, 'damaged') !== undefined });
  }
}
