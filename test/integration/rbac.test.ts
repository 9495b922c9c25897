import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { renderManifests, toYaml } from '#identity/manifests.ts';
import type { Manifest, PolicyRule } from '#identity/manifests-parts/kubernetes.ts';
import { ownRules, readerRules } from '#identity/manifests-parts/rules.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';

let world: IdentityCluster;
const clients = new Map<string, Admin>();
const files = renderManifests(CONTROLLERS, { mode: 'comptroller', generations: new Map() });

beforeAll(async () => {
  world = await identityCluster();
  for (const name of ['authn', 'leader', 'reader', ...CONTROLLERS.map((controller) => controller.name)]) {
    clients.set(name, await world.as(name));
  }
});
afterAll(() => world?.stop());

interface Attributes {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** Every right that the rules give, one by one. */
function rightsOf(rules: readonly PolicyRule[]): Attributes[] {
  return rules.flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((target) =>
        verbs.flatMap((verb) =>
          (resourceNames ?? [undefined]).map((name) => {
            const [resource = '', subresource] = target.split('/');
            return {
              group,
              resource,
              verb,
              ...(subresource !== undefined && { subresource }),
              ...(name !== undefined && { name }),
            };
          }),
        ),
      ),
    ),
  );
}

async function allowed(identity: string, resourceAttributes: Attributes): Promise<boolean> {
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answer = await client(identity).call('POST', path, { body });
  expect(answer.status).toBe(201);
  return (answer.body as { status: { allowed: boolean } }).status.allowed;
}

function client(identity: string): Admin {
  const found = clients.get(identity);
  if (found === undefined) throw new Error(`no client for ${identity}`);
  return found;
}

const text = ({ verb, group, resource, subresource, name }: Attributes): string =>
  `${verb} ${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}${name === undefined ? '' : ` ${name}`}`;

const declared = [
  ...CONTROLLERS.flatMap((controller) =>
    rightsOf(ownRules(controller)).map((right) => ({ identity: controller.name, right })),
  ),
  ...rightsOf(readerRules(CONTROLLERS)).map((right) => ({ identity: 'reader', right })),
];

describe('I7: each identity has what it declares', () => {
  it.each(declared.map(({ identity, right }) => [identity, text(right), right] as const))(
    '%s may %s',
    async (identity, _, right) => {
      await expect.poll(() => allowed(identity, right), { timeout: 10_000 }).toBe(true);
    },
  );

  it('leader may lead, authn may ask', async () => {
    const lease = { group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-system' };
    for (const verb of ['get', 'update', 'watch']) {
      expect(await allowed('leader', { ...lease, verb, name: 'kube-controller-manager' })).toBe(true);
    }
    expect(await allowed('leader', { ...lease, verb: 'create' })).toBe(true);
    expect(await allowed('leader', { ...lease, verb: 'patch', name: 'kube-controller-manager' })).toBe(false);
    expect(await allowed('authn', { group: 'authentication.k8s.io', resource: 'tokenreviews', verb: 'create' })).toBe(
      true,
    );
    expect(
      await allowed('authn', { group: 'authorization.k8s.io', resource: 'subjectaccessreviews', verb: 'create' }),
    ).toBe(true);
  });
});

/** A right that some identity has is a good sample of what the others must not have. */
const everything = [...new Map(declared.map(({ right }) => [text(right), right])).values()];
const undeclared = [...clientsToBe()].flatMap((identity) => {
  const own = new Set(declared.filter((entry) => entry.identity === identity).map(({ right }) => text(right)));
  return everything
    .filter((right) => !own.has(text(right)) && !covered(own, right))
    .map((right) => [identity, text(right), right] as const);
});

function clientsToBe(): string[] {
  return ['authn', 'leader', 'reader', ...CONTROLLERS.map((controller) => controller.name)];
}

/** A right on one name is covered by the same on all names, and one on a resource by the same on all resources. */
function covered(own: ReadonlySet<string>, { name, ...right }: Attributes): boolean {
  return (name !== undefined && own.has(text(right))) || own.has(text({ verb: right.verb, group: '*', resource: '*' }));
}

function ownRulesOf(identity: string): readonly PolicyRule[] {
  const controller = CONTROLLERS.find(({ name }) => name === identity);
  return controller === undefined ? [] : ownRules(controller);
}

describe('I7: and nothing else', () => {
  it.each(undeclared)('%s may not %s', async (identity, _, right) => {
    expect(await allowed(identity, right)).toBe(false);
  });

  it.each(clientsToBe())('%s may not reach for power that it does not declare', async (identity) => {
    const group = 'rbac.authorization.k8s.io';
    const powers: Attributes[] = [
      { group: '', resource: 'secrets', verb: 'list' },
      { group: '', resource: 'secrets', verb: 'get', namespace: 'kube-system' },
      { group: '', resource: 'serviceaccounts', subresource: 'token', verb: 'create' },
      { group: '', resource: 'pods', subresource: 'exec', verb: 'create' },
      { group: '', resource: 'users', verb: 'impersonate' },
      { group, resource: 'clusterroles', verb: 'escalate' },
      { group, resource: 'clusterroles', verb: 'bind' },
      { group, resource: 'clusterrolebindings', verb: 'update' },
      { group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicies', verb: 'delete' },
      { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create' },
      { group: '', resource: 'namespaces', verb: 'delete' },
      { group: '*', resource: '*', verb: '*' },
    ];
    const own = new Set(rightsOf(ownRulesOf(identity)).map(text));
    for (const power of powers.filter((one) => !own.has(text(one)) && !covered(own, one)))
      expect([text(power), await allowed(identity, power)]).toEqual([text(power), false]);
  });

  it('leader has rights on one lease only', async () => {
    const lease = { group: 'coordination.k8s.io', resource: 'leases', verb: 'update' };
    expect(await allowed('leader', { ...lease, namespace: 'kube-system', name: 'kube-scheduler' })).toBe(false);
    expect(await allowed('leader', { ...lease, namespace: 'default', name: 'kube-controller-manager' })).toBe(false);
  });
});

describe('rights that no request shows', () => {
  const roleOf = (controller: string) =>
    files
      .flatMap((file) => file.objects)
      .find(
        (object) => object.kind === 'ClusterRole' && object.metadata.name === `comptroller:${controller}`,
      ) as Manifest & { rules: PolicyRule[] };

  /** The controller's write works with the right, is refused without it, and works again. */
  async function needs(controller: string, right: string, path: string, body: object): Promise<void> {
    const role = roleOf(controller);
    const attempt = async (): Promise<{ status: number; message: string }> => {
      const answer = await client(controller).call('POST', path, { body });
      return { status: answer.status, message: (answer.body as { message?: string }).message ?? '' };
    };
    await expect.poll(async () => (await attempt()).status, { timeout: 10_000 }).toBe(201);
    const rules = role.rules.filter((rule) => !rule.resources.includes(right));
    expect(rules.length).toBe(role.rules.length - 1);
    await world.admin.apply('rbac.authorization.k8s.io/clusterroles', { ...role, rules } as object);
    await expect.poll(async () => (await attempt()).status, { timeout: 10_000 }).toBe(403);
    expect((await attempt()).message).toMatch(/blockOwnerDeletion/);
    await world.admin.applyYaml(toYaml(files));
    await expect.poll(async () => (await attempt()).status, { timeout: 10_000 }).toBe(201);
  }

  it('requires replicasets/finalizers: without it no pod with blockOwnerDeletion can be made', async () => {
    const pods = '/api/v1/namespaces/default/pods';
    await needs('replicaset', 'replicasets/finalizers', pods, podOf(await createReplicaSet()));
  });

  it('requires deployments/finalizers: without it no ReplicaSet with blockOwnerDeletion can be made', async () => {
    const sets = '/apis/apps/v1/namespaces/default/replicasets';
    await needs('deployment', 'deployments/finalizers', sets, replicaSetOf(await createDeployment()));
  });

  async function createReplicaSet(): Promise<{ uid: string }> {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause' }] },
    };
    const body = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'web' },
      spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template },
    };
    const answer = await world.admin.call('POST', '/apis/apps/v1/namespaces/default/replicasets', { body });
    expect(answer.status).toBe(201);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
    await world.admin.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: account });
    return (answer.body as { metadata: { uid: string } }).metadata;
  }

  function podOf({ uid }: { uid: string }): object {
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'web',
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'web-', labels: { app: 'web' }, ownerReferences: [owner] },
      spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause' }] },
    };
  }

  const hashed = { app: 'rolled', 'pod-template-hash': 'x' };
  const templated = (labels: object) => ({
    metadata: { labels },
    spec: { containers: [{ name: 'c', image: 'registry.k8s.io/pause' }] },
  });

  async function createDeployment(): Promise<{ uid: string }> {
    const labels = { app: 'rolled' };
    const made = await world.admin.create('apps/deployments', {
      metadata: { namespace: 'default', name: 'rolled' },
      spec: { replicas: 0, selector: { matchLabels: labels }, template: templated(labels) },
    });
    return { uid: made.metadata?.uid ?? '' };
  }

  function replicaSetOf({ uid }: { uid: string }): object {
    const reference = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'rolled', uid };
    return {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        generateName: 'rolled-',
        labels: hashed,
        ownerReferences: [{ ...reference, controller: true, blockOwnerDeletion: true }],
      },
      spec: { replicas: 0, selector: { matchLabels: hashed }, template: templated(hashed) },
    };
  }
});
