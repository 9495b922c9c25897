import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diff, mergePatch } from '#core/diff.ts';
import { canonical, deepFreeze } from '#core/json.ts';
import { drawTree } from '#kit/draw.ts';

test('the patch makes exactly what was wished of what was there', () => {
  fc.assert(
    fc.property(drawTree, drawTree, (before, after) => {
      deepFreeze(before);
      deepFreeze(after);
      const patch = diff(before, after);
      expect(canonical(mergePatch(before, patch))).toBe(canonical(after));
      // As the API server sees it: through JSON.
      expect(canonical(mergePatch(before, JSON.parse(JSON.stringify(patch))))).toBe(canonical(after));
    }),
    { numRuns: 5000 },
  );
});

test('no patch for no change, and none once it is done', () => {
  fc.assert(
    fc.property(drawTree, drawTree, (before, after) => {
      expect(diff(before, structuredClone(before))).toStrictEqual({});
      expect(diff(mergePatch(before, diff(before, after)) as object, after)).toStrictEqual({});
    }),
    { numRuns: 2000 },
  );
});

test('it says nothing about what stays', () => {
  fc.assert(
    fc.property(drawTree, drawTree, fc.string(), (before, after, value) => {
      const patch = diff({ ...before, stays: value }, { ...after, stays: value });
      expect(Object.hasOwn(patch, 'stays')).toBe(false);
    }),
  );
});
