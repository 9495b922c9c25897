import type { Ms } from '#core/time.ts';
import { minutes, seconds } from '#core/time.ts';

/** Nobody may ask for so long before some of what waits is asked. */
const QUIET: Ms = minutes(10);
/** So long they have to ask again. */
const ANSWER: Ms = seconds(60);
const AT_ONCE = 20;

interface Waiters {
  readonly keys: Set<string>;
  /** When one of them last asked, and when some were last woken since; monotonic. */
  asked: Ms;
  woken?: Ms;
}

/** The keys that wait for a hold, as `controller|queue|key`, and whether any of them still wishes what is held. */
export class Waiting {
  readonly #of = new Map<string, Waiters>();

  add(hold: string, address: string, mono: Ms): void {
    const waiters = this.#waitersOf(hold, mono);
    waiters.keys.add(address);
    waiters.asked = mono;
    delete waiters.woken;
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

  /**
   * For a hold that no change of an owner can end: some of its keys are to be woken once it has been quiet, and it is
   * `over` when they all were and none asked again.
   */
  look(hold: string, mono: Ms): { readonly wake: readonly string[]; readonly over: boolean } {
    const waiters = this.#waitersOf(hold, mono);
    const { keys, asked, woken } = waiters;
    if (mono - asked < QUIET) return { wake: [], over: false };
    const wake = [...keys].slice(0, AT_ONCE);
    for (const key of wake) keys.delete(key);
    if (wake.length > 0) waiters.woken = mono;
    return { wake, over: wake.length === 0 && mono - (woken ?? asked) >= ANSWER };
  }

  #waitersOf(hold: string, mono: Ms): Waiters {
    const known = this.#of.get(hold);
    if (known !== undefined) return known;
    const made: Waiters = { keys: new Set(), asked: mono };
    this.#of.set(hold, made);
    return made;
  }
}
