import type { Ms } from '#core/time.ts';
import { minutes } from '#core/time.ts';

/** Nobody may ask for so long before some of what waits is asked. */
const QUIET: Ms = minutes(10);
const AT_ONCE = 20;

interface Waiters {
  readonly keys: Set<string>;
  /** Those that were woken to see whether they still wish it, and have not said. */
  readonly asked: Set<string>;
  /** When one of them was last heard of, and when the last were woken; monotonic. */
  heard: Ms;
  woken: Ms;
  /** Whether anybody asked for it in this leadership. */
  known: boolean;
}

/** What a look at a hold comes to that no change of an owner can end. */
export interface Looked {
  /** To be run again, to see. */
  readonly wake: readonly string[];
  /** Everybody was asked, and nobody wishes it any more. That nobody is heard of is no answer: time ends no hold. */
  readonly over: boolean;
}

/** The keys that wait for a hold, as `controller|queue|key`, and whether any of them still wishes what is held. */
export class Waiting {
  readonly #of = new Map<string, Waiters>();

  /** It asked for what is held. */
  add(hold: string, address: string, mono: Ms): void {
    const waiters = this.#waitersOf(hold, mono);
    waiters.keys.add(address);
    waiters.asked.delete(address);
    Object.assign(waiters, { heard: mono, known: true });
  }

  /** Somebody wishes it, though the question was answered before it came to this hold. */
  touch(hold: string, mono: Ms): void {
    this.#waitersOf(hold, mono).heard = mono;
  }

  /** That key was run to its end and wishes nothing. */
  content(address: string): void {
    for (const { keys, asked } of this.#of.values()) if (asked.delete(address)) keys.delete(address);
  }

  count(hold: string): number {
    return this.#of.get(hold)?.keys.size ?? 0;
  }

  /** Those to wake, now that it has ended. */
  end(hold: string): readonly string[] {
    const keys = [...(this.#of.get(hold)?.keys ?? [])];
    this.#of.delete(hold);
    return keys;
  }

  look(hold: string, mono: Ms): Looked {
    const waiters = this.#waitersOf(hold, mono);
    const { keys, asked, heard, woken, known } = waiters;
    if (keys.size === 0) return { wake: [], over: known };
    if (mono - heard < QUIET) return { wake: [], over: false };
    // Who did not say is asked again.
    if (mono - woken >= QUIET) asked.clear();
    const wake = [...keys].filter((key) => !asked.has(key)).slice(0, AT_ONCE);
    for (const key of wake) asked.add(key);
    if (wake.length > 0) waiters.woken = mono;
    return { wake, over: false };
  }

  #waitersOf(hold: string, mono: Ms): Waiters {
    const found = this.#of.get(hold);
    if (found !== undefined) return found;
    const made: Waiters = {
      keys: new Set(),
      asked: new Set(),
      heard: mono,
      woken: Number.NEGATIVE_INFINITY,
      known: false,
    };
    this.#of.set(hold, made);
    return made;
  }
}
