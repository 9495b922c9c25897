import { expect, test } from 'vitest';
import { scaledValue } from './scaled.ts';

test.each([
  [3, 10, 'up', 3],
  ['25%', 10, 'up', 3],
  ['25%', 10, 'down', 2],
  ['100%', 7, 'down', 7],
  ['0%', 7, 'up', 0],
  ['+10%', 10, 'up', 1],
  ['10', 10, 'up', undefined],
  ['ten%', 10, 'up', undefined],
  ['1.5%', 10, 'up', undefined],
  [undefined, 10, 'up', undefined],
] as const)('%s of %i, rounded %s, is %s', (value, total, round, expected) => {
  expect(scaledValue(value, total, round)).toBe(expected);
});
