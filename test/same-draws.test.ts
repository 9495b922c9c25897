import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seedOf } from '#kit/same-draws.ts';

test.each([
  [undefined, 1],
  ['random', undefined],
  ['-7', -7],
])('PROPERTY_SEED %s draws from %s', (asked, seed) => {
  expect(seedOf(asked)).toBe(seed);
});

test('anything else is refused', () => {
  expect(() => seedOf('x')).toThrow('PROPERTY_SEED: it is no whole number');
});

test('it is set up for every file', () => {
  expect(fc.readConfigureGlobal().seed).toBe(seedOf(process.env.PROPERTY_SEED));
});
