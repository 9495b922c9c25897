import { describe, expect, test } from 'vitest';
import type { LabelSelector } from './k8s/types.gen.ts';
import { carrying, selectorOf } from './selector.ts';

const HOSTILE = JSON.parse('{"constructor":"x","toString":"y"}') as Record<string, string>;
const requirement = (key: string, operator: string, values?: readonly string[]): LabelSelector => ({
  matchExpressions: [{ key, operator, ...(values !== undefined && { values }) }],
});

describe('selectorOf', () => {
  test.each<[string, LabelSelector | undefined, Record<string, string> | undefined, boolean]>([
    ['absent: nothing', undefined, { a: 'b' }, false],
    ['empty: everything', {}, { a: 'b' }, true],
    ['empty: what has no labels', {}, undefined, true],
    ['empty lists: everything', { matchLabels: {}, matchExpressions: [] }, {}, true],
    ['a label', { matchLabels: { a: 'b' } }, { a: 'b', c: 'd' }, true],
    ['a label of another value', { matchLabels: { a: 'b' } }, { a: 'c' }, false],
    ['a label, of what has none', { matchLabels: { a: 'b' } }, undefined, false],
    ['an empty value is a value', { matchLabels: { a: '' } }, {}, false],
    ['an empty value', { matchLabels: { a: '' } }, { a: '' }, true],
    ['all labels', { matchLabels: { a: 'b', c: 'd' } }, { a: 'b' }, false],
    ['In', requirement('a', 'In', ['x', 'y']), { a: 'y' }, true],
    ['In, absent', requirement('a', 'In', ['x']), {}, false],
    ['NotIn', requirement('a', 'NotIn', ['x']), { a: 'x' }, false],
    ['NotIn, absent', requirement('a', 'NotIn', ['x']), {}, true],
    ['Exists', requirement('a', 'Exists'), { a: '' }, true],
    ['Exists, absent', requirement('a', 'Exists', []), {}, false],
    ['DoesNotExist', requirement('a', 'DoesNotExist'), {}, true],
    ['DoesNotExist, present', requirement('a', 'DoesNotExist'), { a: '' }, false],
    ['labels and expressions', { matchLabels: { a: 'b' }, ...requirement('c', 'Exists') }, { a: 'b' }, false],
    ['an inherited member is no label', requirement('constructor', 'Exists'), {}, false],
    ['nor keeps another from being absent', requirement('toString', 'DoesNotExist'), {}, true],
    ['a hostile key of its own', { matchLabels: HOSTILE }, HOSTILE, true],
    ['a hostile key, absent', { matchLabels: HOSTILE }, {}, false],
  ])('%s', (_, selector, labels, matches) => {
    expect(selectorOf(selector)?.matches(labels)).toBe(matches);
  });

  test.each<[string, LabelSelector]>([
    ['an unknown operator', requirement('a', 'Like', ['b'])],
    ['an operator of another case', requirement('a', 'in', ['b'])],
    ['In without values', requirement('a', 'In', [])],
    ['NotIn without values', requirement('a', 'NotIn')],
    ['Exists with values', requirement('a', 'Exists', ['b'])],
    ['DoesNotExist with values', requirement('a', 'DoesNotExist', ['b'])],
    ['an empty key', requirement('', 'Exists')],
    ['a key that no label may have', requirement('a b', 'Exists')],
    ['an empty prefix', requirement('/a', 'Exists')],
    ['a prefix that is no domain', requirement('Ex_ample/a', 'Exists')],
    ['two slashes', requirement('a/b/c', 'Exists')],
    ['a name that is too long', requirement('a'.repeat(64), 'Exists')],
    ['a value that no label may have', { matchLabels: { a: 'b c' } }],
    ['a value that is too long', { matchLabels: { a: 'b'.repeat(64) } }],
  ])('%s is invalid', (_, selector) => {
    expect(selectorOf(selector)).toBeUndefined();
  });

  test('says when it restricts nothing', () => {
    expect(
      [selectorOf(undefined), selectorOf({}), selectorOf({ matchLabels: { a: 'b' } })].map((m) => m?.empty),
    ).toEqual([false, true, false]);
  });
});

describe('carrying', () => {
  test('wants every label, by own members only', () => {
    expect(carrying({ a: 'b' }).matches({ a: 'b', c: 'd' })).toBe(true);
    expect(carrying({ a: 'b', c: 'd' }).matches({ a: 'b' })).toBe(false);
    expect(carrying(HOSTILE).matches({})).toBe(false);
    expect(carrying(undefined).matches(undefined)).toBe(true);
  });
});
