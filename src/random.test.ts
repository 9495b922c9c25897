import { expect, test } from 'vitest';
import { systemRandomness } from './random.ts';

test('seeds and words are fresh each time, also over the end of a page', () => {
  const seeds = Array.from({ length: 1000 }, () => systemRandomness.seed());
  expect(new Set(seeds).size).toBe(1000);
  for (const seed of seeds) expect(seed).toMatch(/^[0-9a-f]{64}$/);
  const words = Array.from({ length: 3000 }, () => systemRandomness.word());
  // Of 32 bits each: more than a few equal ones are no chance.
  expect(new Set(words).size).toBeGreaterThan(2990);
  expect(words.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true);
  // No bit stands still.
  for (let bit = 0; bit < 32; bit++) {
    const ones = words.filter((word) => ((word >>> bit) & 1) === 1).length;
    expect(ones).toBeGreaterThan(1000);
    expect(ones).toBeLessThan(2000);
  }
});
