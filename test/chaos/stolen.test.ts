import { expect, test } from 'vitest';
import { stolenSince, ticksIn, ticksNow } from './stolen.ts';

const STAT = 'cpu  10 20 30 40 50 0 0 50 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 1\n';

test('reads what the hypervisor gave to others; guests are users already', () => {
  expect(ticksIn(STAT)).toEqual({ stolen: 50, all: 200 });
});

test.each(['', 'nothing', 'cpu\n'])('is nothing where the kernel does not tell: %j', (text) => {
  expect(ticksIn(text)).toEqual({ stolen: 0, all: 0 });
  expect(stolenSince(ticksIn(text), ticksIn(text))).toBe(0);
});

test('is a share of what went by', () => {
  expect(stolenSince({ stolen: 50, all: 200 }, { stolen: 80, all: 300 })).toBe(0.3);
  const now = ticksNow();
  expect(stolenSince(now, now)).toBe(0);
});
