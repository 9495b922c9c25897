import { expect, test } from 'vitest';
import { createNames } from './names.ts';

const counter = () => {
  let n = 0;
  return () => n++;
};

test('the same write has the same name until its fate is known', () => {
  const names = createNames('log1', counter());
  const first = names.derive('w', 'web-');
  expect(names.derive('w', 'web-')).toBe(first);
  names.spent('w');
  expect(names.derive('w', 'web-')).not.toBe(first);
});

test('names differ between writes and between processes, and use the alphabet of generated names', () => {
  const names = createNames('log1', () => 7);
  const other = createNames('log2', () => 7);
  expect(names.derive('a', 'web-')).not.toBe(names.derive('b', 'web-'));
  expect(names.derive('a', 'web-')).not.toBe(other.derive('a', 'web-'));
  expect(names.derive('a', 'web-')).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('a long prefix is cut so that the whole fits', () => {
  expect(createNames('log1', () => 1).derive('a', 'x'.repeat(200))).toHaveLength(63);
});
