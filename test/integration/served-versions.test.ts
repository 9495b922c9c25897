/**
 * An API server that serves a resource in another version than the one this was built with: what lies there is seen, ends
 * with its owner, and holds its namespace until it is gone.
 */
import { beforeAll, expect, test } from 'vitest';
import type { ApiObject, Resource } from '#core/resource.ts';
import { newNamespace, withManager } from '#kit/manager.ts';

const world = withManager({ nodes: 1, runtimeConfig: 'coordination.k8s.io/v1alpha2=true' });
/** Built with v1beta1. */
const CANDIDATES: Resource = 'coordination.k8s.io/leasecandidates@v1alpha2,LeaseCandidate,namespaced';
const NAMESPACE = 'older';

const candidate = (name: string, more: object = {}) => ({
  metadata: { namespace: NAMESPACE, name, ...more },
  spec: {
    leaseName: 'nobodys',
    binaryVersion: '1.37.0',
    emulationVersion: '1.37.0',
    strategy: 'OldestEmulationVersion',
  },
});
const make = (name: string, more: object = {}): Promise<ApiObject> =>
  world.admin.create(CANDIDATES, candidate(name, more)) as Promise<ApiObject>;
const gone = (resource: Resource, name: string, why: string): Promise<unknown> =>
  world.admin.waitFor(resource, { namespace: NAMESPACE, name }, (found) => found === undefined, { why });

beforeAll(() => newNamespace(world.admin, NAMESPACE));

test('the API server serves it in that version alone', async () => {
  const served = async (version: string) => {
    const { status, body } = await world.admin.call('GET', `/apis/coordination.k8s.io/${version}`);
    const { resources = [] } = body as { resources?: readonly { name: string }[] };
    return status === 200 && resources.some(({ name }) => name === 'leasecandidates');
  };
  expect([await served('v1alpha2'), await served('v1beta1')]).toEqual([true, false]);
});

test('goes with its owner', async () => {
  const { admin } = world;
  const owner = await admin.create('core/configmaps', { metadata: { namespace: NAMESPACE, name: 'owner' } });
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata?.uid };
  await make('owned', { ownerReferences: [reference] });
  await admin.delete('core/configmaps', { namespace: NAMESPACE, name: 'owner' });
  await gone(CANDIDATES, 'owned', 'what it owned to be gone');
});

test('owns, and is waited for in the foreground', async () => {
  const { admin } = world;
  const owner = await make('owner');
  const reference = {
    apiVersion: 'coordination.k8s.io/v1alpha2',
    kind: 'LeaseCandidate',
    name: 'owner',
    uid: owner.metadata?.uid,
    blockOwnerDeletion: true,
  };
  await admin.create('core/configmaps', {
    metadata: { namespace: NAMESPACE, name: 'below', ownerReferences: [reference], finalizers: ['example.com/hold'] },
  });
  await admin.delete(CANDIDATES, { namespace: NAMESPACE, name: 'owner' }, { propagationPolicy: 'Foreground' });
  await admin.waitFor(
    'core/configmaps',
    { namespace: NAMESPACE, name: 'below' },
    (found) => found?.metadata?.deletionTimestamp !== undefined,
    { why: 'what it owns to be ending' },
  );
  expect((await admin.get(CANDIDATES, { namespace: NAMESPACE, name: 'owner' }))?.metadata?.finalizers).toEqual([
    'foregroundDeletion',
  ]);
  await admin.patch('core/configmaps', { namespace: NAMESPACE, name: 'below' }, { metadata: { finalizers: null } });
  await gone(CANDIDATES, 'owner', 'the owner to be gone');
});

test('holds its namespace until it is gone, and is not there in the next of that name', async () => {
  const { admin } = world;
  await make('last', { finalizers: ['example.com/hold'] });
  await admin.delete('core/namespaces', { name: NAMESPACE });
  await admin.waitFor(
    'core/namespaces',
    { name: NAMESPACE },
    (found) => {
      const { conditions = [] } = (found?.status ?? {}) as { conditions?: readonly { message?: string }[] };
      return conditions.some(({ message }) => message?.includes('leasecandidates.coordination.k8s.io') === true);
    },
    { timeout: 60_000, why: 'the namespace to say what remains' },
  );
  await admin.patch(CANDIDATES, { namespace: NAMESPACE, name: 'last' }, { metadata: { finalizers: null } });
  await admin.waitFor('core/namespaces', { name: NAMESPACE }, (found) => found === undefined, {
    timeout: 60_000,
    why: 'the namespace to be gone',
  });
  await newNamespace(admin, NAMESPACE);
  expect(await admin.list(CANDIDATES, { namespace: NAMESPACE })).toEqual([]);
});
