import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareRules } from './rules.ts';

const rule = (resource: string, verbs: readonly string[], more: object = {}) => ({
  apiGroups: [resource.slice(0, resource.indexOf('/')).replace('core', '')],
  resources: [resource.slice(resource.indexOf('/') + 1)],
  verbs,
  ...more,
});
const url = (path: string, verbs: readonly string[]) => ({ nonResourceURLs: [path], verbs });

describe('rules', () => {
  test.each([
    [
      'the same in other words',
      [rule('core/pods', ['get', 'list'])],
      [rule('core/pods', ['list']), rule('core/pods', ['get'])],
      [],
      [],
    ],
    [
      'a verb is missing',
      [rule('apps/replicasets/status', ['patch', 'update'])],
      [rule('apps/replicasets/status', ['update'])],
      ['apps/replicasets/status: patch'],
      [],
    ],
    [
      'a verb too many',
      [rule('core/pods', ['get'])],
      [rule('core/pods', ['get', 'delete', 'create'])],
      [],
      ['core/pods: create, delete'],
    ],
    ['all verbs', [rule('core/pods', ['get'])], [rule('core/pods', ['*'])], [], ['core/pods: *']],
    [
      'all resources',
      [rule('core/pods', ['get'])],
      [{ apiGroups: ['*'], resources: ['*'], verbs: ['get'] }],
      [],
      ['*/*: get'],
    ],
    [
      'all resources as declared',
      [{ apiGroups: ['*'], resources: ['*'], verbs: ['get'] }],
      [{ apiGroups: ['*'], resources: ['*'], verbs: ['get'] }],
      [],
      [],
    ],
    [
      'a subresource is not its resource',
      [rule('core/pods', ['get'])],
      [rule('core/pods/status', ['get'])],
      ['core/pods: get'],
      ['core/pods/status: get'],
    ],
    [
      'a subresource of everything',
      [rule('apps/deployments/scale', ['get'])],
      [{ apiGroups: ['apps'], resources: ['*/scale'], verbs: ['get'] }],
      [],
      ['apps/*/scale: get'],
    ],
    [
      'the limit by name is gone',
      [rule('core/configmaps', ['get'], { resourceNames: ['a'] })],
      [rule('core/configmaps', ['get'])],
      [],
      ['core/configmaps: get'],
    ],
    [
      'another name',
      [rule('core/configmaps', ['get'], { resourceNames: ['a'] })],
      [rule('core/configmaps', ['get'], { resourceNames: ['b'] })],
      ['core/configmaps (a): get'],
      ['core/configmaps (b): get'],
    ],
    ['a door', [url('/breaker', ['get'])], [url('/breaker', ['get'])], [], []],
    ['every door', [url('/breaker/*', ['get'])], [url('*', ['get'])], [], ['URL *: get']],
    [
      'another door',
      [url('/breaker', ['get'])],
      [url('/metrics', ['get'])],
      ['URL /breaker: get'],
      ['URL /metrics: get'],
    ],
    ['no rules at all', [rule('core/pods', ['get'])], null, ['core/pods: get'], []],
    ['hostile shapes', [], [null, 7, { verbs: 'get' }, { apiGroups: [{}], resources: ['x'], verbs: ['get'] }], [], []],
  ])('%s', (_, wanted, found, missing, superfluous) => {
    expect(compareRules(wanted, found)).toEqual({ missing, superfluous });
  });

  test('roles are equal to themselves in any order, and one permission less is missing from one side only', () => {
    const word = fc.constantFrom('get', 'list', 'watch', 'create');
    const verbs = fc.uniqueArray(word, { minLength: 1 });
    const target = fc.constantFrom('core/pods', 'core/pods/status', 'apps/replicasets', 'batch/jobs');
    const rules = fc.uniqueArray(fc.record({ target, verbs }), { minLength: 1, selector: (one) => one.target });
    fc.assert(
      fc.property(rules, fc.nat(), (drawn, pick) => {
        const role = drawn.map((one) => rule(one.target, one.verbs));
        expect(compareRules(role, role.toReversed())).toEqual({ missing: [], superfluous: [] });
        const less = role.filter((_, at) => at !== pick % role.length);
        expect(compareRules(role, less).missing).toHaveLength(1);
        expect(compareRules(role, less).superfluous).toEqual([]);
        expect(compareRules(less, role).superfluous).toEqual(compareRules(role, less).missing);
      }),
    );
  });
});
