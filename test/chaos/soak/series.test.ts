import { expect, test } from 'vitest';
import { judge, median, type Point, quantile, type Series } from './series.ts';

const MINUTE = 60_000;
/** One value a minute. */
const over = (minutes: number, value: (minute: number) => number): readonly Point[] =>
  Array.from({ length: minutes + 1 }, (_, minute) => ({ at: minute * MINUTE, value: value(minute) }));
const series = (points: readonly Point[], slack: number | undefined = 0): Series => ({
  name: 'memory',
  unit: 'MB',
  points,
  slack,
});

test('a sawtooth is flat, and its slope is nothing', () => {
  const { first, last, flat, perHour, max, count } = judge(series(over(60, (minute) => 100 + (minute % 5))));
  expect({ first, last, flat, max, count }).toEqual({ first: 102, last: 102, flat: true, max: 104, count: 61 });
  expect(Math.abs(perHour)).toBeLessThan(1);
});

test('what grows is not flat, and is told by the hour', () => {
  const judged = judge(series(over(60, (minute) => 100 + minute)));
  expect(judged.flat).toBe(false);
  expect(judged.perHour).toBeCloseTo(60);
  expect(judged.last - judged.first).toBeCloseTo(41);
});

test.each([
  ['a tenth', 109, 0, true],
  ['more than a tenth', 112, 0, false],
  ['more than a tenth, within the slack', 112, 4, true],
])('%s above the first quarter', (_, later, slack, flat) => {
  expect(
    judge(
      series(
        over(60, (minute) => (minute < 30 ? 100 : later)),
        slack,
      ),
    ).flat,
  ).toBe(flat);
});

test('the warm-up counts for nothing, and one outlier changes the largest only', () => {
  const points = over(60, (minute) => (minute < 5 ? 20 : minute === 55 ? 900 : 100));
  expect(judge(series(points))).toMatchObject({ first: 100, last: 100, max: 900, perHour: 0, flat: true });
});

test('what is told only is not judged', () => {
  const { flat, bound, last } = judge({ ...series(over(60, (minute) => minute)), slack: undefined });
  expect([flat, bound, last]).toEqual([undefined, undefined, 53.5]);
});

test('nothing measured is not flat', () => {
  expect(judge(series([])).flat).toBe(false);
  expect(judge(series(over(3, () => 1))).flat).toBe(false);
});

test('medians and quantiles', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
  expect([quantile([5, 1, 3], 0.5), quantile([5, 1, 3], 1), quantile([], 0.5)]).toEqual([3, 5, Number.NaN]);
});
