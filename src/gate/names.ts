import { createHash } from 'node:crypto';

/** Upstream's alphabet for generated names: no vowels, so no words. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX = 5;
/** Longest name that a generated one may have; the prefix is cut to fit, as the API server does. */
const MAX_NAME = 63;
const REMEMBERED = 100_000;

/**
 * Derives names for `generateName`, so that an answer that was lost can be looked up: as long as the fate of a write
 * is not known, the same write id gives the same name.
 */
export interface Names {
  derive(writeId: string, generateName: string): string;
  /** The name was used (applied) or is taken: the next write of that id gets another. */
  spent(writeId: string): void;
}

/** `nonce` makes the names of this process its own; `random` gives fresh 32-bit integers. */
export function createNames(nonce: string, random: () => number): Names {
  const seeds = new Map<string, number>();
  return {
    derive(writeId, generateName) {
      let seed = seeds.get(writeId);
      if (seed === undefined) {
        seed = random();
        seeds.set(writeId, seed);
        const oldest = seeds.size > REMEMBERED ? seeds.keys().next().value : undefined;
        if (oldest !== undefined) seeds.delete(oldest);
      }
      return generateName.slice(0, MAX_NAME - SUFFIX) + suffix(`${nonce}\n${writeId}\n${seed}`);
    },
    spent: (writeId) => void seeds.delete(writeId),
  };
}

function suffix(seed: string): string {
  const bytes = createHash('sha256').update(seed).digest();
  let text = '';
  for (let at = 0; at < SUFFIX; at++) text += ALPHABET[bytes.readUInt32BE(at * 4) % ALPHABET.length];
  return text;
}
