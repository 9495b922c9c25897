import { expect, test } from 'vitest';
import { affordableTimeout, fenceAdmits } from './fence.ts';

const limits = { leaseDuration: 15_000, margin: 1000, jumpBound: 2000 };
const begun = { wall: 1_700_000_000_000, mono: 5000 };
const at = (mono: number, wall = mono) => ({ wall: begun.wall + wall, mono: begun.mono + mono });

test.each([
  ['fresh', at(0), 5000, true],
  ['the last moment', at(8999), 5000, true],
  ['one millisecond too late', at(9000), 5000, false],
  ['a timeout longer than the lease', at(0), 14_000, false],
  ['the wall clock went ahead within the bound, and counts', at(7500, 9000), 5000, false],
  ['the wall clock went back within the bound, and does not help', at(9000, 7500), 5000, false],
  ['the machine slept', at(100, 60_000), 0, false],
  ['the wall clock was set back', at(100, -60_000), 0, false],
  ['a monotonic clock that goes back', at(-1, 0), 0, false],
  ['no number', at(0), Number.NaN, false],
] as const)('%s', (_name, now, timeout, admitted) => {
  expect(fenceAdmits(begun, now, timeout, limits)).toBe(admitted);
});

test('without a renewal nothing passes', () => {
  expect(fenceAdmits(undefined, at(0), 0, limits)).toBe(false);
});

test('the affordable timeout is admitted after a missed renewal, and no longer one would be', () => {
  expect(affordableTimeout(limits, 2000, 6000)).toBe(6000);
  const short = { ...limits, leaseDuration: 8000 };
  const timeout = affordableTimeout(short, 2000, 6000);
  expect(fenceAdmits(begun, at(4000), timeout, short)).toBe(true);
  expect(fenceAdmits(begun, at(4000), timeout + 1, short)).toBe(false);
  expect(affordableTimeout({ ...limits, leaseDuration: 1000 }, 2000, 6000)).toBe(0);
});
