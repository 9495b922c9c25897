import { describe, expect, expectTypeOf, it } from 'vitest';
import { anything, either, exactly, listOf, mapOf, only, positive, type Shaped, text, truth, whole } from './shape.ts';

const POINT = exactly({ kind: only('point'), x: whole(0, 9), y: whole(0, 9) });
const NAMED = exactly({ kind: only('named'), name: text(3) });
const NUMBERS = mapOf(/^[a-z]{1,12}$/, whole(1, 9));
const hostile: unknown = JSON.parse('{"kind":"named","__proto__":"abc"}');

describe('shapes', () => {
  it.each([
    ['text at its cap', text(3), 'abc', true],
    ['text over its cap', text(3), 'abcd', false],
    ['no text', text(3), ['a'], false],
    ['a whole number at a bound', whole(1, 4), 4, true],
    ['a whole number beyond a bound', whole(1, 4), 5, false],
    ['a whole number below a bound', whole(1, 4), 0, false],
    ['a fraction', whole(1, 4), 1.5, false],
    ['an unsafe integer', whole(1), 2 ** 53, false],
    ['a number as text', whole(1, 4), '2', false],
    ['a positive fraction', positive(2), 0.5, true],
    ['zero, which is not positive', positive(2), 0, false],
    ['more than the most', positive(2), 3, false],
    ['what JSON cannot say', positive(2), Number.NaN, false],
    ['a truth', truth, false, true],
    ['no truth', truth, 0, false],
    ['null as anything', anything, null, true],
    ['nothing as anything', anything, undefined, false],
    ['the only value', only(1), 1, true],
    ['another value of its kind', only(1), 2, false],
    ['its value as another kind', only(1), '1', false],
    ['a list', listOf(text(1), 2), ['a', 'b'], true],
    ['a list over its cap', listOf(text(1), 2), ['a', 'b', 'c'], false],
    ['a list with a stranger', listOf(text(1), 2), ['a', 1], false],
    ['an object as a list', listOf(text(1), 2), { length: 0 }, false],
    ['exactly the fields', POINT, { kind: 'point', x: 1, y: 2 }, true],
    ['a field too many', POINT, { kind: 'point', x: 1, y: 2, z: 3 }, false],
    ['a field too few', POINT, { kind: 'point', x: 1 }, false],
    ['a field of another shape', POINT, { kind: 'point', x: 1, y: 'no' }, false],
    ['a field that is inherited', POINT, Object.create({ kind: 'point', x: 1, y: 2 }), false],
    ['a field by another name', NAMED, hostile, false],
    ['null as an object', POINT, null, false],
    ['a list as an object', exactly({}), [], false],
    ['either of two', either(POINT, NAMED), { kind: 'named', name: 'abc' }, true],
    ['neither of two', either(POINT, NAMED), { kind: 'named', name: 'abcd' }, false],
    ['a map', NUMBERS, { a: 1, constructor: 2 }, true],
    ['a map with a key of another pattern', NUMBERS, { A: 1 }, false],
    ['a map with a value of another shape', NUMBERS, { a: 0 }, false],
    ['a list as a map', NUMBERS, [], false],
  ])('%s', (_, shape, value, accepted) => {
    expect(shape(value)).toBe(accepted);
  });

  it('says the type of what it accepts', () => {
    expectTypeOf<Shaped<typeof NAMED>>().toEqualTypeOf<{ readonly kind: 'named'; readonly name: string }>();
    expectTypeOf<Shaped<typeof NUMBERS>>().toEqualTypeOf<Readonly<Record<string, number>>>();
  });
});
