import { canonical } from '#core/json.ts';
import type { Clock, Ms } from '#core/time.ts';
import { cutText } from './caps.ts';
import type { Placed } from './lanes.ts';
import type { DenialDraft } from './port.ts';
import { CAPS, denialKey } from './records.ts';

export const DENIAL_WINDOW: Ms = 60_000;
const FORGET_AFTER: Ms = 3_600_000;
const MAX_KEYS = 4096;

interface Counted {
  seq: number | undefined;
  readonly head: object;
  count: number;
  first: Ms;
  last: Ms;
  /** Monotonic: when the window began, and when it was last seen. */
  since: Ms;
  seen: Ms;
}

/** Equal denials are one record, then a count for each window. A controller that asks again and again writes little. */
export class Denials {
  readonly #known = new Map<string, Counted>();
  /** Records on their way to the disk, which those that count them must name. */
  readonly #firsts = new Set<Promise<unknown>>();
  readonly #clock: Clock;
  readonly #write: (type: 'denial' | 'denials', data: string) => Promise<Placed | 'failed'>;

  constructor(clock: Clock, write: (type: 'denial' | 'denials', data: string) => Promise<Placed | 'failed'>) {
    this.#clock = clock;
    this.#write = write;
  }

  /** `data` renders the whole record; called only for the first of its kind. Resolves with where it lies. */
  async add(draft: DenialDraft, data: () => string): Promise<Placed | undefined> {
    const { wall, mono } = this.#clock.now();
    const key = denialKey(draft);
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (known.count === 0) known.first = wall;
      known.count += 1;
      known.last = wall;
      known.seen = mono;
      return undefined;
    }
    const head = {
      controller: cutText(draft.controller, CAPS.name),
      writeId: cutText(draft.writeId, CAPS.path),
      code: draft.code,
    };
    const fresh: Counted = { seq: undefined, head, count: 0, first: wall, last: wall, since: mono, seen: mono };
    this.#known.set(key, fresh);
    this.#evict();
    const first = this.#first(fresh, data);
    this.#firsts.add(first);
    try {
      return await first;
    } finally {
      this.#firsts.delete(first);
    }
  }

  async #first(counted: Counted, data: () => string): Promise<Placed | undefined> {
    const placed = await this.#write('denial', data());
    if (placed === 'failed') return undefined;
    counted.seq = placed.seq;
    return placed;
  }

  /** Counts out: waits until what is to be counted is on disk (or refused by it), then writes every summary. */
  async finish(): Promise<void> {
    while (this.#firsts.size > 0) await Promise.allSettled(this.#firsts);
    this.tick(true);
  }

  #evict(): void {
    if (this.#known.size <= MAX_KEYS) return;
    const [key, oldest] = this.#known.entries().next().value as [string, Counted];
    this.#known.delete(key);
    this.#summarise(oldest);
  }

  /** Writes the summaries that are due; all of them at the end. */
  tick(all = false): void {
    const { mono } = this.#clock.now();
    for (const [key, counted] of this.#known) {
      if (all || mono - counted.since >= DENIAL_WINDOW) {
        this.#summarise(counted);
        counted.since = mono;
      }
      if (mono - counted.seen >= FORGET_AFTER) this.#known.delete(key);
    }
  }

  #summarise(counted: Counted): void {
    if (counted.count === 0 || counted.seq === undefined) return;
    const { seq, head, count, first, last } = counted;
    counted.count = 0;
    const [from, until] = [first, last].map((at) => new Date(at).toISOString());
    void this.#write('denials', canonical({ ...head, denial: seq, count, from, until }));
  }
}
