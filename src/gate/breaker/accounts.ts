import type { Ms } from '#core/time.ts';
import { isRecent, minuteOf } from './window.ts';

/**
 * What a cause takes is counted apart: with evidence, without it (`bare`), and in a rollout that its owner wishes to
 * interrupt it. Room that one of them was given is none for another.
 */
export type Side = 'bare' | 'evident' | 'rollout';

export interface Part {
  /** What it was let take, grants included: taking that much asks nothing more. */
  readonly covered: number;
  /** The part of it that no grant let go. */
  readonly charged: number;
  /** What it took. */
  readonly used: number;
}

/** What one cause took in one minute. */
export interface Tally extends Part {
  readonly side: Side;
  /** Of 1970. */
  readonly minute: number;
  /** The most that the root was seen to have in it. */
  readonly has?: number;
}

export interface Account {
  /** The root's. */
  readonly id: string;
  readonly tallies: readonly Tally[];
}

/** A cause as it stands, of the last ten minutes. */
export type Standing = Readonly<Record<Side, Part>> & { readonly has?: number };

export const MAX_ACCOUNTS = 2_000;
const NOTHING: Part = { covered: 0, charged: 0, used: 0 };
const PARTS = ['covered', 'charged', 'used'] as const;

/** Each minute ends by itself, whether its account is in use or not. */
export class Accounts {
  readonly #byRoot: Map<string, readonly Tally[]>;

  constructor(from: readonly Account[]) {
    this.#byRoot = new Map(from.map(({ id, tallies }) => [id, tallies]));
  }

  /** As it stands, with what was seen of the root now. */
  of(root: string, has: number | undefined, wall: Ms): Standing {
    const tallies = this.#recent(root, wall);
    const most = tallies.reduce((max, tally) => Math.max(max, tally.has ?? 0), has ?? 0);
    const sides = { bare: sumOf(tallies, 'bare'), evident: sumOf(tallies, 'evident') };
    return { ...sides, rollout: sumOf(tallies, 'rollout'), ...(most > 0 && { has: most }) };
  }

  /** Adds to one side of it. */
  add(root: string, side: Side, by: Part & { readonly has?: number | undefined }, wall: Ms): void {
    const minute = minuteOf(wall);
    const tallies = this.#recent(root, wall);
    const found = tallies.find((one) => one.side === side && one.minute === minute);
    const has = Math.max(found?.has ?? 0, by.has ?? 0);
    const now: Tally = { ...changed({ side, minute, ...(found ?? NOTHING) }, by, 1), ...(has > 0 && { has }) };
    this.#byRoot.set(root, [...tallies.filter((one) => one !== found), now]);
    if (this.#byRoot.size > MAX_ACCOUNTS * 2) this.#shrink();
  }

  /** Takes back what was added in that minute, as far as it is still there. */
  undo(root: string, side: Side, by: Part, wall: Ms): void {
    const minute = minuteOf(wall);
    const tallies = this.#byRoot.get(root) ?? [];
    const less = (one: Tally): Tally => (one.side === side && one.minute === minute ? changed(one, by, -1) : one);
    this.#byRoot.set(root, tallies.map(less));
  }

  /** What was not taken after all may be taken later, in the room that was given for it: the latest minutes first. */
  unuse(root: string, side: Side, weight: number): void {
    const tallies = [...(this.#byRoot.get(root) ?? [])].sort((a, b) => b.minute - a.minute);
    let left = weight;
    const less = (one: Tally): Tally => {
      if (one.side !== side) return one;
      const by = Math.min(one.used, left);
      left -= by;
      return { ...one, used: one.used - by };
    };
    if (tallies.length > 0) this.#byRoot.set(root, tallies.map(less).reverse());
  }

  /** Whether something ended. */
  sweep(wall: Ms): boolean {
    let ended = false;
    for (const [root, before] of this.#byRoot) {
      const after = this.#recent(root, wall);
      if (after.length === before.length) continue;
      ended = true;
      if (after.length === 0) this.#byRoot.delete(root);
      else this.#byRoot.set(root, after);
    }
    return ended;
  }

  /** The largest, at most as many as are kept. */
  list(): readonly Account[] {
    const size = ({ tallies }: Account): number => tallies.reduce((sum, { covered }) => sum + covered, 0);
    const all = [...this.#byRoot].map(([id, tallies]) => ({ id, tallies }));
    return all.sort((a, b) => size(b) - size(a)).slice(0, MAX_ACCOUNTS);
  }

  #recent(root: string, wall: Ms): readonly Tally[] {
    return (this.#byRoot.get(root) ?? []).filter(({ minute }) => isRecent(minute, wall));
  }

  #shrink(): void {
    const kept = new Set(this.list().map(({ id }) => id));
    for (const root of this.#byRoot.keys()) if (!kept.has(root)) this.#byRoot.delete(root);
  }
}

function sumOf(tallies: readonly Tally[], side: Side): Part {
  return tallies.reduce((sum, one) => (one.side === side ? changed(sum, one, 1) : sum), NOTHING);
}

/** More or less of each part; never below nothing. */
function changed<T extends Part>(from: T, by: Part, sign: 1 | -1): T {
  const parts = PARTS.map((part) => [part, Math.max(0, from[part] + sign * by[part])]);
  return { ...from, ...Object.fromEntries(parts) };
}
