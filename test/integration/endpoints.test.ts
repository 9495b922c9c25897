/** EndpointSlices and Endpoints on a real control plane, with simulated pods. */
import { expect, test } from 'vitest';
import type { Endpoint, EndpointSlice, Endpoints } from '#core/k8s/types.gen.ts';
import { brief, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { newNamespace, ready, scale, withManager } from '#kit/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({
  nodes: 2,
  first: { flags: ['--max-endpoints-per-slice=5', '--endpointslice-updates-batch-period=20ms'] },
});
const namespace = 'net';
const web = { namespace, name: 'web' };
const serviceOf = (name: string, spec: object = {}): object => ({
  metadata: { namespace, name, labels: { team: 'a' } },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
});

type Slices = readonly EndpointSlice[];
const endpointsIn = (slices: Slices): readonly Endpoint[] => slices.flatMap(({ endpoints }) => endpoints ?? []);
const readyIn = (slices: Slices): number => endpointsIn(slices).filter(({ conditions }) => conditions?.ready).length;
const addressesIn = (found: Endpoints | undefined): number =>
  (found?.subsets ?? []).reduce((sum, { addresses = [] }) => sum + addresses.length, 0);

function slicesOf(name: string, holds: (slices: Slices) => boolean, why: string): Promise<Slices> {
  const selection = { namespace, selector: `kubernetes.io/service-name=${name}` };
  return world.admin.waitForAll('discovery.k8s.io/endpointslices', selection, holds, { why });
}

test('a Service is found by its pods, as they come and go', async () => {
  const { admin } = world;
  await newNamespace(admin, namespace);
  const service = await admin.create('core/services', serviceOf('web'));
  const [empty] = await slicesOf('web', (slices) => slices.length === 1, 'the empty slice');
  expect(empty).toMatchObject({
    addressType: 'IPv4',
    metadata: {
      generateName: 'web-',
      labels: { team: 'a', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
      ownerReferences: [{ kind: 'Service', name: 'web', uid: service.metadata?.uid }],
    },
  });
  await admin.create('apps/replicasets', replicaSet(namespace, 'web', 12));
  await ready(admin, web, 12);
  const twelve = await slicesOf('web', (slices) => readyIn(slices) === 12, 'twelve ready endpoints');
  expect(twelve.every(({ endpoints }) => (endpoints ?? []).length <= 5)).toBe(true);
  expect(new Set(endpointsIn(twelve).map(({ targetRef }) => targetRef?.uid)).size).toBe(12);
  expect(endpointsIn(twelve).every(({ nodeName = '' }) => nodeName.startsWith('node-'))).toBe(true);
  expect(twelve[0]?.metadata?.annotations).toHaveProperty(['endpoints.kubernetes.io/last-change-trigger-time']);
  const legacy = await admin.waitFor('core/endpoints', web, (found) => addressesIn(found) === 12, {
    why: 'twelve addresses',
  });
  expect(legacy?.metadata?.labels).toEqual({ team: 'a', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
  expect(legacy?.subsets).toHaveLength(1);

  await scale(admin, web, 3);
  await ready(admin, web, 3);
  await slicesOf('web', (slices) => endpointsIn(slices).length === 3, 'three endpoints');
  await admin.waitFor('core/endpoints', web, (found) => addressesIn(found) === 3, { why: 'three addresses' });
});

test('a second Service of the same pods has slices of its own, headless', async () => {
  const { admin } = world;
  await admin.create('core/services', serviceOf('peers', { clusterIP: 'None', ports: [] }));
  const [slice] = await slicesOf('peers', (slices) => readyIn(slices) === 3, 'three peers');
  expect(slice?.ports ?? []).toEqual([]);
  expect(slice?.metadata?.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
  await admin.waitFor('core/endpoints', { namespace, name: 'peers' }, (found) => addressesIn(found) === 3, {
    why: 'its addresses',
  });
});

test('a pod that leaves is told of until it is gone', async () => {
  const { admin } = world;
  const spec = { selector: { app: 'still' }, publishNotReadyAddresses: true };
  await admin.create('core/services', serviceOf('still', spec));
  // No node runs it, so that its end comes when this test says so.
  await admin.create('core/pods', {
    metadata: { namespace, name: 'still', labels: { app: 'still' }, finalizers: ['example.com/drain'] },
    spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'still:1' }] },
  });
  const at = { namespace, name: 'still' };
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const status = { phase: 'Running', podIP: '10.9.9.9', podIPs: [{ ip: '10.9.9.9' }], conditions };
  await admin.patch('core/pods', { ...at, subresource: 'status' }, { status });
  const conditionOf = (slices: Slices) => endpointsIn(slices)[0]?.conditions;
  await slicesOf('still', (slices) => conditionOf(slices)?.terminating === false, 'its endpoint');
  await admin.delete('core/pods', at);
  const leaving = await slicesOf('still', (slices) => conditionOf(slices)?.terminating === true, 'it to be leaving');
  expect(conditionOf(leaving)).toEqual({ ready: true, serving: true, terminating: true });
  await admin.patch('core/pods', at, { metadata: { finalizers: null } });
  await slicesOf('still', (slices) => endpointsIn(slices).length === 0, 'it to be gone');
  await admin.waitFor('core/endpoints', at, (found) => addressesIn(found) === 0, { why: 'no address' });
});

test('traffic prefers its own zone where the Service wishes it', async () => {
  const { admin } = world;
  for (const [name, zone] of [
    ['node-1', 'a'],
    ['node-2', 'b'],
  ] as const)
    await admin.patch('core/nodes', { name }, { metadata: { labels: { 'topology.kubernetes.io/zone': zone } } });
  await admin.patch('core/services', web, { spec: { trafficDistribution: 'PreferSameZone' } });
  const own = ({ zone, hints }: Endpoint) => zone !== undefined && hints?.forZones?.[0]?.name === zone;
  const hinted = await slicesOf('web', (slices) => readyIn(slices) === 3 && endpointsIn(slices).every(own), 'hints');
  const zones = new Map([
    ['node-1', 'a'],
    ['node-2', 'b'],
  ]);
  for (const { zone, nodeName = '' } of endpointsIn(hinted)) expect(zone).toBe(zones.get(nodeName));
  await admin.patch('core/services', web, { spec: { trafficDistribution: null } });
  await slicesOf('web', (slices) => endpointsIn(slices).every(({ hints }) => hints === undefined), 'no hints');
});

test('what others do to slices and Endpoints is mended', async () => {
  const { admin } = world;
  const full = await slicesOf('web', (slices) => readyIn(slices) === 3, 'three endpoints');
  const slice = full.find(({ endpoints }) => (endpoints ?? []).length > 0);
  const at = { namespace, name: slice?.metadata?.name ?? '' };
  await admin.patch('discovery.k8s.io/endpointslices', at, { endpoints: [{ addresses: ['192.0.2.66'] }] });
  await slicesOf('web', (slices) => readyIn(slices) === 3 && !JSON.stringify(slices).includes('192.0.2.66'), 'mending');
  await admin.delete('discovery.k8s.io/endpointslices', at);
  const isOther = ({ metadata }: EndpointSlice) => metadata?.uid !== slice?.metadata?.uid;
  await slicesOf('web', (all) => readyIn(all) === 3 && all.every(isOther), 'another');
  const before = await admin.get('core/endpoints', web);
  await admin.patch('core/endpoints', web, { subsets: [{ addresses: [{ ip: '192.0.2.66' }] }] });
  await admin.waitFor('core/endpoints', web, (found) => addressesIn(found) === 3, { why: 'mended Endpoints' });
  await admin.delete('core/endpoints', web);
  const again = await admin.waitFor('core/endpoints', web, (found) => addressesIn(found) === 3, { why: 'others' });
  expect(again?.subsets).toEqual(before?.subsets);
  expect(again?.metadata?.uid).not.toBe(before?.metadata?.uid);
});

test('Endpoints end with their Service; those without one are left alone', async () => {
  const { admin } = world;
  await admin.create('core/endpoints', { metadata: { namespace, name: 'by-hand' } });
  await admin.delete('core/services', web);
  await admin.waitFor('core/endpoints', web, (found) => found === undefined, { why: 'the end of Endpoints' });
  expect(await admin.get('core/endpoints', { namespace, name: 'by-hand' })).toBeDefined();
  expect(brief(refusedByAuthority(readAudit(world.cluster)))).toEqual([]);
});

test('a leader that comes later finds Endpoints whose Service went meanwhile', async () => {
  const { admin } = world;
  await world.manager.kill('SIGTERM');
  await admin.delete('core/services', { namespace, name: 'peers' });
  await world.start({ replica: 'b', timeout: 40_000 });
  const gone = { why: 'what was left over to go' };
  for (const name of ['peers', 'by-hand'])
    await admin.waitFor('core/endpoints', { namespace, name }, (found) => found === undefined, gone);
});
