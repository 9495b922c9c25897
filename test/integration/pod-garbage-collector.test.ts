/**
 * Pods that no kubelet will end, on a real control plane. The loop runs every 20 s, the quarantine of a node lasts 40 s.
 * Every node here is ready, so none is out of service: that is for the table of scenarios.
 */
import { expect, test } from 'vitest';
import type { Pod } from '#core/k8s/types.gen.ts';
import { brief, isOurs, ourWrites, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { newNamespace, withManager } from '#kit/manager.ts';

const world = withManager({ nodes: 0, first: { flags: ['--terminated-pod-gc-threshold=2', '--v=4'] } });
const PATIENCE = 100_000;
const at = (name: string) => ({ namespace: 'waste', name });

async function makePod(name: string, spec: object = {}, metadata: object = {}): Promise<void> {
  const whole = { containers: [{ name: 'c', image: 'i' }], schedulerName: 'nobody', ...spec };
  await world.admin.create('core/pods', { metadata: { ...at(name), ...metadata }, spec: whole });
}
const gone = (name: string): Promise<unknown> =>
  world.admin.waitFor('core/pods', at(name), (found) => found === undefined, {
    timeout: PATIENCE,
    why: `${name} to be gone`,
  });

test('they are ended, and others are not', { timeout: 240_000 }, async () => {
  const { admin } = world;
  await newNamespace(admin, 'waste');
  await makePod('waits');
  // Its finalizer lets the test see what was made of it.
  await makePod('lost', { nodeName: 'no-such-node' }, { finalizers: ['example.com/look'] });
  await makePod('nowhere', {}, { finalizers: ['example.com/look'] });
  await admin.delete('core/pods', at('nowhere'));

  for (const name of ['one', 'two', 'three']) {
    await makePod(name);
    await admin.patch('core/pods', { ...at(name), subresource: 'status' }, { status: { phase: 'Succeeded' } });
  }
  await makePod('thrown-out');
  const status = { phase: 'Failed', reason: 'Evicted' };
  await admin.patch('core/pods', { ...at('thrown-out'), subresource: 'status' }, { status });

  await gone('thrown-out');
  await admin.waitForAll('core/pods', { namespace: 'waste' }, (pods) => ended(pods).length <= 4, {
    timeout: PATIENCE,
    why: 'two terminated pods, and the two with a finalizer',
  });
  const failed = (pod: Pod | undefined): boolean => pod?.status?.phase === 'Failed';
  const lost = await admin.waitFor('core/pods', at('lost'), (pod) => failed(pod) && deleting(pod), {
    timeout: PATIENCE,
    why: 'the lost pod to be failed and deleted',
  });
  expect(lost?.metadata?.deletionGracePeriodSeconds).toBe(0);
  expect(lost?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject({
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
  });
  await admin.waitFor('core/pods', at('nowhere'), failed, {
    timeout: PATIENCE,
    why: 'the unscheduled pod to be failed',
  });
  const waits = await admin.get('core/pods', at('waits'));
  expect([waits?.status?.phase, deleting(waits)]).toEqual(['Pending', false]);
});

const deleting = (pod: Pod | undefined): boolean => pod?.metadata?.deletionTimestamp !== undefined;
const ended = (pods: readonly Pod[]): readonly Pod[] =>
  pods.filter(({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed');

test('as its own identity, after a live look at the node, each once', async () => {
  const { cluster } = world;
  const events = readAudit(cluster).filter(isOurs);
  expect(brief(refusedByAuthority(events))).toEqual([]);
  const looks = events.filter(({ verb, objectRef }) => verb === 'get' && objectRef?.resource === 'nodes');
  expect(new Set(looks.map(({ user, objectRef }) => `${user.username} ${objectRef?.name}`))).toEqual(
    new Set(['comptroller:pod-garbage-collector no-such-node']),
  );
  const deleted = ourWrites(cluster).filter(
    ({ verb, objectRef }) => verb === 'delete' && objectRef?.resource === 'pods',
  );
  expect(new Set(deleted.map(({ user }) => user.username))).toEqual(new Set(['comptroller:pod-garbage-collector']));
  const names = deleted.map(({ objectRef }) => objectRef?.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['lost', 'thrown-out']));
  expect(names).not.toContain('waits');
});
