import { expect, test } from 'vitest';
import { inTime, MOST } from './patience.ts';

test.each([
  ['at once', 50, 15_000],
  ['just in time', 1_000, 15_000],
  ['late, on a machine that is busy', 2_500, 37_500],
  ['very late, on one that has no time', 60_000, MOST * 15_000],
])('undisturbed it was there %s: a bound of 15 s is one of so much', (_, undisturbed, allowed) => {
  expect(() => inTime(allowed, 15_000, undisturbed)).not.toThrow();
  expect(() => inTime(allowed + 1, 15_000, undisturbed)).toThrow(`instead of ${allowed} ms`);
});
