/** The only source of chance in the process that runs controllers; simulations hand in their own. */
import { randomFillSync } from 'node:crypto';

export interface Randomness {
  /** In [0, 1): jitter. */
  fraction(): number;
  /** A 32-bit integer: names. */
  word(): number;
  /** 64 hexadecimal digits, fresh for each run of a key. */
  seed(): string;
}

/** Asked for with each run and each name: a page at a time costs a tenth of as many calls. What was given is wiped. */
function pages(): (bytes: number) => Buffer {
  const page = Buffer.alloc(4096);
  let used = page.length;
  return (bytes) => {
    if (used + bytes > page.length) {
      randomFillSync(page);
      used = 0;
    }
    const taken = Buffer.from(page.subarray(used, used + bytes));
    page.fill(0, used, used + bytes);
    used += bytes;
    return taken;
  };
}

const take = pages();

export const systemRandomness: Randomness = {
  fraction: Math.random,
  word: () => take(4).readUInt32BE(),
  seed: () => take(32).toString('hex'),
};
