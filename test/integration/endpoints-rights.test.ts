/** What the certificates of endpointslice and endpoints are good for beside Comptroller: their job and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { pathOf } from '#core/resource.ts';
import { renderManifests } from '#identity/manifests.ts';
import type { Manifest, PolicyRule } from '#identity/manifests-parts/kubernetes.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

let world: IdentityCluster;
let slices: Admin;
let legacy: Admin;
let uid: string;

beforeAll(async () => {
  world = await identityCluster();
  slices = await world.as('endpointslice');
  legacy = await world.as('endpoints');
  const spec = { selector: { app: 'web' }, ports: [{ port: 80 }] };
  const made = await world.admin.create('core/services', { metadata: { name: 'web' }, spec }, { namespace: 'default' });
  uid = made.metadata?.uid ?? '';
});
afterAll(() => world?.stop());

const KEPT = { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' };
const pod = (namespace = 'default', kind = 'Pod'): object => ({ kind, namespace, name: 'web-1', uid: 'x' });
const owner = (more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  name: 'web',
  uid,
  controller: true,
  blockOwnerDeletion: true,
  ...more,
});

function sliceOf(name: string, metadata: object = {}, targetRef: object | null = pod()): ApiObject {
  const labels = { ...KEPT, 'kubernetes.io/service-name': 'web' };
  const endpoint = { addresses: ['10.0.0.1'], ...(targetRef !== null && { targetRef }) };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels, ownerReferences: [owner()], ...metadata },
    addressType: 'IPv4',
    endpoints: [endpoint],
  } as ApiObject;
}

function endpointsOf(name: string, metadata: object = {}, address: object = { targetRef: pod() }): ApiObject {
  const labels = { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, labels, ...metadata },
    subsets: [{ addresses: [{ ip: '10.0.0.1', ...address }], ports: [{ port: 80 }] }],
  } as ApiObject;
}

interface Answer {
  readonly status: number;
  readonly message: string;
}

const resourceOf = (object: ApiObject): Resource =>
  object.kind === 'Endpoints' ? 'core/endpoints' : 'discovery.k8s.io/endpointslices';

async function make(as: Admin, object: ApiObject): Promise<Answer> {
  const path = pathOf(resourceOf(object), { namespace: 'default' });
  const { status, body } = await as.call('POST', path, { body: object });
  return { status, message: (body as { message?: string }).message ?? '' };
}

async function change(as: Admin, object: ApiObject, patch: object): Promise<Answer> {
  const path = pathOf(resourceOf(object), { namespace: 'default', name: object.metadata?.name ?? '' });
  const { status, body } = await as.call('PATCH', path, { body: patch, contentType: 'application/merge-patch+json' });
  return { status, message: (body as { message?: string }).message ?? '' };
}

async function remove(as: Admin, resource: Resource, name: string, namespace = 'default'): Promise<Answer> {
  const { status, body } = await as.call('DELETE', pathOf(resource, { namespace, name }));
  return { status, message: (body as { message?: string }).message ?? '' };
}

const refused = (why: RegExp): object => ({ status: 403, message: expect.stringMatching(why) });

describe('endpointslice', () => {
  it('makes, changes and deletes a slice of a Service', async () => {
    const mine = sliceOf('mine');
    expect(await make(slices, mine)).toMatchObject({ status: 201 });
    expect(await change(slices, mine, { endpoints: [] })).toMatchObject({ status: 200 });
    expect(await remove(slices, 'discovery.k8s.io/endpointslices', 'mine')).toMatchObject({ status: 200 });
  });

  it.each<[string, () => ApiObject, RegExp]>([
    ['without an owner', () => sliceOf('x', { ownerReferences: [] }), /only for one v1 Service/],
    [
      'of another kind of owner',
      () => sliceOf('x', { ownerReferences: [owner({ kind: 'Node', blockOwnerDeletion: false })] }),
      /only for one v1 Service/,
    ],
    [
      'for a Service of another name',
      () => sliceOf('x', { labels: { ...KEPT, 'kubernetes.io/service-name': 'bank' } }),
      /only for one v1 Service/,
    ],
    ['that another keeps', () => sliceOf('x', { labels: { 'kubernetes.io/service-name': 'web' } }), /it keeps them/],
    ['with a pod of another namespace', () => sliceOf('x', {}, pod('kube-system')), /only to pods/],
    ['with something else than a pod', () => sliceOf('x', {}, pod('default', 'Node')), /only to pods/],
    ['with an address of nobody', () => sliceOf('x', {}, null), /only to pods/],
  ])('makes no slice %s', async (_, object, why) => {
    expect(await make(slices, object())).toMatchObject(refused(why));
  });

  it('touches no slice that another keeps', async () => {
    const others = sliceOf('others', { labels: { 'kubernetes.io/service-name': 'web' } });
    await world.admin.create('discovery.k8s.io/endpointslices', others, { namespace: 'default' });
    expect(await change(slices, others, { metadata: { labels: KEPT } })).toMatchObject(refused(/that it keeps/));
    expect(await remove(slices, 'discovery.k8s.io/endpointslices', 'others')).toMatchObject(refused(/that it keeps/));
  });

  it('gives no slice away', async () => {
    const mine = sliceOf('given');
    expect(await make(slices, mine)).toMatchObject({ status: 201 });
    const labels = { 'kubernetes.io/service-name': 'bank' };
    expect(await change(slices, mine, { metadata: { labels } })).toMatchObject(refused(/whose they are/));
    expect(await change(slices, mine, { metadata: { ownerReferences: [] } })).toMatchObject(refused(/whose they are/));
  });

  it('requires services/finalizers: without it no slice with blockOwnerDeletion can be made', async () => {
    const files = renderManifests(CONTROLLERS, { mode: 'comptroller', generations: new Map() });
    const role = files
      .flatMap(({ objects }) => objects)
      .find(
        ({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'comptroller:endpointslice',
      ) as Manifest & {
      rules: PolicyRule[];
    };
    const rules = role.rules.filter(({ resources }) => !resources.includes('services/finalizers'));
    expect(rules.length).toBe(role.rules.length - 1);
    await world.admin.apply('rbac.authorization.k8s.io/clusterroles', { ...role, rules } as object);
    let nth = 0;
    const attempt = () => make(slices, sliceOf(`blocking-${++nth}`));
    await expect.poll(async () => (await attempt()).status, { timeout: 10_000 }).toBe(403);
    expect((await attempt()).message).toMatch(/blockOwnerDeletion/);
    await world.admin.apply('rbac.authorization.k8s.io/clusterroles', role as object);
    await expect.poll(async () => (await attempt()).status, { timeout: 10_000 }).toBe(201);
  });
});

describe('endpoints', () => {
  it('makes, changes and deletes Endpoints', async () => {
    const mine = endpointsOf('web');
    expect(await make(legacy, mine)).toMatchObject({ status: 201 });
    expect(await change(legacy, mine, { subsets: [] })).toMatchObject({ status: 200 });
    expect(await remove(legacy, 'core/endpoints', 'web')).toMatchObject({ status: 200 });
  });

  it.each<[string, () => ApiObject, RegExp]>([
    ['that another keeps', () => endpointsOf('x', { labels: {} }), /it keeps them/],
    ['with a pod of another namespace', () => endpointsOf('x', {}, { targetRef: pod('kube-system') }), /only to pods/],
    ['with an address of nobody', () => endpointsOf('x', {}, {}), /only to pods/],
    [
      'with an owner',
      () => endpointsOf('x', { ownerReferences: [owner({ blockOwnerDeletion: false })] }),
      /owners or finalizers/,
    ],
  ])('makes none %s', async (_, object, why) => {
    expect(await make(legacy, object())).toMatchObject(refused(why));
  });

  it("touches neither the API server's own nor a leader election", async () => {
    const annotations = { 'control-plane.alpha.kubernetes.io/leader': '{}' };
    await world.admin.create('core/endpoints', { metadata: { name: 'lock', annotations } }, { namespace: 'default' });
    expect(await remove(legacy, 'core/endpoints', 'lock')).toMatchObject(refused(/leader elections/));
    await world.admin.create('core/endpoints', { metadata: { name: 'kubernetes' } }, { namespace: 'default' });
    expect(await remove(legacy, 'core/endpoints', 'kubernetes')).toMatchObject(refused(/API server's own/));
    const subsets = {
      metadata: { labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } },
      subsets: [],
    };
    expect(await change(legacy, endpointsOf('kubernetes'), subsets)).toMatchObject(refused(/API server's own/));
  });
});
