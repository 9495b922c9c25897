/** What tenants do to a cluster, by malice or mistake, and that others do not feel it. */
import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '#core/k8s/types.gen.ts';
import { brief, isOurs, ourWrites, readAudit } from '#kit/audit.ts';
import { activePods, newNamespace, ready, saidBy, scale, withManager } from '#kit/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 4 });
/** Other tenants wait at most this long for a pod of their own while one misbehaves. */
const BOUND = 3_000;

const creationsIn = (namespace: string) =>
  ourWrites(world.cluster).filter(
    ({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'pods' && objectRef.namespace === namespace,
  );

async function otherTenantIsServed(name: string): Promise<number> {
  const { admin } = world;
  await newNamespace(admin, name);
  const begun = performance.now();
  await admin.create('apps/replicasets', replicaSet(name, 'single', 1));
  await ready(admin, { namespace: name, name: 'single' }, 1, BOUND);
  return performance.now() - begun;
}

describe('hostile tenants', () => {
  test('names and keys of Object.prototype are names and keys', async () => {
    const { admin } = world;
    for (const name of ['constructor', 'valueof', 'tostring', 'hasownproperty']) {
      await newNamespace(admin, name);
      const wish = replicaSet(name, name, 2);
      const labels = {
        app: name,
        constructor: 'x',
        hasOwnProperty: 'y',
        valueOf: 'z',
        'constructor.example/prototype': 'w',
      };
      Object.assign(wish.spec.selector, { matchLabels: labels });
      Object.assign(wish.spec.template?.metadata ?? {}, { labels });
      await admin.create('apps/replicasets', wish);
      await ready(admin, { namespace: name, name }, 2);
      await scale(admin, { namespace: name, name }, 0);
      await ready(admin, { namespace: name, name }, 0);
    }
  });

  test('a key `__proto__` in a ConfigMap is a key, and is taken out again', async () => {
    const { admin } = world;
    await newNamespace(admin, 'proto');
    const ca = { namespace: 'proto', name: 'kube-root-ca.crt' };
    const before = await admin.waitFor('core/configmaps', ca, (found) => found !== undefined, { why: 'the CA' });
    // Parsed, because a literal would set the prototype.
    const hostile = JSON.parse('{"data":{"__proto__":"x","constructor":"y","hasOwnProperty":"z","ca.crt":"forged"}}');
    await admin.patch('core/configmaps', ca, hostile);
    const restored = await admin.waitFor('core/configmaps', ca, (found) => found?.data?.['ca.crt'] !== 'forged', {
      why: 'the CA to be restored',
    });
    expect(Object.keys(restored?.data ?? {})).toEqual(Object.keys(before?.data ?? {}));
    expect(await otherTenantIsServed('beside-proto')).toBeLessThan(BOUND);
  });

  test('I15: a ReplicaSet of nearly a megabyte is served or refused, and nobody else waits for it', async () => {
    const { admin } = world;
    await newNamespace(admin, 'heavy');
    // Annotations are capped by the API server; what a container is started with is not.
    const args = Array.from({ length: 9 }, () => 'x'.repeat(100_000));
    await admin.create('apps/replicasets', replicaSet('heavy', 'heavy', 5, { args }));
    expect(await otherTenantIsServed('beside-heavy')).toBeLessThan(BOUND);
    const at = { namespace: 'heavy', name: 'heavy' };
    const answered = (set: ReplicaSet | undefined): boolean =>
      set?.status?.readyReplicas === 5 || (set?.status?.conditions ?? []).length > 0;
    const set = await admin.waitFor('apps/replicasets', at, answered, {
      why: 'pods, or a condition that says why not',
    });
    console.log(`900 KB: ${set?.status?.readyReplicas ?? 0} pods, ${JSON.stringify(set?.status?.conditions ?? [])}`);
    expect(creationsIn('heavy').length).toBeLessThanOrEqual(5);
    await admin.delete('apps/replicasets', at);
  });

  test('I15: a pod that watches tell of in six times its bytes blinds nobody, and its end is seen', async () => {
    const { admin } = world;
    await newNamespace(admin, 'swollen');
    // As large as etcd takes it; the API server writes each of these characters as \u003c.
    const env = [{ name: 'SWOLLEN', value: '<'.repeat(1_420_000) }];
    const { metadata, spec } = replicaSet('swollen', 'swollen', 1);
    const [container] = spec?.template?.spec?.containers ?? [];
    const pod = { ...spec?.template, metadata: { ...metadata, labels: { app: 'swollen' } } };
    await admin.create('core/pods', { ...pod, spec: { ...pod.spec, containers: [{ ...container, env }] } });
    expect(await otherTenantIsServed('beside-swollen')).toBeLessThan(BOUND);
    await admin.delete('core/pods', { namespace: 'swollen', name: 'swollen' });
    expect(await otherTenantIsServed('after-swollen')).toBeLessThan(BOUND);
    expect(saidBy(world.manager)).not.toContain('too-large');
  });

  test('a quota of 5 under a ReplicaSet of 20: no storm, and the rest follows when it is raised', async () => {
    const { admin } = world;
    await newNamespace(admin, 'quota');
    await admin.create('core/resourcequotas', {
      metadata: { namespace: 'quota', name: 'pods' },
      spec: { hard: { pods: '5' } },
    });
    // Nobody here recounts quotas: what admission needs to start is a status.
    await admin.patch(
      'core/resourcequotas',
      { namespace: 'quota', name: 'pods', subresource: 'status' },
      { status: { hard: { pods: '5' }, used: { pods: '0' } } },
    );
    await admin.create('apps/replicasets', replicaSet('quota', 'greedy', 20));
    const failing = (set: ReplicaSet | undefined): boolean =>
      set?.status?.conditions?.some(({ type, reason }) => type === 'ReplicaFailure' && reason === 'FailedCreate') ===
        true && set.status.replicas === 5;
    const refused = await admin.waitFor('apps/replicasets', { namespace: 'quota', name: 'greedy' }, failing, {
      why: 'five pods and the condition',
    });
    expect(refused?.status?.conditions?.[0]?.message).toMatch(/exceeded quota/);
    expect(await otherTenantIsServed('beside-quota')).toBeLessThan(BOUND);
    const storm = creationsIn('quota').filter(({ responseStatus }) => responseStatus?.code === 403);
    expect(storm.length, brief(storm).join('\n')).toBeLessThan(60);
    await admin.patch('core/resourcequotas', { namespace: 'quota', name: 'pods' }, { spec: { hard: { pods: '50' } } });
    await admin.patch(
      'core/resourcequotas',
      { namespace: 'quota', name: 'pods', subresource: 'status' },
      { status: { hard: { pods: '50' } } },
    );
    await ready(admin, { namespace: 'quota', name: 'greedy' }, 20, 90_000);
  });

  test('a template that the API server refuses is tried with back-off, not in a loop', async () => {
    const { admin } = world;
    await newNamespace(admin, 'invalid');
    const wish = replicaSet('invalid', 'invalid', 10);
    // Valid in a template, never in a pod: the ServiceAccount does not exist.
    Object.assign(wish.spec.template?.spec ?? {}, { serviceAccountName: 'nobody' });
    await admin.create('apps/replicasets', wish);
    await admin.waitFor(
      'apps/replicasets',
      { namespace: 'invalid', name: 'invalid' },
      (set) => (set?.status?.conditions ?? []).length > 0,
      { why: 'the condition' },
    );
    expect(await otherTenantIsServed('beside-invalid')).toBeLessThan(BOUND);
    expect(creationsIn('invalid').length).toBeLessThan(40);
    await admin.create('core/serviceaccounts', { metadata: { namespace: 'invalid', name: 'nobody' } });
    await ready(admin, { namespace: 'invalid', name: 'invalid' }, 10, 90_000);
  });

  test('I11: a loop of refused ReplicaSets is judged, recorded and answered within bounds', async () => {
    const { admin } = world;
    await newNamespace(admin, 'denied');
    const bad = { securityContext: { privileged: true } };
    for (let turn = 0; turn < 30; turn++) {
      await admin.create('apps/replicasets', replicaSet('denied', `miner-${turn}`, 100, bad));
    }
    expect(await otherTenantIsServed('beside-denied')).toBeLessThan(BOUND);
    await admin.waitForAll(
      'apps/replicasets',
      { namespace: 'denied' },
      (sets) => sets.every(({ status }) => (status?.conditions ?? []).length > 0),
      { why: 'every condition' },
    );
    expect(creationsIn('denied')).toEqual([]);
  });

  test('a namespace that ends while its ReplicaSet scales leaves nobody in a loop', async () => {
    const { admin } = world;
    await newNamespace(admin, 'ending');
    await admin.create('apps/replicasets', replicaSet('ending', 'late', 5));
    await ready(admin, { namespace: 'ending', name: 'late' }, 5);
    await admin.delete('core/namespaces', { name: 'ending' });
    await scale(admin, { namespace: 'ending', name: 'late' }, 50);
    expect(await otherTenantIsServed('beside-ending')).toBeLessThan(BOUND);
    expect(await activePods(admin, 'ending', 'late')).toHaveLength(5);
    // Five before it ended, and one or two tries that told so.
    expect(creationsIn('ending').length).toBeLessThan(15);
  });

  test('none of it brought a crash, a bug or a refusal by RBAC', () => {
    const log = saidBy(world.manager);
    expect(log).not.toContain('reconciling threw');
    expect(log).toContain('controllers started');
    const forbidden = readAudit(world.cluster).filter(
      (event) => isOurs(event) && event.annotations?.['authorization.k8s.io/decision'] === 'forbid',
    );
    expect(brief(forbidden)).toEqual([]);
  });
});
