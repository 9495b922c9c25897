/** ResourceQuotas on a real control plane, whose counts upstream's own controller keeps: the API server is spared, and has its say. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ResourceQuota } from '#core/k8s/types.gen.ts';
import { isOurs, readAudit } from '#kit/audit.ts';
import { activePods, metric, newNamespace, ready, withManager } from '#kit/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 4 });
beforeAll(async () => {
  await world.cluster.startUpstreamManager([
    '--controllers=resourcequota-controller',
    '--leader-elect-resource-name=quota-counter',
  ]);
});

const SAID = 'exceeded quota: small, requested: pods=1, used: pods=10, limited: pods=10';

async function limit(namespace: string, pods: number): Promise<void> {
  await world.admin.create('core/resourcequotas', {
    metadata: { namespace, name: 'small' },
    spec: { hard: { pods: String(pods) } },
  });
  const counted = (found: ResourceQuota | undefined): boolean => found?.status?.used?.pods !== undefined;
  await world.admin.waitFor('core/resourcequotas', { namespace, name: 'small' }, counted, { why: 'a counted quota' });
}

/** Pods of a namespace that the API server refused to create for us. */
const refusals = (namespace: string): number =>
  readAudit(world.cluster).filter(
    (event) =>
      isOurs(event) &&
      event.verb === 'create' &&
      event.objectRef?.resource === 'pods' &&
      event.objectRef.namespace === namespace &&
      event.responseStatus?.code === 403,
  ).length;

describe('a ReplicaSet of 30 where 10 pods are allowed', () => {
  const at = { namespace: 'small', name: 'web' };
  const started = { at: 0 };

  test('gets 10, and says why not more, in the words of the API server', async () => {
    const { admin } = world;
    await newNamespace(admin, 'small');
    await limit('small', 10);
    started.at = Date.now();
    await admin.create('apps/replicasets', replicaSet('small', 'web', 30));
    const failing = await admin.waitFor(
      'apps/replicasets',
      at,
      (set) => set?.status?.readyReplicas === 10 && (set.status.conditions ?? []).length > 0,
      { why: '10 ready pods and a condition' },
    );
    expect(failing?.status?.conditions).toMatchObject([
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: `forbidden: ${SAID}` },
    ]);
    const events = await admin.waitForAll(
      'core/events',
      { namespace: 'small', fields: 'reason=FailedCreate' },
      (found) => found.length > 0,
      { why: 'the event' },
    );
    expect(events).toMatchObject([
      { type: 'Warning', message: `Error creating: forbidden: ${SAID}`, involvedObject: { name: 'web' } },
    ]);
  });

  test('asks again after 1, 2, 4 and 8 seconds, and not in between', async () => {
    const { admin } = world;
    const probed = async (): Promise<boolean> =>
      (await metric(world, 'quota_forecast_total', '{verdict="probe"}')) >= 5;
    await expect.poll(probed, { timeout: 40_000, interval: 250 }).toBe(true);
    expect(Date.now() - started.at).toBeGreaterThan(14_000);
    expect(refusals('small')).toBeLessThanOrEqual(6);
    expect(await activePods(admin, 'small', 'web')).toHaveLength(10);
    const set = await admin.get('apps/replicasets', at);
    expect(set?.status?.conditions).toMatchObject([{ message: `forbidden: ${SAID}` }]);
  });

  test('gets the others by itself once they are allowed', async () => {
    const { admin } = world;
    const raised = Date.now();
    await admin.patch('core/resourcequotas', { namespace: 'small', name: 'small' }, { spec: { hard: { pods: '30' } } });
    await ready(admin, at, 30, 10_000);
    expect(Date.now() - raised).toBeLessThan(10_000);
    const set = await admin.get('apps/replicasets', at);
    expect(set?.status?.conditions ?? []).toEqual([]);
    expect(refusals('small')).toBeLessThanOrEqual(7);
  });

  test('a pod that goes makes room for another one, of whom it may be', async () => {
    const { admin } = world;
    await admin.create('apps/replicasets', replicaSet('small', 'other', 2));
    await admin.waitFor(
      'apps/replicasets',
      { namespace: 'small', name: 'other' },
      (set) => (set?.status?.conditions ?? []).length > 0,
      { why: 'no room for another' },
    );
    await admin.patch('apps/replicasets', at, { spec: { replicas: 28 } });
    await ready(admin, { namespace: 'small', name: 'other' }, 2, 20_000);
  });
});

describe('many that want the same room', () => {
  test('20 ReplicaSets share it, and the API server refuses each a few times only', async () => {
    const { admin } = world;
    await newNamespace(admin, 'crowd');
    await limit('crowd', 0);
    const names = Array.from({ length: 20 }, (_, n) => `web-${n}`);
    await Promise.all(names.map((name) => admin.create('apps/replicasets', replicaSet('crowd', name, 3))));
    await admin.waitForAll(
      'apps/replicasets',
      { namespace: 'crowd' },
      (sets) => sets.length === 20 && sets.every((set) => (set.status?.conditions ?? []).length > 0),
      { why: 'all to be refused once' },
    );
    await admin.patch('core/resourcequotas', { namespace: 'crowd', name: 'small' }, { spec: { hard: { pods: '60' } } });
    await admin.waitForAll(
      'apps/replicasets',
      { namespace: 'crowd' },
      (sets) => sets.every((set) => set.status?.readyReplicas === 3),
      { why: 'all to be ready', timeout: 20_000 },
    );
    expect(refusals('crowd')).toBeLessThanOrEqual(20 * 6);
  });
});

test('a quota that wants requests to be said is obeyed where the namespace says them', async () => {
  const { admin } = world;
  await newNamespace(admin, 'defaulted');
  await admin.create('core/limitranges', {
    metadata: { namespace: 'defaulted', name: 'defaults' },
    spec: { limits: [{ type: 'Container', default: { cpu: '1m' }, defaultRequest: { cpu: '1m' } }] },
  });
  await admin.create('core/resourcequotas', {
    metadata: { namespace: 'defaulted', name: 'small' },
    spec: { hard: { 'requests.cpu': '10m' } },
  });
  await admin.waitFor(
    'core/resourcequotas',
    { namespace: 'defaulted', name: 'small' },
    (found) => found?.status?.used?.['requests.cpu'] !== undefined,
    { why: 'a counted quota' },
  );
  await admin.create('apps/replicasets', replicaSet('defaulted', 'web', 10));
  await ready(admin, { namespace: 'defaulted', name: 'web' }, 10, 10_000);
  expect(refusals('defaulted')).toBe(0);
});
