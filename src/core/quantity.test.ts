import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { millisOf, nanos, ofWhole, wholeOf } from './quantity.ts';

const G = 10n ** 9n;

describe('quantities', () => {
  test.each<[string | number, bigint]>([
    ['0', 0n],
    ['1', G],
    [3, 3n * G],
    [0.5, G / 2n],
    ['1500m', (3n * G) / 2n],
    ['1.5', (3n * G) / 2n],
    ['.5', G / 2n],
    ['5.', 5n * G],
    ['+007', 7n * G],
    ['-2', -2n * G],
    ['2n', 2n],
    ['2u', 2000n],
    ['0.1n', 1n],
    ['-0.1n', -1n],
    ['0.0000000001', 1n],
    ['1e-1000', 1n],
    ['1k', 1000n * G],
    ['1E', 10n ** 18n * G],
    ['1E3', 1000n * G],
    ['1e+3', 1000n * G],
    ['12e-3', 12_000_000n],
    ['1Ki', 1024n * G],
    ['1.5Gi', 1536n * 2n ** 20n * G],
    ['0.0000000001Ki', 103n],
    ['8Ei', (2n ** 63n - 1n) * G],
    ['-8Ei', -(2n ** 63n - 1n) * G],
    ['9223372036854775807000', 9223372036854775807000n * G],
    ['Ki', 0n],
    ['m', 0n],
    ['.', 0n],
    ['-', 0n],
  ])('%s', (text, value) => expect(nanos(text)).toBe(value));

  test.each(['', ' 1', '1 ', '1x', '1e', '1ee3', '1e3m', '1KiB', '1ki', '1K', '1.2.3', '+-1', '--1', 'Pi', 'e-10'])(
    'no quantity: "%s"',
    (text) => expect(nanos(text)).toBeUndefined(),
  );

  test('hostile lengths cost nothing', () => {
    expect(nanos('1'.repeat(100_000))).toBeUndefined();
    expect(nanos('1e999999999')).toBeUndefined();
    expect(nanos('constructor')).toBeUndefined();
  });

  test('whole numbers and thousandths are rounded away from zero', () => {
    expect([wholeOf(1n), wholeOf(-1n), wholeOf(G), wholeOf(0n)]).toEqual([1n, -1n, 1n, 0n]);
    expect([millisOf(1n), millisOf(-1n), millisOf(G)]).toEqual([1n, -1n, 1000n]);
  });

  test('what is written as a whole number is read as it', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (count) => {
        expect(nanos(count)).toBe(ofWhole(count));
      }),
    );
  });
});
