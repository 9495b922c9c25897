import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { millisOf, nanos, wholeOf } from '#core/quantity.ts';
import { buildOracle, compareWith, type Oracle } from '#kit/oracle.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await buildOracle();
});

const SUFFIXES = ['', '', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const ODD = ['K', 'ki', 'e', 'Em', 'i', 'KiB', 'ee3', 'e3m', '+3', '-', ' ', 'e+', 'x'];
const digits = (most: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: most });
const drawSuffix = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...SUFFIXES) },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-', 'e-'), fc.nat(25)).map(([e, n]) => `${e}${n}`),
  },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
);
const drawQuantity = fc
  .tuple(
    fc.constantFrom('', '', '', '-', '+'),
    fc.oneof(digits(3), digits(22)),
    fc.constantFrom('', '', '.'),
    fc.oneof(digits(3), digits(15)),
    drawSuffix,
  )
  .map(([sign, whole, dot, fraction, suffix]) => `${sign}${whole}${dot}${dot === '' ? '' : fraction}${suffix}`);

interface Answer {
  readonly valid: readonly boolean[];
  readonly compared?: number;
  readonly nanos?: string;
  readonly sum?: string;
  readonly difference?: string;
  readonly whole?: number | null;
  readonly millis?: number | null;
}

const sign = (n: bigint): number => (n > 0n ? 1 : n < 0n ? -1 : 0);

test('quantities are read, compared, added and rounded as upstream does', async () => {
  await compareWith<[string, string], Answer>(
    oracle,
    fc.tuple(drawQuantity, drawQuantity),
    5000,
    ([a, b]) => ({ op: 'quantity', a, b }),
    ([a, b], answer) => {
      const [first, second] = [nanos(a), nanos(b)];
      expect({ a, b, valid: [first !== undefined, second !== undefined] }).toEqual({ a, b, valid: answer.valid });
      if (first === undefined || second === undefined) return;
      const { whole, millis, ...exact } = answer;
      expect({ a, b, ...exact }).toEqual({
        a,
        b,
        valid: [true, true],
        compared: sign(first - second),
        nanos: String(first),
        sum: String(first + second),
        difference: String(first - second),
      });
      if (typeof whole === 'number') expect({ a, whole: Number(wholeOf(first)) }).toEqual({ a, whole });
      if (typeof millis === 'number') expect({ a, millis: Number(millisOf(first)) }).toEqual({ a, millis });
    },
  );
});
