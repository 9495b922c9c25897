import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiObject, Resource } from '#core/resource.ts';
import { pathOf } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

/**
 * What stands in the API server behind the gate: a certificate that is used beside Comptroller can do its controller's
 * job and nothing else. RBAC is opened wide here, so that what refuses is the admission policy.
 */
let world: IdentityCluster;
let replicaset: Admin;
let serviceaccount: Admin;
let rootCa: Admin;
let reader: Admin;
let leader: Admin;
let owner: { name: string; uid: string };

beforeAll(async () => {
  world = await identityCluster();
  replicaset = await world.as('replicaset');
  serviceaccount = await world.as('serviceaccount');
  rootCa = await world.as('root-ca-certificate-publisher');
  reader = await world.as('reader');
  leader = await world.as('leader');
  await world.openRights();
  await world.admin.create('core/serviceaccounts', { metadata: { name: 'default' } }, { namespace: 'default' });
  const made = await world.admin.create('apps/replicasets', replicaSet('web'), { namespace: 'default' });
  owner = { name: 'web', uid: made.metadata?.uid ?? '' };
});
afterAll(() => world?.stop());

const spec = { containers: [{ name: 'c', image: 'registry.k8s.io/pause' }] };
const replicaSet = (name: string): object => ({
  metadata: { name },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec },
  },
});
const configMap = (name: string): ApiObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
const event = (name: string, component: string, kind = 'ReplicaSet'): ApiObject =>
  ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: { kind, namespace: 'default', name: 'web' },
    reason: 'R',
    type: 'Warning',
    message: 'm',
    source: { component },
  }) as ApiObject;
const reference = (more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  ...owner,
  controller: true,
  blockOwnerDeletion: true,
  ...more,
});
const pod = (name: string, ownerReferences?: object[]): ApiObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' }, ...(ownerReferences !== undefined && { ownerReferences }) },
    spec,
  }) as ApiObject;

interface Said {
  readonly status: number;
  readonly message: string;
}
type Body = ApiObject & { message?: string };

async function send(
  as: Admin,
  method: 'POST' | 'PATCH' | 'DELETE' | 'PUT',
  path: string,
  body?: object,
  contentType?: string,
): Promise<Said> {
  const answer = await as.call(method, path, {
    ...(body !== undefined && { body }),
    ...(contentType !== undefined && { contentType }),
  });
  return { status: answer.status, message: (answer.body as Body).message ?? '' };
}
const make = (as: Admin, object: ApiObject, namespace = 'default'): Promise<Said> =>
  send(as, 'POST', pathOf(`core/${object.kind?.toLowerCase()}s` as Resource, { namespace }), object);
const merge = (as: Admin, path: string, patch: object): Promise<Said> =>
  send(as, 'PATCH', path, patch, 'application/merge-patch+json');
const podPath = (name: string): string => pathOf('core/pods', { namespace: 'default', name });
const denied = (by: string, text: RegExp): object => ({
  status: 403,
  message: expect.stringMatching(
    new RegExp(`ValidatingAdmissionPolicy '${by}\\.comptroller\\.dev'.*denied request: .*${text.source}`),
  ),
});

describe('replicaset', () => {
  it('creates a pod that its ReplicaSet controls, releases it, and deletes it', async () => {
    expect(await make(replicaset, pod('mine', [reference()]))).toMatchObject({ status: 201 });
    expect(await merge(replicaset, podPath('mine'), { metadata: { ownerReferences: null } })).toMatchObject({
      status: 200,
    });
    expect(await merge(replicaset, podPath('mine'), { metadata: { ownerReferences: [reference()] } })).toMatchObject({
      status: 200,
    });
    expect(await send(replicaset, 'DELETE', podPath('mine'))).toMatchObject({ status: 200 });
  });

  it.each([
    ['no owner', undefined],
    ['an owner that does not control', [{ controller: false }]],
    ['an owner of another kind', [{ apiVersion: 'apps/v1', kind: 'StatefulSet' }]],
    ['an owner of another group', [{ apiVersion: 'example.com/v1' }]],
    ['two owners', [{}, { uid: '00000000-0000-0000-0000-000000000000', controller: false, blockOwnerDeletion: false }]],
  ])('cannot create a pod with %s', async (_, owners) => {
    const said = await make(
      replicaset,
      pod(
        'orphan',
        owners?.map((more) => reference(more)),
      ),
    );
    expect(said).toMatchObject(denied('replicaset', /creates pods only with exactly one owner reference/));
  });

  it.each([
    ['an image', { spec: { containers: [{ name: 'c', image: 'example.com/evil' }] } }],
    ['a label', { metadata: { labels: { tier: 'trusted' } } }],
    ['an annotation', { metadata: { annotations: { note: 'x' } } }],
    ['a finalizer', { metadata: { finalizers: ['example.com/stay'] } }],
  ])('cannot change %s of a pod', async (what, patch) => {
    const name = `changed-${what.split(' ')[1]}`;
    const type = 'application/strategic-merge-patch+json';
    await world.admin.create('core/pods', pod(name, [reference()]), { namespace: 'default' });
    expect(await send(replicaset, 'PATCH', podPath(name), patch, type)).toMatchObject(
      denied('replicaset', /changes nothing of a pod but its owner references/),
    );
  });

  it("cannot delete a pod that is nobody's", async () => {
    await world.admin.create('core/pods', pod('foreign'), { namespace: 'default' });
    expect(await send(replicaset, 'DELETE', podPath('foreign'))).toMatchObject(
      denied('replicaset', /deletes only pods that an apps\/v1 ReplicaSet controls/),
    );
    expect(await send(replicaset, 'DELETE', pathOf('core/pods', { namespace: 'default' }))).toMatchObject({
      status: 403,
    });
    expect(await world.admin.get('core/pods', { namespace: 'default', name: 'foreign' })).toBeDefined();
  });

  it('writes the status of a ReplicaSet, never the ReplicaSet', async () => {
    const path = pathOf('apps/replicasets', { namespace: 'default', name: 'web' });
    expect(await merge(replicaset, `${path}/status`, { status: { replicas: 0 } })).toMatchObject({ status: 200 });
    expect(await merge(replicaset, path, { spec: { replicas: 100 } })).toMatchObject(
      denied('fleet', /replicaset does not declare UPDATE apps\/replicasets/),
    );
    expect(await send(replicaset, 'DELETE', path)).toMatchObject(
      denied('fleet', /replicaset does not declare DELETE apps\/replicasets/),
    );
  });

  it("cannot take another controller's pod in two steps: put its own owner there, then delete", async () => {
    const foreign = reference({ kind: 'StatefulSet', name: 'db', uid: '33333333-3333-4333-8333-333333333333' });
    await world.admin.create('core/pods', pod('db-0', [foreign]), { namespace: 'default' });
    expect(await merge(replicaset, podPath('db-0'), { metadata: { ownerReferences: [reference()] } })).toMatchObject(
      denied('replicaset', /leaves the owner references of others alone/),
    );
    await world.admin.create('core/pods', pod('taken', [reference()]), { namespace: 'default' });
    const forged = [reference({ name: 'nope', uid: '44444444-4444-4444-8444-444444444444' })];
    expect(await merge(replicaset, podPath('taken'), { metadata: { ownerReferences: forged } })).toMatchObject(
      denied('replicaset', /adopts only pods that nothing controls/),
    );
  });

  it('changes nothing of a ReplicaSet beside its status', async () => {
    const path = `${pathOf('apps/replicasets', { namespace: 'default', name: 'web' })}/status`;
    for (const metadata of [
      { labels: { app: 'stray' } },
      { annotations: { a: 'b' } },
      { finalizers: ['example.com/stay'] },
    ]) {
      expect(await merge(replicaset, path, { metadata })).toMatchObject(
        denied('replicaset-status', /changes nothing of a ReplicaSet but its status/),
      );
    }
  });

  it('writes Events as itself, about ReplicaSets, and rewrites none of others', async () => {
    expect(await make(replicaset, event('own', 'replicaset-controller'))).toMatchObject({ status: 201 });
    expect(await make(replicaset, event('forged', 'kubelet'))).toMatchObject(denied('replicaset-events', /as itself/));
    expect(await make(replicaset, event('astray', 'replicaset-controller', 'Node'))).toMatchObject(
      denied('replicaset-events', /as itself/),
    );
    await world.admin.create('core/events', event('kubelets', 'kubelet'), { namespace: 'default' });
    const at = (name: string): string => pathOf('core/events', { namespace: 'default', name });
    expect(await merge(replicaset, at('own'), { count: 2, message: 'again' })).toMatchObject({ status: 200 });
    expect(await merge(replicaset, at('own'), { type: 'Normal' })).toMatchObject(
      denied('replicaset-events', /counts up its own/),
    );
    expect(await merge(replicaset, at('kubelets'), { message: 'all fine' })).toMatchObject(
      denied('replicaset-events', /counts up its own/),
    );
  });

  it('does not reach what it does not declare', async () => {
    expect(await make(replicaset, configMap('x'))).toMatchObject(
      denied('fleet', /replicaset does not declare CREATE configmaps/),
    );
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'foreign', namespace: 'default' } };
    expect(await send(replicaset, 'POST', `${podPath('foreign')}/eviction`, eviction)).toMatchObject(
      denied('fleet', /CREATE pods\/eviction/),
    );
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'foreign' },
      target: { kind: 'Node', name: 'n' },
    };
    expect(await send(replicaset, 'POST', `${podPath('foreign')}/binding`, binding)).toMatchObject(
      denied('fleet', /CREATE pods\/binding/),
    );
    expect(await send(replicaset, 'PUT', `${podPath('foreign')}/ephemeralcontainers`, pod('foreign'))).toMatchObject({
      status: 403,
    });
  });
});

describe('serviceaccount', () => {
  it('creates default and no other', async () => {
    await world.admin.create('core/namespaces', { metadata: { name: 'fresh' } });
    const account = (name: string, more: object = {}): ApiObject => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name },
      ...more,
    });
    expect(await make(serviceaccount, account('default'), 'fresh')).toMatchObject({ status: 201 });
    // As the mutating admission of others may leave it.
    const touched = {
      metadata: { name: 'default', labels: { team: 'a' } },
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 's' }],
    };
    await world.admin.create('core/namespaces', { metadata: { name: 'touched' } });
    expect(await make(serviceaccount, account('default', touched), 'touched')).toMatchObject({ status: 201 });
    const other = denied('serviceaccount', /only the ServiceAccount default/);
    expect(await make(serviceaccount, account('builder'), 'fresh')).toMatchObject(other);
    for (const more of [
      { secrets: [{ name: 's' }] },
      { automountServiceAccountToken: true },
      { metadata: { name: 'default', annotations: { 'cloud.example.com/role': 'admin' } } },
      { metadata: { name: 'default', finalizers: ['example.com/x'] } },
    ])
      expect(await make(serviceaccount, account('default', more), 'kube-public')).toMatchObject(other);
    const token = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['x'] } };
    const path = `${pathOf('core/serviceaccounts', { namespace: 'fresh', name: 'default' })}/token`;
    expect(await send(serviceaccount, 'POST', path, token)).toMatchObject(
      denied('fleet', /CREATE serviceaccounts\/token/),
    );
  });
});

describe('root-ca-certificate-publisher', () => {
  it.each([
    ['what is no certificate', { data: { 'ca.crt': 'ATTACKER' } }, /one certificate bundle/],
    ['a key beside it', { data: { 'ca.crt': '-----BEGIN CERTIFICATE-----', other: 'x' } }, /one certificate bundle/],
    [
      'a private key',
      { data: { 'ca.crt': '-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----' } },
      /one certificate bundle/,
    ],
    [
      'one that cannot be mended',
      { data: { 'ca.crt': '-----BEGIN CERTIFICATE-----' }, immutable: true },
      /could not mend/,
    ],
  ])('does not publish %s', async (_, more, text) => {
    expect(await make(rootCa, { ...configMap('kube-root-ca.crt'), ...more } as ApiObject, 'kube-public')).toMatchObject(
      denied('root-ca-certificate-publisher', text),
    );
  });

  it('writes kube-root-ca.crt and no other', async () => {
    await world.admin.create('core/configmaps', configMap('settings'), { namespace: 'default' });
    const certificate = '-----BEGIN CERTIFICATE-----';
    const published = { ...configMap('kube-root-ca.crt'), data: { 'ca.crt': certificate } } as ApiObject;
    expect(await make(rootCa, published)).toMatchObject({ status: 201 });
    const at = (name: string): string => pathOf('core/configmaps', { namespace: 'default', name });
    for (const change of [
      { data: { 'ca.crt': `${certificate}x` } },
      { data: { 'ca.crt': `# CN=the cluster\n${certificate}` } },
      // As the mutating admission of others may leave it.
      { data: { 'ca.crt': certificate }, metadata: { labels: { team: 'a' } } },
    ])
      expect(await merge(rootCa, at('kube-root-ca.crt'), change)).toMatchObject({ status: 200 });
    // A label may have other programs read the text: with another one it has to begin as a certificate.
    const words = { data: { 'ca.crt': `# ${certificate}\npackage x` }, metadata: { labels: { read: 'me' } } };
    expect(await merge(rootCa, at('kube-root-ca.crt'), words)).toMatchObject(
      denied('root-ca-certificate-publisher', /nothing else/),
    );
    expect(await merge(rootCa, at('kube-root-ca.crt'), { metadata: { finalizers: ['example.com/x'] } })).toMatchObject(
      denied('root-ca-certificate-publisher', /nothing else/),
    );
    expect(await make(rootCa, configMap('other'))).toMatchObject({ status: 403 });
    expect(await merge(rootCa, at('settings'), { data: { a: 'x' } })).toMatchObject({ status: 403 });
    expect(await send(rootCa, 'DELETE', at('kube-root-ca.crt'))).toMatchObject(denied('fleet', /DELETE configmaps/));
  });
});

describe('reader and leader', () => {
  it('reader never writes', async () => {
    expect(await make(reader, configMap('x'))).toMatchObject(denied('fleet', /reader never writes/));
    expect(await send(reader, 'DELETE', podPath('foreign'))).toMatchObject(denied('fleet', /reader never writes/));
  });

  it('leader writes its one lease', async () => {
    const lease = (name: string): object => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name },
    });
    const path = (namespace: string): string => pathOf('coordination.k8s.io/leases', { namespace });
    expect(await send(leader, 'POST', path('kube-system'), lease('kube-controller-manager'))).toMatchObject({
      status: 201,
    });
    expect(
      await merge(leader, `${path('kube-system')}/kube-controller-manager`, { spec: { holderIdentity: 'x' } }),
    ).toMatchObject({ status: 200 });
    expect(await send(leader, 'POST', path('kube-system'), lease('kube-scheduler-2'))).toMatchObject({ status: 403 });
    expect(await send(leader, 'POST', path('default'), lease('kube-controller-manager'))).toMatchObject({
      status: 403,
    });
    expect(await send(leader, 'DELETE', `${path('kube-system')}/kube-controller-manager`)).toMatchObject(
      denied('fleet', /leader does not declare DELETE/),
    );
  });
});

describe("I14: comptroller's own objects", () => {
  it('no identity writes in its namespace', async () => {
    const own = denied('fleet', /no identity of comptroller writes in comptroller-system/);
    const ca = { ...configMap('kube-root-ca.crt'), data: { 'ca.crt': '-----BEGIN CERTIFICATE-----' } } as ApiObject;
    expect(await make(rootCa, ca, 'comptroller-system')).toMatchObject(own);
    expect(await make(replicaset, pod('x', [reference()]), 'comptroller-system')).toMatchObject({ status: 403 });
  });

  it('breaker writes its one ConfigMap there, Events as itself, and nothing else anywhere', async () => {
    const breaker = await world.as('breaker');
    const state = configMap('comptroller-breaker');
    expect(await make(breaker, state, 'comptroller-system')).toMatchObject({ status: 201 });
    const path = pathOf('core/configmaps', { namespace: 'comptroller-system', name: 'comptroller-breaker' });
    expect(await merge(breaker, path, { data: { 'state.json': '{}' } })).toMatchObject({ status: 200 });
    expect(await make(breaker, event('held', 'breaker-controller'))).toMatchObject({ status: 201 });

    const only = denied(
      'fleet',
      /breaker writes only the ConfigMap comptroller-system\/comptroller-breaker, and Events/,
    );
    expect(await make(breaker, configMap('other'), 'comptroller-system')).toMatchObject(only);
    expect(await make(breaker, configMap('comptroller-breaker'))).toMatchObject(only);
    expect(await send(breaker, 'DELETE', path)).toMatchObject(
      denied('fleet', /breaker does not declare DELETE configmaps/),
    );
    expect(await make(breaker, pod('x'))).toMatchObject(denied('fleet', /breaker does not declare CREATE pods/));
    expect(await make(breaker, event('forged', 'kubelet'))).toMatchObject(
      denied('breaker-events', /breaker writes Events as itself/),
    );
    const others = await Promise.all([replicaset, rootCa].map((client) => merge(client, path, { data: {} })));
    expect(others.map(({ status }) => status)).toEqual([403, 403]);
  });

  it.each(['replicaset', 'leader', 'reader', 'serviceaccount', 'breaker'])(
    '%s cannot widen its own role, nor another',
    async (name) => {
      const client = await world.as(name);
      const role = pathOf('rbac.authorization.k8s.io/clusterroles', { name: 'comptroller:replicaset' });
      expect(await merge(client, role, { rules: [] })).toMatchObject({ status: 403 });
      const schema = pathOf('flowcontrol.apiserver.k8s.io/flowschemas', { name: 'comptroller-leader' });
      expect(await send(client, 'DELETE', schema)).toMatchObject({ status: 403 });
    },
  );
});

describe('everyone else', () => {
  it('is not touched: an administrator does all of it', async () => {
    expect(await make(world.admin, pod('free'))).toMatchObject({ status: 201 });
    expect(await make(world.admin, configMap('kube-root-ca.crt'), 'comptroller-system')).toMatchObject({ status: 201 });
    expect(await merge(world.admin, podPath('free'), { metadata: { labels: { a: 'b' } } })).toMatchObject({
      status: 200,
    });
  });
});

describe('the type checker', () => {
  it('warns about none of the policies, though it would', async () => {
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
    await world.admin.create('admissionregistration.k8s.io/validatingadmissionpolicies', {
      metadata: { name: 'mistaken' },
      spec: {
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression: "object.spec.nodeNames == 'n'" }],
      },
    });
    const manager = await world.cluster.startUpstreamManager([
      '--controllers=validatingadmissionpolicy-status-controller',
    ]);
    try {
      const policies = (await world.admin.waitForAll(
        'admissionregistration.k8s.io/validatingadmissionpolicies',
        {},
        (all) => all.length >= 7 && all.every((policy) => policy.status?.observedGeneration !== undefined),
        { why: 'the type checker to look at each policy', timeout: 60_000 },
      )) as readonly { metadata?: { name?: string }; status?: { typeChecking?: { expressionWarnings?: unknown[] } } }[];
      const warned = policies.filter(({ status }) => (status?.typeChecking?.expressionWarnings ?? []).length > 0);
      expect(warned.map(({ metadata }) => metadata?.name)).toEqual(['mistaken']);
    } finally {
      await manager.kill('SIGTERM');
    }
  });
});
