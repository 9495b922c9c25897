import type { Ms } from '#core/time.ts';

export interface Minute {
  /** Of 1970. */
  readonly minute: number;
  readonly bare: number;
  readonly all: number;
}

/** What was lost in all in the last ten minutes, by the minute. */
export interface Window {
  add(weight: number, bare: boolean, wall: Ms): void;
  sums(wall: Ms): { readonly bare: number; readonly all: number };
  list(): readonly Minute[];
  restore(minutes: readonly Minute[]): void;
  clear(): void;
}

const MINUTE: Ms = 60_000;
const LENGTH = 10;

export function createWindow(from: readonly Minute[]): Window {
  let kept = [...from];
  // What lies a little ahead counts as well: the wall clock may have been set back.
  const forget = (now: number): void => {
    kept = kept.filter(({ minute }) => Math.abs(minute - now) < LENGTH);
  };
  return {
    add(weight, bare, wall) {
      const minute = Math.floor(wall / MINUTE);
      forget(minute);
      const found = kept.find((one) => one.minute === minute) ?? { minute, bare: 0, all: 0 };
      const more = (sum: number, by: number): number => Math.max(0, sum + by);
      const now = { minute, bare: more(found.bare, bare ? weight : 0), all: more(found.all, weight) };
      kept = [...kept.filter((one) => one.minute !== minute), now];
    },
    sums(wall) {
      forget(Math.floor(wall / MINUTE));
      return kept.reduce((sum, { bare, all }) => ({ bare: sum.bare + bare, all: sum.all + all }), { bare: 0, all: 0 });
    },
    list: () => kept,
    restore(minutes) {
      kept = [...minutes];
    },
    clear() {
      kept = [];
    },
  };
}
