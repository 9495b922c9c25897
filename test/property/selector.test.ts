import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LabelSelector } from '#core/k8s/types.gen.ts';
import { selectorOf } from '#core/selector.ts';
import { drawLabels, drawSelector } from '#kit/draw.ts';

/** The rule in its shortest words, over maps, which have no inherited members. */
function naive({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Record<string, string>): boolean {
  const carried = new Map(Object.entries(labels));
  return (
    Object.entries(matchLabels).every(([key, value]) => carried.get(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = carried.get(key);
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const among = value !== undefined && values.includes(value);
      return operator === 'In' ? among : !among;
    })
  );
}

test('a valid selector matches as the rule says', () => {
  let valid = 0;
  fc.assert(
    fc.property(drawSelector, drawLabels, (selector, labels) => {
      const matcher = selectorOf(selector);
      if (matcher === undefined) return;
      valid += 1;
      expect(matcher.matches(labels)).toBe(naive(selector, labels));
    }),
    { numRuns: 5000 },
  );
  expect(valid).toBeGreaterThan(2500);
});

test('more requirements never match more', () => {
  fc.assert(
    fc.property(drawSelector, drawSelector, drawLabels, (one, other, labels) => {
      const both = selectorOf({
        matchExpressions: [...(one.matchExpressions ?? []), ...(other.matchExpressions ?? [])],
        matchLabels: one.matchLabels ?? {},
      });
      if (both?.matches(labels) === true) expect(selectorOf(one)?.matches(labels)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
