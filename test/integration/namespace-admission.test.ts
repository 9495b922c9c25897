import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiObject } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

/**
 * What a stolen certificate of the namespace controller can do beside Comptroller: nothing but empty namespaces that
 * are being deleted. RBAC is opened wide here, so that what refuses is the admission policy.
 */
let world: IdentityCluster;
let thief: Admin;

const HOLD = 'example.com/hold';
const FINALIZE = (name: string): string => `/api/v1/namespaces/${name}/finalize`;

beforeAll(async () => {
  world = await identityCluster();
  thief = await world.as('namespace');
  const { admin } = world;
  await world.openRights();
  for (const name of ['ends', 'stays']) {
    await admin.create('core/namespaces', { metadata: { name, labels: { team: 'a' } } });
    for (const one of ['a', 'b', 'c'])
      await admin.create('core/configmaps', { metadata: { namespace: name, name: one } });
  }
  const ends = (await admin.get('core/namespaces', { name: 'ends' })) as ApiObject;
  await admin.call('PUT', FINALIZE('ends'), { body: { ...ends, spec: { finalizers: ['kubernetes', HOLD] } } });
  await admin.delete('core/namespaces', { name: 'ends' });
});
afterAll(() => world?.stop());

async function said(method: 'DELETE' | 'PUT' | 'PATCH', path: string, body?: object) {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const answer = await thief.call(method, path, body === undefined ? {} : { body, contentType });
  return { status: answer.status, message: (answer.body as { message?: string }).message ?? '' };
}
const live = (name: string) => world.admin.get('core/namespaces', { name });
const refused = (message: string) => ({ status: 403, message: expect.stringContaining(message) });
const OUTSIDE = 'namespace deletes only what is in a namespace that is being deleted itself';

describe('a stolen certificate of the namespace controller', () => {
  test.each([
    ['an object of a namespace that stays', '/api/v1/namespaces/stays/configmaps/a'],
    ['all objects of a namespace that stays', '/api/v1/namespaces/stays/configmaps'],
    ['a namespace', '/api/v1/namespaces/stays'],
    ['what is in no namespace', '/apis/rbac.authorization.k8s.io/v1/clusterroles/view'],
  ])('does not delete %s', async (_, path) => {
    expect(await said('DELETE', path)).toEqual(refused(OUTSIDE));
    expect(await world.admin.list('core/configmaps', { namespace: 'stays' })).toHaveLength(3);
  });

  test('does not let a namespace go that stays', async () => {
    const stays = await live('stays');
    const body = { ...stays, spec: { finalizers: [] } };
    expect(await said('PUT', FINALIZE('stays'), body)).toEqual(
      refused('lets go only a namespace that is being deleted'),
    );
  });

  test('reports on no namespace that stays', async () => {
    const body = { status: { conditions: [{ type: 'T', status: 'True', reason: 'R', message: 'm' }] } };
    expect(await said('PATCH', '/api/v1/namespaces/stays/status', body)).toEqual(
      refused('reports only on a namespace that is being deleted'),
    );
  });

  test('takes no finalizer of others, and no labels, from one that ends', async () => {
    const ends = await live('ends');
    expect(await said('PUT', FINALIZE('ends'), { ...ends, spec: { finalizers: [] } })).toEqual(
      refused('takes the finalizer kubernetes and no other'),
    );
    const { labels: _, ...metadata } = ends?.metadata ?? {};
    expect(await said('PUT', FINALIZE('ends'), { ...ends, metadata, spec: { finalizers: [HOLD] } })).toEqual(
      refused('changes nothing else of a namespace'),
    );
  });

  test('does its job in one that ends', async () => {
    const condition = { type: 'NamespaceContentRemaining', status: 'True', reason: 'R', message: 'm' };
    const status = { conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] };
    expect((await said('PATCH', '/api/v1/namespaces/ends/status', { status })).status).toBe(200);
    expect((await said('DELETE', '/api/v1/namespaces/ends/configmaps/a')).status).toBe(200);
    expect((await said('DELETE', '/api/v1/namespaces/ends/configmaps')).status).toBe(200);
    expect(await world.admin.list('core/configmaps', { namespace: 'ends' })).toEqual([]);
    const ends = await live('ends');
    expect((await said('PUT', FINALIZE('ends'), { ...ends, spec: { finalizers: [HOLD] } })).status).toBe(200);
    expect((await live('ends'))?.spec?.finalizers).toEqual([HOLD]);
  });
});
