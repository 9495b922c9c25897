import type { Ms } from '#core/time.ts';
import type { RecordType } from './records.ts';

export type Lane = 'lease' | 'write' | 'event';

/** Where a record came to lie. */
export interface Placed {
  readonly seq: number;
  readonly leaf: Buffer;
  readonly entry: Buffer;
}

/** A record on its way to the disk. `refused`: why it will never be there. */
export interface Waiting {
  readonly lane: Lane;
  readonly type: RecordType;
  /** Canonical JSON of the record's data. */
  readonly data: string;
  readonly since: Ms;
  /** Still written when the disk is full: leases, stop records, outcomes of writes that are out already, notes. */
  readonly vital: boolean;
  readonly settle: (result: Placed | 'failed') => void;
}

export const LANE_CAPS = {
  /** Records that may wait in a lane; a lease's own lane is never crowded by the others. */
  lease: 256,
  write: 8192,
  event: 4096,
  /** What one fdatasync carries: small enough that a lease waits for a few milliseconds of it only. */
  groupRecords: 512,
  groupBytes: 1024 * 1024,
} as const;

/** Three queues; leases leave first, and events get what writes leave, but at least a quarter. */
export class Lanes {
  readonly #queues: Record<Lane, Waiting[]> = { lease: [], write: [], event: [] };

  get size(): number {
    return this.#queues.lease.length + this.#queues.write.length + this.#queues.event.length;
  }

  full(lane: Lane): boolean {
    return this.#queues[lane].length >= LANE_CAPS[lane];
  }

  add(item: Waiting): void {
    this.#queues[item.lane].push(item);
  }

  take(): Waiting[] {
    const group: Waiting[] = [];
    const { groupRecords, groupBytes } = LANE_CAPS;
    const share = this.#queues.event.length === 0 ? 1 : 3 / 4;
    let bytes = this.#move('lease', group, groupRecords, groupBytes);
    bytes += this.#move('write', group, groupRecords * share, groupBytes * share - bytes);
    this.#move('event', group, groupRecords, groupBytes - bytes);
    return group;
  }

  #move(lane: Lane, group: Waiting[], records: number, bytes: number): number {
    const queue = this.#queues[lane];
    let count = 0;
    let used = 0;
    while (count < queue.length && group.length + count < records && (used < bytes || group.length + count === 0)) {
      used += (queue[count] as Waiting).data.length;
      count += 1;
    }
    group.push(...queue.splice(0, count));
    return used;
  }

  /** Takes out all that `which` names. */
  drain(which: (item: Waiting) => boolean = () => true): Waiting[] {
    const out: Waiting[] = [];
    for (const lane of ['lease', 'write', 'event'] as const) {
      const queue = this.#queues[lane];
      out.push(...queue.filter(which));
      this.#queues[lane] = queue.filter((item) => !which(item));
    }
    return out;
  }
}
