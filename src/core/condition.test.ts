import { expect, test } from 'vitest';
import { type Condition, getCondition, removeCondition, setCondition } from './condition.ts';

const wall = Date.parse('2026-01-01T01:00:00.900Z');
const old: Condition = {
  type: 'A',
  status: 'True',
  reason: 'R',
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const other: Condition = { type: 'B', status: 'False' };

test('a new condition gets the time, in whole seconds', () => {
  expect(setCondition([other], { type: 'A', status: 'True' }, wall)).toEqual([
    other,
    { type: 'A', status: 'True', lastTransitionTime: '2026-01-01T01:00:00Z' },
  ]);
  expect(setCondition(undefined, { type: 'A', status: 'True' }, wall)).toHaveLength(1);
});

test('the time moves with the status only', () => {
  const same = setCondition([old, other], { type: 'A', status: 'True', reason: 'S', message: 'n' }, wall);
  expect(same).toEqual([other, { ...old, reason: 'S', message: 'n' }]);
  const turned = setCondition([old], { type: 'A', status: 'False', reason: 'R', message: 'm' }, wall);
  expect(turned).toEqual([{ ...old, status: 'False', lastTransitionTime: '2026-01-01T01:00:00Z' }]);
});

test('what changes nothing is the same array', () => {
  const conditions = [old, other];
  expect(setCondition(conditions, { type: 'A', status: 'True', reason: 'R', message: 'm' }, wall)).toBe(conditions);
  expect(removeCondition(conditions, 'C')).toBe(conditions);
});

test('removing and finding', () => {
  expect(removeCondition([old, other], 'A')).toEqual([other]);
  expect(removeCondition(undefined, 'A')).toEqual([]);
  expect(getCondition([old, other], 'B')).toBe(other);
  expect(getCondition(undefined, 'B')).toBeUndefined();
});
