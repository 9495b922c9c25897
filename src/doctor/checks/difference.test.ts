import { expect, test } from 'vitest';
import { differences } from './difference.ts';

const spec = {
  failurePolicy: 'Fail',
  matchConstraints: { resourceRules: [{ resources: ['pods'], scope: '*' }] },
  validations: [{ expression: 'a' }],
};

test.each([
  ['the same', spec, []],
  [
    'with what the API server adds',
    {
      ...spec,
      matchConstraints: {
        ...spec.matchConstraints,
        namespaceSelector: {},
        objectSelector: {},
        matchPolicy: 'Equivalent',
      },
    },
    [],
  ],
  [
    'a selector that lets some through',
    { ...spec, matchConstraints: { ...spec.matchConstraints, namespaceSelector: { matchLabels: { a: 'b' } } } },
    ['spec.matchConstraints.namespaceSelector: superfluous'],
  ],
  [
    'exceptions',
    { ...spec, matchConstraints: { ...spec.matchConstraints, excludeResourceRules: [] } },
    ['spec.matchConstraints.excludeResourceRules: superfluous'],
  ],
  ['open to failure', { ...spec, failurePolicy: 'Ignore' }, ['spec.failurePolicy']],
  ['a validation less', { ...spec, validations: [] }, ['spec.validations: 0 instead of 1']],
  ['another validation', { ...spec, validations: [{ expression: 'true' }] }, ['spec.validations[0].expression']],
  ['nothing', undefined, ['spec']],
  [
    'a hostile key in place of another',
    JSON.parse('{"__proto__":{},"failurePolicy":"Fail"}'),
    ['spec.matchConstraints: missing', 'spec.validations: missing', 'spec.__proto__: superfluous'],
  ],
])('%s', (_, found, expected) => {
  expect(differences(spec, found, 'spec')).toEqual(expected);
});
