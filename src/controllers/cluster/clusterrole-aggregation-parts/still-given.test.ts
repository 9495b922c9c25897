import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PolicyRule } from '#core/k8s/types.gen.ts';
import { stillGiven } from './still-given.ts';

const rule = (resources: string[], verbs: string[], resourceNames: string[] = []): PolicyRule => ({
  apiGroups: [''],
  resources,
  ...(resourceNames.length > 0 && { resourceNames }),
  verbs,
});
const nodes = rule(['nodes'], ['get', 'list']);
const url = { nonResourceURLs: ['/metrics', '/logs'], verbs: ['get'] };

describe('of what is held, what is given still', () => {
  test.each<[string, PolicyRule[], PolicyRule[], PolicyRule[]]>([
    ['all, as it stands', [nodes], [nodes], [nodes]],
    ['all, where a rule was widened', [nodes], [rule(['nodes', 'pods'], ['watch', 'list', 'get'])], [nodes]],
    ['all, where it was split', [nodes], [rule(['nodes'], ['get']), rule(['nodes'], ['list'])], [nodes]],
    [
      'the part that is left',
      [rule(['nodes', 'pods'], ['get', 'list'])],
      [rule(['pods'], ['get'])],
      [rule(['pods'], ['get'])],
    ],
    ['nothing of what nobody gives', [nodes], [rule(['pods'], ['get', 'list'])], []],
    ['nothing of what only a star would give', [nodes], [rule(['*'], ['*'])], []],
    [
      'what is given on all names, on some',
      [rule(['nodes'], ['get'], ['a'])],
      [nodes],
      [rule(['nodes'], ['get'], ['a'])],
    ],
    ['nothing on all names of what is given on some', [nodes], [rule(['nodes'], ['get', 'list'], ['a'])], []],
    [
      'names that several rules give',
      [rule(['nodes'], ['get'], ['a', 'b'])],
      [rule(['nodes'], ['get'], ['a']), rule(['nodes'], ['get'], ['b', 'c'])],
      [rule(['nodes'], ['get'], ['a', 'b'])],
    ],
    [
      'paths',
      [url],
      [{ nonResourceURLs: ['/logs'], verbs: ['get'] }],
      [{ nonResourceURLs: ['/logs'], verbs: ['get'] }],
    ],
  ])('%s', (_, held, union, left) => {
    expect(stillGiven(held, union)).toEqual(left);
  });

  test('is never more than was held, nor more than is given', () => {
    const word = fc.constantFrom('a', 'b', '*', 'constructor');
    const words = fc.uniqueArray(word, { minLength: 1, maxLength: 3 });
    const any = fc.record({
      apiGroups: words,
      resources: words,
      verbs: words,
      resourceNames: fc.uniqueArray(word, { maxLength: 2 }),
    });
    const rights = (rules: readonly PolicyRule[]) =>
      new Set(
        rules.flatMap(({ apiGroups = [], resources = [], verbs, resourceNames = [] }) =>
          apiGroups.flatMap((group) =>
            resources.flatMap((resource) =>
              verbs.flatMap((verb) =>
                (resourceNames.length === 0 ? ['', 'a', 'b', '*', 'constructor'] : resourceNames).map(
                  (name) => `${group} ${resource} ${verb} ${name}`,
                ),
              ),
            ),
          ),
        ),
      );
    fc.assert(
      fc.property(fc.array(any, { maxLength: 4 }), fc.array(any, { maxLength: 4 }), (held, union) => {
        const left = rights(stillGiven(held, union));
        const [had, given] = [rights(held), rights(union)];
        for (const right of left) expect([right, had.has(right), given.has(right)]).toEqual([right, true, true]);
      }),
    );
  });
});
