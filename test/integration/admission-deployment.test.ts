/** What the API server refuses to who holds the certificate of `deployment` and RBAC that is opened wide. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApiObject } from '#core/resource.ts';
import { pathOf } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

let world: IdentityCluster;
let thief: Admin;
let owner: { name: string; uid: string };
const namespace = 'default';
const ROLLBACK = 'deprecated.deployment.rollback.to';
const sets = pathOf('apps/replicasets', { namespace });
const setPath = (name: string): string => pathOf('apps/replicasets', { namespace, name });
const webPath = pathOf('apps/deployments', { namespace, name: 'web' });

const template = (labels: object): object => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause' }] },
});
const hashed = { app: 'web', 'pod-template-hash': 'x' };
const reference = (more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  ...owner,
  controller: true,
  blockOwnerDeletion: true,
  ...more,
});
const replicaSet = (name: string, ownerReferences?: object[], replicas = 0, labels: object = hashed): ApiObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, labels, ...(ownerReferences && { ownerReferences }) },
    spec: { replicas, selector: { matchLabels: labels }, template: template(labels) },
  }) as ApiObject;

async function send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<object> {
  const merge = method === 'PATCH' && { contentType: 'application/merge-patch+json' };
  const answer = await thief.call(method, path, { ...(body && { body }), ...merge });
  return { status: answer.status, message: (answer.body as { message?: string }).message ?? '' };
}

const refused = (text: RegExp): object => ({
  status: 403,
  message: expect.stringMatching(new RegExp(`ValidatingAdmissionPolicy.*denied request: .*${text.source}`)),
});
const ok = { status: 200 };

beforeAll(async () => {
  world = await identityCluster();
  thief = await world.as('deployment');
  await world.openRights();
  const made = await world.admin.create('apps/deployments', {
    metadata: { namespace, name: 'web' },
    spec: { replicas: 0, selector: { matchLabels: { app: 'web' } }, template: template({ app: 'web' }) },
  });
  owner = { name: 'web', uid: made.metadata?.uid ?? '' };
});
afterAll(() => world?.stop());

it('does its own work: makes, scales, annotates, releases, adopts and deletes a ReplicaSet', async () => {
  expect(await send('POST', sets, replicaSet('mine', [reference()]))).toMatchObject({ status: 201 });
  const path = setPath('mine');
  expect(await send('PATCH', path, { spec: { replicas: 2 }, metadata: { annotations: { a: 'b' } } })).toMatchObject(ok);
  expect(await send('DELETE', path)).toMatchObject(refused(/deletes only ReplicaSets without pods/));
  expect(await send('PATCH', path, { spec: { replicas: 0, minReadySeconds: 3 } })).toMatchObject(ok);
  expect(await send('PATCH', path, { metadata: { ownerReferences: null } })).toMatchObject(ok);
  expect(await send('PATCH', path, { spec: { replicas: 1 } })).toMatchObject(refused(/scales only ReplicaSets/));
  expect(await send('PATCH', path, { metadata: { ownerReferences: [reference()] } })).toMatchObject(ok);
  expect(await send('DELETE', path)).toMatchObject(ok);
});

it.each([
  ['no owner', (name: string) => replicaSet(name)],
  ['an owner of another kind', (name: string) => replicaSet(name, [reference({ kind: 'StatefulSet' })])],
  ['an owner that does not control', (name: string) => replicaSet(name, [reference({ controller: false })])],
  ['no hash', (name: string) => replicaSet(name, [reference()], 0, { app: 'web' })],
])('makes no ReplicaSet with %s', async (_, build) => {
  expect(await send('POST', sets, build('odd'))).toMatchObject(
    refused(/(creates ReplicaSets only with exactly one owner|labels ReplicaSets and their pods)/),
  );
});

it.each([
  ['the template', { spec: { template: { spec: { hostNetwork: true } } } }],
  ['labels', { metadata: { labels: { tier: 'trusted' } } }],
  ['finalizers', { metadata: { finalizers: ['example.com/stay'] } }],
])('changes not %s of a ReplicaSet', async (what, patch) => {
  const name = `kept-${what.split(' ').at(-1)}`;
  await world.admin.create('apps/replicasets', replicaSet(name, [reference()]), { namespace });
  expect(await send('PATCH', setPath(name), patch)).toMatchObject(refused(/changes of a ReplicaSet only its size/));
});

it("takes no ReplicaSet of another kind's, and deletes none that is nobody's", async () => {
  const uid = '33333333-3333-4333-8333-333333333333';
  const foreign = reference({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'r', uid });
  await world.admin.create('apps/replicasets', replicaSet('theirs', [foreign]), { namespace });
  await world.admin.create('apps/replicasets', replicaSet('free'), { namespace });
  expect(await send('PATCH', setPath('theirs'), { metadata: { ownerReferences: [reference()] } })).toMatchObject(
    refused(/leaves the owner references of others alone/),
  );
  expect(await send('DELETE', setPath('theirs'))).toMatchObject(refused(/deletes only ReplicaSets/));
  expect(await send('DELETE', setPath('free'))).toMatchObject(refused(/deletes only ReplicaSets/));
});

it('changes a Deployment by a rollback that was asked for, and nothing else of it', async () => {
  const rolledBack = { spec: { template: { spec: { terminationGracePeriodSeconds: 5 } } } };
  const unasked = { metadata: { annotations: { [ROLLBACK]: null } } };
  expect(await send('PATCH', webPath, rolledBack)).toMatchObject(refused(/only by a rollback that was asked for/));
  await world.admin.patch(
    'apps/deployments',
    { namespace, name: 'web' },
    { metadata: { annotations: { [ROLLBACK]: '1' } } },
  );
  expect(await send('PATCH', webPath, rolledBack)).toMatchObject(refused(/only by a rollback that was asked for/));
  expect(await send('PATCH', webPath, { ...unasked, spec: { replicas: 5 } })).toMatchObject(
    refused(/nothing else of it/),
  );
  expect(await send('PATCH', webPath, { ...unasked, ...rolledBack })).toMatchObject(ok);
});

it('reports the status and the revision, and no other annotation', async () => {
  const path = `${webPath}/status`;
  const revised = { metadata: { annotations: { 'deployment.kubernetes.io/revision': '3' } }, status: { replicas: 0 } };
  expect(await send('PATCH', path, revised)).toMatchObject(ok);
  expect(await send('PATCH', path, { metadata: { annotations: { note: 'x' } } })).toMatchObject(
    refused(/its status and its revision, nothing else/),
  );
  expect(await send('PATCH', path, { metadata: { finalizers: ['example.com/stay'] } })).toMatchObject(
    refused(/its status and its revision, nothing else/),
  );
});
