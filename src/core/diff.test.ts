import { describe, expect, test } from 'vitest';
import { diff, mergePatch, touchesList } from './diff.ts';

describe('diff', () => {
  test.each<[string, object, object, object]>([
    ['nothing', { a: { b: [1] } }, { a: { b: [1] } }, {}],
    ['a value', { a: 1 }, { a: 2 }, { a: 2 }],
    ['what comes', {}, { a: { b: 1 } }, { a: { b: 1 } }],
    ['what goes', { a: 1, b: 2 }, { b: 2 }, { a: null }],
    ['deep below', { a: { b: 1, c: 2 } }, { a: { b: 1 } }, { a: { c: null } }],
    ['lists, whole', { a: [1, 2] }, { a: [1] }, { a: [1] }],
    ['an object in place of a list', { a: [1] }, { a: { b: 1 } }, { a: { b: 1 } }],
    ['an emptied object', { a: { b: 1 } }, { a: {} }, { a: { b: null } }],
    ['an empty object that comes', {}, { a: {} }, { a: {} }],
    ['undefined for absent', { a: 1, b: undefined }, { a: undefined }, { a: null }],
    ['null for absent', { a: null }, {}, {}],
  ])('%s', (_, before, after, patch) => {
    expect(diff(before, after)).toStrictEqual(patch);
  });

  test('hostile keys are members like any other', () => {
    const before = JSON.parse('{"__proto__":"old","constructor":"old"}') as object;
    const after = JSON.parse('{"__proto__":"new","toString":"new"}') as object;
    expect(JSON.stringify(diff(before, after))).toBe('{"constructor":null,"__proto__":"new","toString":"new"}');
    expect(JSON.stringify(diff({}, after))).toBe('{"__proto__":"new","toString":"new"}');
    expect(JSON.stringify(mergePatch(before, diff(before, after)))).toBe(JSON.stringify(after));
  });
});

describe('mergePatch', () => {
  // The examples of RFC 7396, appendix A.
  test.each<[unknown, unknown, unknown]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j', (target, patch, result) => {
    expect(mergePatch(target, patch as never)).toStrictEqual(result);
  });
});

test.each<[unknown, unknown, boolean]>([
  [{ a: 1 }, { a: 2 }, false],
  [{}, { a: { b: [1] } }, true],
  [{ a: { b: [1] } }, { a: { b: null } }, true],
  [{ a: { b: [1] } }, { a: { c: null } }, false],
])('a patch of %j with %j touches a list: %s', (before, patch, touches) => {
  expect(touchesList(before, patch as never)).toBe(touches);
});
