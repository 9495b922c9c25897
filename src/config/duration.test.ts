import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

test.each([
  ['15s', 15_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
  ['1us', 0.001],
  ['0', 0],
  ['1h0m0s', 3_600_000],
  ['15', undefined],
  ['', undefined],
  ['-1s', undefined],
  ['1d', undefined],
  ['1s ', undefined],
  [`${'1s'.repeat(40)}`, undefined],
])('%s', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
