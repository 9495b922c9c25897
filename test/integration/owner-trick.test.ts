/**
 * An ownerReference trick on a real control plane: who may edit pods but not delete them hands sixty to an owner that is
 * about to be deleted. It is held before the first of them goes, and whoever is on call sees what waits.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { ourWrites } from '#kit/audit.ts';
import { newNamespace, recordsIn, withManager } from '#kit/manager.ts';
import { type Hold, onCall } from '#kit/on-call.ts';
import { until } from '#kit/wait.ts';

const world = withManager({ nodes: 2 });
const [PEOPLE, NAMESPACE] = ['people', 'tricked'];
const COUNT = 60;
const { person, breaker, heldAt } = onCall(world, PEOPLE, () => world.manager);
const names = Array.from({ length: COUNT }, (_, at) => `solo-${at}`);

const podsDeleted = (): number =>
  ourWrites(world.cluster).filter(
    ({ verb, objectRef }) =>
      verb === 'delete' && objectRef?.resource === 'pods' && objectRef.name?.startsWith('solo-') === true,
  ).length;
const notes = async (kind: string) =>
  (await recordsIn(world.manager.ledgerDir)).flatMap(({ type, data }) =>
    type === 'note' && data.note === kind ? [data] : [],
  );

beforeAll(async () => {
  const { admin } = world;
  await newNamespace(admin, PEOPLE);
  await person('ann', 'comptroller:breaker-operator');
  await newNamespace(admin, NAMESPACE);
  for (const name of names)
    await admin.create('core/pods', {
      metadata: { namespace: NAMESPACE, name, labels: { app: 'solo' } },
      spec: { containers: [{ name: 'main', image: 'solo:1' }], terminationGracePeriodSeconds: 0 },
    });
  const running = (pod: { status?: { phase?: string } }): boolean => pod.status?.phase === 'Running';
  await admin.waitForAll('core/pods', { namespace: NAMESPACE }, (pods) => pods.filter(running).length === COUNT, {
    why: 'all pods to run',
  });
});

describe('dependents that were handed to a throwaway owner', () => {
  let hold: Hold | undefined;

  test('stay when it is deleted: held, with all of them named or counted', async () => {
    const { admin } = world;
    const owner = await admin.create('core/configmaps', { metadata: { namespace: NAMESPACE, name: 'throwaway' } });
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'throwaway', uid: owner.metadata?.uid };
    for (const name of names)
      await admin.patch('core/pods', { namespace: NAMESPACE, name }, { metadata: { ownerReferences: [reference] } });
    await admin.delete('core/configmaps', { namespace: NAMESPACE, name: 'throwaway' });
    [hold] = await heldAt('ann', 1, 'the hold to be listed');
    expect(hold).toMatchObject({ state: 'open', weight: COUNT, controller: 'garbage-collector' });
    const all = async () => (await heldAt('ann', 1, 'it to stand'))[0]?.waiting === COUNT || undefined;
    await until(all, { timeout: 30_000, why: 'all of them to wait' });
    const { out } = await breaker('ann', 'show', hold?.id ?? '');
    expect(out).toContain(`core/configmaps ${NAMESPACE}/throwaway`);
    expect(out.match(/core\/pods tricked\/solo-/g)).toHaveLength(20);
    expect(out).toContain('and 40 more');
    expect(out).toContain('take the references to it off');
    expect(podsDeleted()).toBe(0);
  });

  test('stay when a person rejects it, and when somebody wishes only some of it gone', async () => {
    const some = await breaker('ann', 'release', hold?.id ?? '', '--reason', 'why not', '--count', '15');
    expect(some).toMatchObject({ code: 2, err: expect.stringContaining(`less than the ${COUNT}`) });
    expect(await breaker('ann', 'reject', hold?.id ?? '', '--reason', 'nobody ordered it')).toMatchObject({ code: 0 });
    await world.admin.patch(
      'core/pods',
      { namespace: NAMESPACE, name: 'solo-0' },
      { metadata: { labels: { looked: 'yes' } } },
    );
    expect(await heldAt('ann', 1, 'it to stand')).toMatchObject([{ state: 'rejected' }]);
    expect(podsDeleted()).toBe(0);
  });

  test('go with their namespace, and so does the hold', async () => {
    const { admin } = world;
    await admin.delete('core/namespaces', { name: NAMESPACE });
    await admin.waitFor('core/namespaces', { name: NAMESPACE }, (found) => found === undefined, {
      timeout: 60_000,
      why: 'the namespace to be gone',
    });
    await heldAt('ann', 0, 'the hold to end');
    expect(await notes('breaker-trip')).toHaveLength(1);
    expect(await notes('breaker-reject')).toMatchObject([
      { by: `system:serviceaccount:${PEOPLE}:ann`, said: 'nobody ordered it' },
    ]);
    expect(await notes('breaker-void')).toMatchObject([{ why: 'the namespace is gone' }]);
  });
});
