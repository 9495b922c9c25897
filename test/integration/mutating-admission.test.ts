/**
 * Admission of others that changes what controllers write, as every larger cluster has it: what can go on goes on, and what
 * cannot is said once and not tried again without end.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Deployment } from '#core/k8s/types.gen.ts';
import type { ApiObject } from '#core/resource.ts';
import { brief, isMutating, isOurs, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { activePods, newNamespace, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';

const world = withManager({ nodes: 2 });
const ADMISSION = 'admissionregistration.k8s.io';
const NAMESPACE = 'mutated';

/** What is labelled `mutate: <name>` (or has that name) is changed so. */
interface Mutation {
  readonly name: string;
  readonly group: string;
  readonly resource: string;
  readonly when: string;
  /** CEL that gives an `Object` to apply. */
  readonly applies: string;
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'image',
    group: 'apps',
    resource: 'replicasets',
    when: "object.metadata.namespace == 'mutated' && object.metadata.labels['app'] == 'image'",
    applies:
      "Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{annotations: {'injected': 'yes'}}}}}",
  },
  {
    name: 'note',
    group: 'apps',
    resource: 'replicasets',
    when: "object.metadata.namespace == 'mutated' && object.metadata.labels['app'] == 'note'",
    applies: "Object{metadata: Object.metadata{annotations: {'note': 'theirs'}}}",
  },
  {
    name: 'account',
    group: '',
    resource: 'serviceaccounts',
    when: "object.metadata.name == 'default'",
    applies: "Object{automountServiceAccountToken: false, metadata: Object.metadata{labels: {'team': 'platform'}}}",
  },
];

beforeAll(async () => {
  const { admin } = world;
  for (const { name, group, resource, when, applies } of MUTATIONS) {
    const metadata = { name: `${name}.test.example.com` };
    const rule = { apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: [resource] };
    await admin.create(`${ADMISSION}/mutatingadmissionpolicies`, {
      metadata,
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: { resourceRules: [rule] },
        matchConditions: [{ name: 'these', expression: when }],
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: applies } }],
      },
    } as object);
    await admin.create(`${ADMISSION}/mutatingadmissionpolicybindings`, {
      metadata,
      spec: { policyName: metadata.name },
    } as object);
  }
  await inForce();
  await newNamespace(admin, NAMESPACE);
});

/** They are: what a person makes is changed. */
async function inForce(): Promise<void> {
  let turn = 0;
  const changed = async () => {
    const namespace = `probe-${turn++}`;
    await world.admin.create('core/namespaces', { metadata: { name: namespace } });
    const account = await world.admin.waitFor(
      'core/serviceaccounts',
      { namespace, name: 'default' },
      (found) => found !== undefined,
      { why: 'the ServiceAccount default' },
    );
    return (account as { automountServiceAccountToken?: boolean }).automountServiceAccountToken === false || undefined;
  };
  await until(changed, { timeout: 60_000, why: 'the mutating policies to be in force', every: 500 });
}

const deployment = (name: string, more: object = {}) => ({
  metadata: { namespace: NAMESPACE, name, ...more },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'x:1' }], terminationGracePeriodSeconds: 0 },
    },
  },
});
const setsOf = (name: string) =>
  world.admin.list('apps/replicasets', { namespace: NAMESPACE, selector: `app=${name}` });
type Shown = (Deployment & ApiObject) | undefined;
const reasonOf = (found: Shown): string | undefined =>
  found?.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason;

/** Writes about that Deployment and its ReplicaSets; a loop would make hundreds of them. */
const writesOf = (name: string): number =>
  readAudit(world.cluster).filter(
    (event) =>
      isOurs(event) &&
      isMutating(event) &&
      event.objectRef?.namespace === NAMESPACE &&
      ['deployments', 'replicasets'].includes(event.objectRef.resource ?? '') &&
      event.objectRef.name?.startsWith(name) === true,
  ).length;

describe('the admission of others', () => {
  test('may set what it likes on the ServiceAccount default', async () => {
    const account = await world.admin.get('core/serviceaccounts', { namespace: NAMESPACE, name: 'default' });
    expect(account).toMatchObject({ automountServiceAccountToken: false, metadata: { labels: { team: 'platform' } } });
  });

  test('may change the template of ReplicaSets: one is made, the Deployment says why it does not go on', async () => {
    const { admin } = world;
    const at = { namespace: NAMESPACE, name: 'image' };
    await admin.create('apps/deployments', deployment('image'));
    const told = (found: Shown): boolean => reasonOf(found) === 'ReplicaSetCreateError';
    await admin.waitFor('apps/deployments', at, told, { why: 'the Deployment to say that it is stuck' });
    // Looked at again and again, it makes no second one.
    for (const turn of ['1', '2', '3']) {
      await admin.patch('apps/deployments', at, { metadata: { annotations: { turn } } });
      const seen = (found: Shown): boolean => found?.status?.observedGeneration === found?.metadata?.generation;
      await admin.waitFor('apps/deployments', at, seen, { why: 'the Deployment to be looked at' });
    }
    expect(await setsOf('image')).toHaveLength(1);
    expect(writesOf('image')).toBeLessThan(20);
  });

  test('may have its own words in annotations of ReplicaSets: the rollout goes on', async () => {
    const { admin } = world;
    const at = { namespace: NAMESPACE, name: 'note' };
    await admin.create('apps/deployments', deployment('note', { annotations: { note: 'ours' } }));
    const inOrder = (found: Shown): boolean =>
      found?.status?.observedGeneration === found?.metadata?.generation &&
      found?.status?.updatedReplicas === 3 &&
      found.status.replicas === 3 &&
      found.status.availableReplicas === 3;
    await admin.waitFor('apps/deployments', at, inOrder, { why: 'its pods' });
    await admin.patch('apps/deployments', at, {
      spec: { template: { spec: { containers: [{ name: 'main', image: 'x:2' }] } } },
    });
    await admin.waitFor('apps/deployments', at, inOrder, { timeout: 60_000, why: 'the rollout' });
    expect(await activePods(admin, NAMESPACE, 'note')).toHaveLength(3);
    expect((await setsOf('note')).map(({ metadata }) => metadata?.annotations?.note)).toEqual(['theirs', 'theirs']);
    expect(writesOf('note')).toBeLessThan(60);
  });
});

test('a selector that its own ReplicaSet could not match gets none, and the Deployment says why', async () => {
  const { admin } = world;
  const labels = { app: 'pasted', 'pod-template-hash': 'abc' };
  const { metadata, spec } = deployment('pasted');
  const template = { ...spec.template, metadata: { labels } };
  await admin.create('apps/deployments', { metadata, spec: { ...spec, selector: { matchLabels: labels }, template } });
  const found = await admin.waitFor(
    'apps/deployments',
    { namespace: NAMESPACE, name: 'pasted' },
    (shown) => reasonOf(shown) === 'ReplicaSetCreateError',
    { why: 'the Deployment to say why' },
  );
  expect(JSON.stringify(found?.status?.conditions)).toContain('pod-template-hash');
  expect(await setsOf('pasted')).toEqual([]);
  expect(writesOf('pasted')).toBeLessThan(10);
});

test('nothing of that was refused by RBAC', () => {
  expect(brief(refusedByAuthority(readAudit(world.cluster).filter(isOurs)))).toEqual([]);
});
