import { describe, expect, test } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { allow, allowNamed } from '#core/controller.ts';
import { planCaches } from './plan-caches.ts';

describe('the caches that declarations need', () => {
  test('namespaces and quotas always; one name where nobody needs more; the widest else', () => {
    const one = { rbac: [allowNamed('core/configmaps', ['a'], 'list', 'watch'), allow('core/pods', 'list')] };
    const same = { rbac: [allowNamed('core/configmaps', ['a'], 'list'), allow('core/nodes', 'get')] };
    const other = { rbac: [allowNamed('core/configmaps', ['b'], 'list')] };
    const all = { rbac: [allow('core/configmaps', 'list')] };
    const two = { rbac: [allowNamed('core/configmaps', ['a', 'b'], 'list')] };
    const selector = (...controllers: Parameters<typeof planCaches>[0]): string | undefined =>
      planCaches(controllers).find(({ resource }) => resource === 'core/configmaps')?.fieldSelector;
    expect(planCaches([one])).toEqual([
      { resource: 'core/namespaces', identity: 'reader' },
      { resource: 'core/resourcequotas', identity: 'reader' },
      { resource: 'core/configmaps', identity: 'reader', fieldSelector: 'metadata.name=a' },
      { resource: 'core/pods', identity: 'reader' },
    ]);
    expect(selector(one, same)).toBe('metadata.name=a');
    for (const wide of [other, all, two]) {
      expect(selector(one, wide)).toBeUndefined();
      expect(selector(wide, one)).toBeUndefined();
      expect(selector(one, wide, one)).toBeUndefined();
    }
  });

  test('Secrets are read by an identity of their own', () => {
    const plans = planCaches([{ rbac: [allow('core/secrets', 'list')] }]);
    expect(plans.at(-1)).toEqual({ resource: 'core/secrets', identity: 'secrets-metadata' });
  });

  test('a subresource and a right without list need no cache', () => {
    expect(planCaches([{ rbac: [allow('core/pods/status', 'patch'), allow('core/nodes', 'get')] }])).toHaveLength(2);
    expect(planCaches(CONTROLLERS).map(({ resource }) => resource)).toContain('apps/replicasets');
  });
});
