/** The garbage collector's certificate used beside it: with every right there is, it still can only collect. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiObject, pathOf } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

let world: IdentityCluster;
let thief: Admin;
let owner: ApiObject;

const at = (name: string, subresource?: string): string =>
  pathOf('core/configmaps', { namespace: 'default', name, ...(subresource !== undefined && { subresource }) });
const reference = (more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: 'owner',
  uid: owner.metadata?.uid,
  blockOwnerDeletion: true,
  ...more,
});

interface Said {
  readonly status: number;
  readonly message: string;
}

async function send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body: object = {}): Promise<Said> {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const answer = await thief.call(method, path, { body, contentType });
  return { status: answer.status, message: (answer.body as { message?: string }).message ?? '' };
}
const patch = (name: string, metadata: object, more: object = {}): Promise<Said> =>
  send('PATCH', at(name), { metadata, ...more });
const refused = (text: string): object => ({
  status: 403,
  message: expect.stringMatching(new RegExp(`ValidatingAdmissionPolicy '[a-z-]+\\.comptroller\\.dev'.*${text}`)),
});

async function make(name: string, metadata: object = {}): Promise<void> {
  await world.admin.create('core/configmaps', {
    metadata: { namespace: 'default', name, labels: { app: 'x' }, ...metadata },
    data: { a: '1' },
  });
}

beforeAll(async () => {
  world = await identityCluster();
  thief = await world.as('garbage-collector');
  await world.openRights();
  await make('owner');
  owner = (await world.admin.get('core/configmaps', { namespace: 'default', name: 'owner' })) as ApiObject;
});
afterAll(() => world?.stop());

test('deletes what names an owner, and nothing else', async () => {
  await make('owned', { ownerReferences: [reference()] });
  await make('free');
  expect(await send('DELETE', at('free'))).toEqual(refused('deletes only objects that name an owner'));
  await world.admin.create('core/namespaces', { metadata: { name: 'shop' } });
  expect(await send('DELETE', pathOf('core/namespaces', { name: 'shop' }))).toEqual(
    refused('deletes only objects that name an owner'),
  );
  expect(await send('DELETE', at('owned'))).toMatchObject({ status: 200 });
});

test('makes nothing, and touches no subresource', async () => {
  expect(
    await send('POST', pathOf('core/configmaps', { namespace: 'default' }), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'made' },
    }),
  ).toEqual(refused('does not declare CREATE configmaps'));
  const status = pathOf('core/namespaces', { name: 'default', subresource: 'status' });
  expect(await send('PATCH', status, { metadata: { labels: { a: 'b' } } })).toEqual(
    refused('does not declare UPDATE namespaces/status'),
  );
});

test('takes references off or unblocks them, and gives none', async () => {
  await make('kept', { ownerReferences: [reference(), reference({ name: 'other', uid: 'another-uid' })] });
  const unblocked = reference({ blockOwnerDeletion: false });
  const other = reference({ name: 'other', uid: 'another-uid' });
  expect(await patch('kept', { ownerReferences: [reference({ name: 'renamed' }), other] })).toEqual(
    refused('adds none'),
  );
  expect(await patch('kept', { ownerReferences: [reference({ controller: true }), other] })).toEqual(
    refused('adds none'),
  );
  expect(await patch('kept', { ownerReferences: [unblocked, other] })).toMatchObject({ status: 200 });
  expect(await patch('kept', { ownerReferences: [reference(), other] })).toEqual(refused('adds none'));
  expect(await patch('kept', { ownerReferences: [unblocked] })).toMatchObject({ status: 200 });
  expect(await patch('kept', { ownerReferences: null })).toMatchObject({ status: 200 });
  expect(await patch('kept', { ownerReferences: [unblocked] })).toEqual(refused('adds none'));
});

test.each<[string, object, object]>([
  ['a label', { labels: { app: 'y' } }, {}],
  ['all labels', { labels: null }, {}],
  ['an annotation', { annotations: { a: 'b' } }, {}],
  ['data', {}, { data: { a: '2' } }],
  ['all data', {}, { data: null }],
  ['a new member', {}, { binaryData: { b: 'MQ==' } }],
])('changes nothing else: %s', async (_, metadata, more) => {
  expect(await patch('owner', metadata, more)).toEqual(refused('nothing of an object but its owner references'));
});

test('takes only its own finalizers off, of what ends', async () => {
  const finalizers = ['example.com/hold'];
  await make('stays', { finalizers: [...finalizers, 'orphan'] });
  expect(await patch('stays', { finalizers })).toEqual(refused('only its own finalizers off'));
  expect(await patch('stays', { finalizers: [...finalizers, 'orphan', 'example.com/more'] })).toEqual(
    refused('only its own finalizers off'),
  );
  await world.admin.delete('core/configmaps', { namespace: 'default', name: 'stays' }, { propagationPolicy: 'Orphan' });
  expect(await patch('stays', { finalizers: ['orphan'] })).toEqual(refused('only its own finalizers off'));
  expect(await patch('stays', { finalizers })).toMatchObject({ status: 200 });
  await world.admin.patch(
    'core/configmaps',
    { namespace: 'default', name: 'stays' },
    { metadata: { finalizers: null } },
  );
});

test('writes Events as itself only', async () => {
  const event = (component: string): object => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `e-${component}` },
    involvedObject: { kind: 'ConfigMap', namespace: 'default', name: 'owner' },
    reason: 'R',
    type: 'Warning',
    message: 'm',
    source: { component },
  });
  const events = pathOf('core/events', { namespace: 'default' });
  expect(await send('POST', events, event('kubelet'))).toEqual(refused('writes Events as itself'));
  expect(await send('POST', events, event('garbage-collector-controller'))).toMatchObject({ status: 201 });
  const own = pathOf('core/events', { namespace: 'default', name: 'e-garbage-collector-controller' });
  expect(await send('PATCH', own, { count: 2 })).toMatchObject({ status: 200 });
  expect(await send('PATCH', own, { reason: 'Other' })).toEqual(refused('changes nothing else'));
});
