/** The only source of chance in the process that runs controllers; simulations hand in their own. */
import { randomBytes } from 'node:crypto';

export interface Randomness {
  /** In [0, 1): jitter. */
  fraction(): number;
  /** A 32-bit integer: names. */
  word(): number;
  /** 64 hexadecimal digits, fresh for each run of a key. */
  seed(): string;
}

export const systemRandomness: Randomness = {
  fraction: Math.random,
  word: () => randomBytes(4).readUInt32BE(),
  seed: () => randomBytes(32).toString('hex'),
};
