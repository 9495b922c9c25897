/** The blast-radius breaker on a real control plane: seen by the people on call, kept over a restart, let go by one of them. */
import { beforeAll, describe, expect, test } from 'vitest';
import { ourWrites } from '#kit/audit.ts';
import { activePods, metric, newNamespace, ready, recordsIn, scale, withManager } from '#kit/manager.ts';
import { comptroller, type Hold, onCall } from '#kit/on-call.ts';
import { until } from '#kit/wait.ts';
import type { RunningManager } from '#local/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 2, first: { flags: ['--controllers=deployment,replicaset,serviceaccount'] } });
const NAMESPACE = 'blast';
const web = { namespace: NAMESPACE, name: 'web' };
const REASON = 'the tenant moves out, ticket 4711';
let manager: RunningManager;
const { person, breaker, ...people } = onCall(world, NAMESPACE, () => manager);
const holds = () => people.holds('viewer');
const heldAt = (count: number, why: string): Promise<readonly Hold[]> => people.heldAt('viewer', count, why);

beforeAll(async () => {
  manager = world.manager;
  const { admin } = world;
  await newNamespace(admin, NAMESPACE);
  await person('viewer', 'comptroller:breaker-viewer');
  await person('ann', 'comptroller:breaker-operator');
  await admin.create('apps/replicasets', replicaSet(NAMESPACE, 'web', 60));
  await ready(admin, web, 60);
});

const deletions = (): number =>
  ourWrites(world.cluster).filter(({ verb, objectRef }) => verb === 'delete' && objectRef?.resource === 'pods').length;

const eventSaid = (reason: string): Promise<unknown> =>
  world.admin.waitForAll(
    'core/events',
    { namespace: NAMESPACE, fields: 'involvedObject.name=web' },
    (events) => events.some((event) => event.reason === reason && event.source?.component === 'breaker-controller'),
    { why: `the Event ${reason}` },
  );

describe('a ReplicaSet of 60 that is scaled to 5 by mistake', () => {
  let first: Hold | undefined;

  test('loses not one pod: it is held, listed and told', async () => {
    await scale(world.admin, web, 5);
    [first] = await heldAt(1, 'the hold to be listed');
    expect(first).toMatchObject({
      state: 'open',
      weight: 55,
      limit: 40,
      percent: 92,
      writes: 55,
      controller: 'replicaset',
    });
    expect(deletions()).toBe(0);
    expect(await activePods(world.admin, NAMESPACE, 'web')).toHaveLength(60);
    await eventSaid('BreakerTripped');
    const { out } = await breaker('viewer', 'show', first?.id ?? '');
    expect(out).toContain(`apps/replicasets ${NAMESPACE}/web`);
    expect(out).toContain(`comptroller breaker release ${first?.id}`);
  });

  test('I18: the hold is there after a restart, and holds still', async () => {
    expect(await manager.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    manager = await world.start({ flags: ['--controllers=deployment,replicaset,serviceaccount'] });
    expect(await heldAt(1, 'the hold to be there again')).toEqual([{ ...first, waiting: expect.any(Number) }]);
    await world.admin.patch('apps/replicasets', web, { metadata: { annotations: { looked: 'yes' } } });
    await until(() => recorded('denial', 'GATE_HELD'), { timeout: 20_000, why: 'the refusal to be recorded' });
    expect(deletions()).toBe(0);
  });

  test('is put right by its owner: the hold is void by itself', async () => {
    await scale(world.admin, web, 60);
    await heldAt(0, 'the hold to end');
    await eventSaid('BreakerVoided');
    expect(deletions()).toBe(0);
  });
});

async function recorded(type: string, text: string): Promise<boolean | undefined> {
  const records = await recordsIn(manager.ledgerDir);
  return records.some((one) => one.type === type && JSON.stringify(one.data).includes(text)) || undefined;
}

describe('when it was meant', () => {
  test('only who may decide lets it go, and says why; then exactly that goes', async () => {
    await scale(world.admin, web, 5);
    const [hold] = await heldAt(1, 'the second hold');
    const id = hold?.id ?? '';
    expect(await breaker('viewer', 'release', id, '--reason', REASON)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/breaker-operator/),
    });
    expect((await breaker('ann', 'release', id)).err).toContain('--reason');
    expect((await breaker('ann', 'release', 'other', '--reason', REASON)).err).toContain('no hold has it');
    expect(deletions()).toBe(0);

    expect(await breaker('ann', 'release', id, '--reason', REASON)).toMatchObject({ code: 0 });
    await ready(world.admin, web, 5);
    await until(() => deletions() === 55 || undefined, { timeout: 20_000, why: '55 deletions in the audit log' });
    await eventSaid('BreakerReleased');
    expect(await holds()).toEqual([]);
  });
});

describe('a Deployment of 50', () => {
  const app = { namespace: NAMESPACE, name: 'app' };
  const wish = (replicas: number) => world.admin.patch('apps/deployments', app, { spec: { replicas } });
  const settled = (replicas: number, why: string) =>
    world.admin.waitFor(
      'apps/deployments',
      app,
      (found) =>
        found?.status?.observedGeneration === found?.metadata?.generation &&
        found?.status?.updatedReplicas === replicas &&
        found.status.replicas === replicas &&
        found.status.availableReplicas === replicas,
      { timeout: 90_000, why },
    );

  test('rolls over without a word: what stays available is not lost', async () => {
    const { metadata, spec } = replicaSet(NAMESPACE, 'app', 50);
    await world.admin.create('apps/deployments', { metadata, spec });
    await settled(50, '50 pods of the Deployment');
    const before = deletions();
    await world.admin.patch('apps/deployments', app, {
      spec: { template: { metadata: { annotations: { turn: 'two' } } } },
    });
    await settled(50, 'the rollout');
    expect(deletions() - before).toBeGreaterThanOrEqual(50);
    expect(await holds()).toEqual([]);
  });

  test('scaled to 5 by mistake it loses nothing: the patch of its ReplicaSet is held, and void when it is put right', async () => {
    const before = deletions();
    await wish(5);
    const [hold] = await heldAt(1, 'the hold of the Deployment');
    expect(hold).toMatchObject({
      controller: 'deployment',
      subject: `apps/deployments ${NAMESPACE}/app`,
      weight: 45,
      writes: 1,
    });
    expect(await activePods(world.admin, NAMESPACE, 'app')).toHaveLength(50);
    await wish(50);
    await heldAt(0, 'the hold to end');
    await settled(50, 'the Deployment to be in order');
    expect(deletions()).toBe(before);
  });

  test('released, its ReplicaSet is lowered once, and the pods follow without a second word', async () => {
    const before = deletions();
    await wish(5);
    const [hold] = await heldAt(1, 'the hold of the Deployment');
    expect(await breaker('ann', 'release', hold?.id ?? '', '--reason', 'meant')).toMatchObject({ code: 0 });
    await settled(5, '5 pods of the Deployment');
    await until(() => deletions() - before === 45 || undefined, { timeout: 20_000, why: '45 deletions' });
    expect(await holds()).toEqual([]);
  });
});

describe('afterwards', () => {
  test('I18: what was only counted is kept when the process ends in order', async () => {
    const { admin } = world;
    await scale(admin, web, 4);
    await ready(admin, web, 4);
    expect(await manager.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const uid = (await admin.get('apps/replicasets', web))?.metadata?.uid;
    const at = { namespace: 'comptroller-system', name: 'comptroller-breaker' };
    const kept = JSON.parse((await admin.get('core/configmaps', at))?.data?.['state.json'] ?? '{}');
    const { accounts } = kept as { accounts: { id: string; tallies: { used: number }[] }[] };
    const used = accounts.find(({ id }) => id === uid)?.tallies.reduce((sum, tally) => sum + tally.used, 0);
    expect(used).toBe(56);
    manager = await world.start({ flags: ['--controllers=deployment,replicaset,serviceaccount'] });
  });

  test('the ledger knows the person and the reason, and is whole; what the breaker keeps went through it, too', async () => {
    const by = `system:serviceaccount:${NAMESPACE}:ann`;
    const notes = (await recordsIn(manager.ledgerDir)).filter(({ type }) => type === 'note').map(({ data }) => data);
    expect(notes).toContainEqual(expect.objectContaining({ note: 'breaker-release', by, said: REASON, weight: 55 }));
    const roots = (kind: string) =>
      notes.flatMap(({ note, root }) => (note === kind ? [(root as { name: string }).name] : [])).sort();
    expect(roots('breaker-trip')).toEqual(['app', 'app', 'web', 'web']);
    expect(roots('breaker-void')).toEqual(['app', 'web']);
    const state = ourWrites(world.cluster).filter(({ objectRef }) => objectRef?.name === 'comptroller-breaker');
    expect(new Set(state.map(({ user }) => user.username))).toEqual(new Set(['comptroller:breaker']));
    expect(await metric({ ...world, manager }, 'breaker_holds', '{state="open"}')).toBe(0);
    expect(await manager.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const { code, out } = await comptroller('ledger', 'verify', '--dir', manager.ledgerDir);
    expect([code, out.split(' ')[0]]).toEqual([0, 'OK']);
  });
});
