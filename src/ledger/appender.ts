import { join } from 'node:path';
import type { Clock, Ms, Now } from '#core/time.ts';
import type { Meter } from '#telemetry/port.ts';
import { type Disk, errorCode, isFull, type SegmentFile } from './files.ts';
import { type Lane, Lanes, type Placed, type Waiting } from './lanes.ts';
import { leafHash } from './merkle.ts';
import { leafOf, noteData, type RecordType } from './records.ts';
import { encodeEntries } from './tiles.ts';
import { encodeGroup, segmentName } from './wal.ts';

/** After so long without an answer of the disk the ledger has failed: a hang must not hold up the release of the lease. */
export const HANG_AFTER: Ms = 10_000;
const SEGMENT_BYTES = 32 * 1024 * 1024;

export interface Written {
  readonly entry: Buffer;
  readonly leaf: Buffer;
}

export interface AppenderParts {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly meter: Meter;
  /** Written beside the group, not waited on for durability. Never rejects. */
  readonly bodies: () => Promise<void>;
  /** Gives room on a full disk; false when there is none left to give. */
  readonly reserve: () => Promise<boolean>;
  readonly onDurable: (written: readonly Written[]) => void;
  /** Called once; the appender may still carry vital records after `full`. */
  readonly onFailure: (why: string) => void;
  /** Resolves when what waits for its tiles is small again. */
  readonly room: () => Promise<void>;
  /** Calls back when this turn of the event loop is over; tests decide when that is. */
  readonly afterTurn?: (act: () => void) => void;
}

interface Frame {
  readonly items: readonly Waiting[];
  readonly written: readonly Written[];
  readonly bytes: Buffer;
  readonly now: Now;
}

/** Group commit: what came while a sync was under way goes out with the next one, in one write and one fdatasync. */
export class Appender {
  readonly #parts: AppenderParts;
  readonly #lanes = new Lanes();
  #file: SegmentFile | undefined;
  #segmentBytes = 0;
  #size = 0;
  #prev: Buffer | undefined;
  #last: Now | undefined;
  #busy = false;
  #scheduled = false;
  #inFlight: readonly Waiting[] = [];
  #state: 'open' | 'full' | 'failed' | 'closed' = 'open';
  #reserve: Promise<boolean> = Promise.resolve(false);
  #closing = false;
  #idle: (() => void)[] = [];

  constructor(parts: AppenderParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    await this.#nextSegment();
  }

  get size(): number {
    return this.#size;
  }
  get failed(): boolean {
    return this.#state !== 'open';
  }
  /** Whether this process may still write here: on a full disk what is vital, at the end the last tiles. */
  get writes(): boolean {
    return this.#state !== 'failed';
  }
  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Whether a record of the lane would be taken now. */
  admits(lane: Lane, vital: boolean): 'yes' | 'failed' | 'busy' {
    const over = this.#closing || this.#state === 'failed' || this.#state === 'closed';
    if (over || (this.#state === 'full' && !vital)) return 'failed';
    return this.#lanes.full(lane) ? 'busy' : 'yes';
  }

  append(lane: Lane, type: RecordType, data: string, vital: boolean): Promise<Placed | 'failed'> {
    return new Promise((settle) => {
      if (this.admits(lane, vital) === 'failed') settle('failed');
      else this.#add({ lane, type, data, vital, settle, since: this.#parts.clock.now().mono });
    });
  }

  #add(item: Waiting): void {
    this.#lanes.add(item);
    this.#schedule();
  }

  /** All drafts of one turn of the event loop go into one group. */
  #schedule(): void {
    if (this.#busy || this.#scheduled) return;
    this.#scheduled = true;
    const { afterTurn = setImmediate } = this.#parts;
    afterTurn(() => {
      this.#scheduled = false;
      void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#state !== 'failed' && this.#lanes.size > 0) {
      this.#inFlight = this.#lanes.take();
      await this.#commit(this.#inFlight);
      this.#inFlight = [];
    }
    this.#busy = false;
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #commit(waiting: readonly Waiting[]): Promise<void> {
    const cancel = this.#parts.clock.after(HANG_AFTER, () => this.fail('hang'));
    try {
      const file = this.#file as SegmentFile;
      const frame = this.#frame(waiting);
      if (!(await this.#put(frame, file))) return await this.#commitOnReserve(waiting, file);
      await this.#confirm(frame, file);
      await this.#parts.room();
      if (this.#segmentBytes > SEGMENT_BYTES) await this.#nextSegment();
    } catch (error) {
      this.fail(error instanceof Trouble ? error.why : (errorCode(error) ?? 'write'));
    } finally {
      cancel();
    }
  }

  /** False when the disk is full. */
  async #put(frame: Frame, file: SegmentFile): Promise<boolean> {
    try {
      await Promise.all([this.#parts.bodies(), file.write(frame.bytes)]);
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  async #confirm(frame: Frame, file: SegmentFile): Promise<void> {
    await file.sync();
    if (!file.present()) throw new Trouble('gone');
    // Refused meanwhile: a record that became durable after all is an open intent, which recovery closes.
    if (this.#state !== 'failed') this.#acknowledge(frame);
  }

  /** The disk is full: the reserve carries what is vital, and nothing else is taken from here on. */
  exhaust(): Promise<boolean> {
    if (this.#state === 'open') {
      this.#state = 'full';
      this.#parts.onFailure('full');
      for (const item of this.#lanes.drain(({ vital }) => !vital)) item.settle('failed');
      // Given once: a checkpoint may have found the disk full while a group was being written.
      this.#reserve = this.#parts.reserve();
    }
    return this.#reserve;
  }

  async #commitOnReserve(waiting: readonly Waiting[], file: SegmentFile): Promise<void> {
    if (!(await this.exhaust())) throw new Trouble('full');
    await file.truncate(this.#segmentBytes);
    for (const item of waiting) if (!item.vital) item.settle('failed');
    const vital = waiting.filter((item) => item.vital);
    this.#inFlight = vital;
    if (vital.length === 0) return;
    const frame = this.#frame(vital);
    if (!(await this.#put(frame, file))) throw new Trouble('full');
    await this.#confirm(frame, file);
  }

  #frame(waiting: readonly Waiting[]): Frame {
    const now = this.#parts.clock.now();
    const jumped = this.#last !== undefined && Math.floor(now.wall) < Math.floor(this.#last.wall);
    const items = jumped ? [clockJump(this.#last as Now, now), ...waiting] : waiting;
    let prev = this.#prev;
    const written = items.map(({ type, data }, at) => {
      const entry = leafOf(type, data, { seq: this.#size + at, prev, ...now });
      prev = leafHash(entry);
      return { entry, leaf: prev };
    });
    const payload = encodeEntries(written.map(({ entry }) => entry));
    return { items, written, bytes: encodeGroup(this.#size, items.length, payload), now };
  }

  #acknowledge({ items, written, bytes, now }: Frame): void {
    const first = this.#size;
    this.#size += written.length;
    this.#segmentBytes += bytes.length;
    this.#prev = written.at(-1)?.leaf;
    this.#last = now;
    this.#parts.onDurable(written);
    const { meter, clock } = this.#parts;
    const { mono } = clock.now();
    items.forEach((item, at) => {
      meter.count('ledger_records_total', { type: item.type });
      meter.observe('ledger_append_duration_seconds', {}, (mono - item.since) / 1000);
      item.settle({ seq: first + at, ...(written[at] as Written) });
    });
    meter.set('ledger_size_records', {}, this.#size);
  }

  async #nextSegment(): Promise<void> {
    const folder = join(this.#parts.directory, 'wal');
    await this.#file?.close();
    this.#file = await this.#parts.disk.createSegment(join(folder, segmentName(this.#size)));
    this.#segmentBytes = 0;
  }

  /** The idle ledger's look at its file; before each acknowledgement it is looked at anyway. */
  check(): void {
    if (this.#busy || this.#state !== 'open' || this.#file === undefined) return;
    if (!this.#file.present()) this.fail('gone');
  }

  /** Final: everything that waits is refused, nothing is taken any more. */
  fail(why: string): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    const first = this.#state === 'open';
    this.#state = 'failed';
    for (const item of [...this.#inFlight, ...this.#lanes.drain()]) item.settle('failed');
    if (first) this.#parts.onFailure(why);
    // Not waited for: on a disk that hangs it would never come back.
    this.#file?.close().catch(() => {});
    for (const wake of this.#idle.splice(0)) wake();
  }

  /** Takes nothing more; writes what waits, and `last` behind all of it. Waits as long as the disk may hang, at most. */
  async close(type: RecordType, data: string): Promise<void> {
    this.#closing = true;
    await this.#quiet();
    if (this.failed && this.#state !== 'full') return;
    const since = this.#parts.clock.now().mono;
    this.#add({ lane: 'lease', type, data, vital: true, since, settle: () => {} });
    await this.#quiet();
    if (this.failed && this.#state !== 'full') return;
    this.#state = 'closed';
    await this.#file?.close();
  }

  async #quiet(): Promise<void> {
    if (this.#state === 'failed' || (!this.#busy && this.#lanes.size === 0)) return;
    await new Promise<void>((wake) => this.#idle.push(wake));
  }
}

class Trouble extends Error {
  readonly why: string;
  constructor(why: string) {
    super(`writing the ledger: ${why}`);
    this.why = why;
  }
}

function clockJump(last: Now, now: Now): Waiting {
  const by = Math.round(now.wall - last.wall - (now.mono - last.mono));
  const data = noteData({ note: 'clock-jump', by });
  return { lane: 'write', type: 'note', data, since: now.mono, vital: true, settle: () => {} };
}
