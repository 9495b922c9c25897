import type { Draw } from './fault.ts';

/** FNV-1a over UTF-16 units: a name becomes part of a seed. */
function mixed(seed: number, name: string): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}

/**
 * A generator of its own for each `name` (a fault, the load), so that a single fault is drawn as it was in a run of all.
 * mulberry32: short, the same everywhere, and good enough to pick moments.
 */
export function drawFrom(seed: number, name: string): Draw {
  let state = mixed(seed, name);
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixing = Math.imul(state ^ (state >>> 15), state | 1);
    mixing ^= mixing + Math.imul(mixing ^ (mixing >>> 7), mixing | 61);
    return ((mixing ^ (mixing >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    of: (list) => {
      const one = list[Math.floor(next() * list.length)];
      if (one === undefined) throw new Error('drawing from an empty list');
      return one;
    },
    chance: (share) => next() < share,
  };
}
