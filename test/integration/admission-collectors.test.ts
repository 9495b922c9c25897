/**
 * What stolen certificates of the controllers that delete and aggregate could do, with RBAC opened wide: the admission
 * policies behind the gate refuse all but the job.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pathOf, type Resource } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

const ROLES = 'rbac.authorization.k8s.io/clusterroles';
let world: IdentityCluster;
let clients: ReadonlyMap<string, Admin>;
const spec = { containers: [{ name: 'c', image: 'i' }], schedulerName: 'nobody' };
const at = (name: string) => ({ namespace: 'default', name });

interface Said {
  readonly status: number;
  readonly message: string;
}
async function send(as: string, method: 'PATCH' | 'DELETE', path: string, body: object = {}): Promise<Said> {
  const contentType = 'application/merge-patch+json';
  const answer = await clients.get(as)?.call(method, path, { body, ...(method === 'PATCH' && { contentType }) });
  return { status: answer?.status ?? 0, message: (answer?.body as { message?: string })?.message ?? '' };
}
const remove = (as: string, resource: Resource, name: string): Promise<Said> =>
  send(as, 'DELETE', pathOf(resource, at(name)));
const patch = (as: string, resource: Resource, name: string, body: object, subresource?: string): Promise<Said> =>
  send(as, 'PATCH', pathOf(resource, { ...at(name), ...(subresource !== undefined && { subresource }) }), body);
const refused = (text: string): object => ({ status: 403, message: expect.stringContaining(text) });

beforeAll(async () => {
  world = await identityCluster();
  const names = ['clusterrole-aggregation', 'pod-garbage-collector', 'ttl-after-finished'];
  clients = new Map(await Promise.all(names.map(async (name) => [name, await world.as(name)] as const)));
  const { admin } = world;
  await world.openRights();
  await admin.create('core/serviceaccounts', { metadata: { name: 'default' } }, { namespace: 'default' });
  for (const name of ['runs', 'ends']) await admin.create('core/pods', { metadata: at(name), spec });
  for (const name of ['runs', 'kept'])
    await admin.create('batch/jobs', {
      metadata: at(name),
      spec: {
        template: { spec: { ...spec, restartPolicy: 'Never' } },
        ...(name === 'runs' && { ttlSecondsAfterFinished: 0 }),
      },
    });
  await admin.create(ROLES, { metadata: { name: 'plain' }, rules: [] });
  await admin.create(ROLES, {
    metadata: { name: 'sum' },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { none: 'x' } }] },
  });
});
afterAll(() => world?.stop());

test('ttl-after-finished deletes no Job that runs, or that has no TTL', async () => {
  const text = 'ttl-after-finished deletes only finished Jobs that have a TTL';
  for (const name of ['runs', 'kept'])
    expect(await remove('ttl-after-finished', 'batch/jobs', name)).toEqual(refused(text));
});

test('clusterrole-aggregation writes only the rules of aggregated ClusterRoles', async () => {
  const as = 'clusterrole-aggregation';
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  expect(await patch(as, ROLES, 'plain', { rules })).toEqual(
    refused('writes only ClusterRoles with an aggregation rule'),
  );
  const others = [
    { metadata: { labels: { a: 'b' } } },
    { aggregationRule: { clusterRoleSelectors: [{}] } },
    { aggregationRule: null },
  ];
  for (const other of others)
    expect(await patch(as, ROLES, 'sum', other)).toEqual(refused('changes nothing of a ClusterRole but its rules'));
  expect((await patch(as, ROLES, 'sum', { rules })).status).toBe(200);
});

test('pod-garbage-collector deletes only what ended, and marks pods as failed and nothing else', async () => {
  const as = 'pod-garbage-collector';
  expect(await remove(as, 'core/pods', 'runs')).toEqual(refused('deletes only pods that ended'));
  const text = 'marks pods as failed, and changes nothing else';
  for (const status of [{ phase: 'Running' }, { phase: 'Failed', podIPs: [{ ip: '10.0.0.1' }] }])
    expect(await patch(as, 'core/pods', 'ends', { status }, 'status')).toEqual(refused(text));
  const labels = { metadata: { labels: { a: 'b' } }, status: { phase: 'Failed' } };
  expect((await patch(as, 'core/pods', 'ends', labels, 'status')).status).toBe(403);
  expect((await patch(as, 'core/pods', 'ends', { status: { phase: 'Failed' } }, 'status')).status).toBe(200);
  expect((await remove(as, 'core/pods', 'ends')).status).toBe(200);
});
