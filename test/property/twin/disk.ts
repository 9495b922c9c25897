import type { Ms } from '#core/time.ts';
import { auditIdOf } from '#ledger/checkpoint.ts';
import type { Disk, SegmentFile } from '#ledger/files.ts';
import type { Leaf } from '#ledger/leaf.ts';
import { leafHash } from '#ledger/merkle.ts';
import { decodeGroup, decodeSegment } from '#ledger/wal.ts';
import type { Host, Sim } from './sim.ts';

/** What a disk does to those who write to it. */
export type Mood = 'well' | 'slow' | 'hangs' | 'fails' | 'full';

interface Segment {
  readonly path: string;
  bytes: Buffer;
  synced: number;
}

/** One durable record of an intent, as whoever finds the disk could read it. */
export interface DurableIntent {
  readonly leaf: Leaf;
  readonly host: string;
}

export interface FoundLog {
  readonly id: string;
  readonly entries: readonly Buffer[];
}

/** Without the checks of whoever does not know who wrote it. */
export const leafIn = (entry: Buffer): Leaf => JSON.parse(entry.toString()) as Leaf;

/** A machine's disk. It outlives its processes; what was not synced does not outlive a power cut. */
export class SimulatedDisk {
  mood: Mood = 'well';
  /** Every record that is durable now, by the Audit-ID of its intent. */
  readonly intents = new Map<string, DurableIntent>();
  readonly outcomes = new Map<string, Leaf>();
  readonly notes: Leaf[] = [];
  readonly #sim: Sim;
  #logs = new Map<string, Segment[]>();
  #copied: Map<string, Segment[]> | undefined;
  readonly #bySeq = new Map<string, string>();

  constructor(sim: Sim) {
    this.#sim = sim;
  }

  /** For one process, which dies with its host. */
  for(host: Host): Disk {
    return {
      createSegment: async (path) => {
        await this.#takes(0.2, host);
        const segment: Segment = { path, bytes: Buffer.alloc(0), synced: 0 };
        const log = logOf(path);
        this.#logs.set(log, [...(this.#logs.get(log) ?? []), segment]);
        return this.#file(segment, host);
      },
    };
  }

  /** What a new process finds: the whole records of every log, oldest log first. */
  logs(): readonly FoundLog[] {
    return [...this.#logs].map(([id, segments]) => ({
      id,
      entries: segments.flatMap(({ bytes }) => decodeSegment(bytes).groups.flatMap(({ entries }) => entries)),
    }));
  }

  /** As a snapshot of the machine would have it: what was synced. */
  copy(): void {
    this.#copied = new Map(
      [...this.#logs].map(([id, segments]) => [
        id,
        segments.map((one) => ({ ...one, bytes: one.bytes.subarray(0, one.synced) })),
      ]),
    );
  }

  /** The machine is set back to its snapshot: whoever reads the disk after this finds the logs of that moment. */
  putBack(): void {
    if (this.#copied === undefined) return;
    this.#logs = this.#copied;
    this.copy();
  }

  /** How many records of a log are there; undefined when it is not. */
  recordsOf(id: string): number | undefined {
    return this.logs().find((log) => log.id === id)?.entries.length;
  }

  /** Without the power, what was not synced is gone, but for a torn part of it. */
  cutPower(): void {
    for (const segment of [...this.#logs.values()].flat()) {
      const torn = Math.floor(this.#sim.between(0, segment.bytes.length - segment.synced + 1));
      segment.bytes = segment.bytes.subarray(0, segment.synced + torn);
      this.#commit(segment, 'lost');
    }
  }

  /** A process was killed: what it wrote is in the kernel's hands, and gets there. */
  flush(): void {
    for (const segment of [...this.#logs.values()].flat()) this.#commit(segment, 'killed');
  }

  #file(segment: Segment, host: Host): SegmentFile {
    let final = false;
    return {
      write: async (bytes) => {
        await this.#takes(0.1, host);
        segment.bytes = Buffer.concat([segment.bytes, bytes]);
      },
      sync: async () => {
        const end = segment.bytes.length;
        if (final) throw failure('EIO');
        try {
          await this.#takes(2, host);
        } catch (error) {
          final = true;
          throw error;
        }
        this.#commit({ ...segment, bytes: segment.bytes.subarray(0, end) }, host.name);
        segment.synced = Math.max(segment.synced, end);
      },
      present: () => true,
      truncate: async (size) => {
        segment.bytes = segment.bytes.subarray(0, Math.max(segment.synced, size));
      },
      close: async () => {},
    };
  }

  async #takes(most: Ms, host: Host): Promise<void> {
    // It comes back when whatever it hangs on does, and goes on as if nothing had been.
    while (this.mood === 'hangs') await this.#sim.sleep(400, 600, host);
    const { mood } = this;
    await this.#sim.sleep(0, mood === 'slow' ? 2500 : most, host);
    if (mood === 'fails') throw failure('EIO');
    if (mood === 'full') throw failure('ENOSPC');
  }

  #commit(segment: Segment, host: string): void {
    for (let at = segment.synced; ; ) {
      const found = decodeGroup(segment.bytes, at);
      if (found === undefined) break;
      for (const entry of found.group.entries) this.#durable(logOf(segment.path), entry, host);
      at = found.end;
      segment.synced = at;
    }
  }

  #durable(log: string, entry: Buffer, host: string): void {
    const leaf = leafIn(entry);
    if (leaf.type === 'intent') {
      const auditId = auditIdOf(log, leaf.seq, leafHash(entry));
      this.#bySeq.set(`${log} ${leaf.seq}`, auditId);
      this.intents.set(auditId, { leaf, host });
    } else if (leaf.type === 'outcome') {
      const auditId = this.#bySeq.get(`${log} ${leaf.data.intent}`);
      if (auditId === undefined || this.outcomes.has(auditId)) throw new Error('an outcome without an open intent');
      this.outcomes.set(auditId, leaf);
    } else if (leaf.type === 'note') this.notes.push(leaf);
  }
}

/** `<log>/wal/<segment>` */
const logOf = (path: string): string => path.split('/').at(-3) ?? '';

function failure(code: string): Error {
  return Object.assign(new Error(`the disk says ${code}`), { code });
}
