/** Deployments on a real control plane: what their users see of rollouts, and what the API server wrote down about them. */
import { describe, expect, test } from 'vitest';
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf } from '#core/owner.ts';
import type { ApiObject } from '#core/resource.ts';
import { brief, isOurs, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { followPods } from '#kit/count-active.ts';
import { activePods, newNamespace, withManager } from '#kit/manager.ts';

// Its largest scale-down would be held by the breaker, whose own test is elsewhere.
const world = withManager({ nodes: 4, first: { flags: ['--breaker-weight-per-cause=1000'] } });
const NAME = 'deployment.kubernetes.io';
const web = { namespace: 'shop', name: 'web' };

const spec = (name: string, image: string, more: object = {}) => ({
  selector: { matchLabels: { app: name } },
  template: {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'main', image }], terminationGracePeriodSeconds: 0 },
  },
  ...more,
});
const image = (of: string) => ({ spec: { template: { spec: { containers: [{ name: 'main', image: of }] } } } });

type Shown = (Deployment & ApiObject) | undefined;
const reasonOf = (found: Shown, type: string): string | undefined =>
  found?.status?.conditions?.find((condition) => condition.type === type)?.reason;

/** Waits until the rollout is over, with that many pods, and says so. */
async function complete(name: string, replicas: number, revision: string): Promise<Deployment> {
  const found = await world.admin.waitFor(
    'apps/deployments',
    { namespace: 'shop', name },
    (shown) =>
      shown?.status?.updatedReplicas === replicas &&
      shown.status.replicas === replicas &&
      shown.status.availableReplicas === replicas &&
      shown.status.observedGeneration === shown.metadata?.generation &&
      shown.metadata?.annotations?.[`${NAME}/revision`] === revision &&
      reasonOf(shown, 'Progressing') === 'NewReplicaSetAvailable',
    { timeout: 60_000, why: `revision ${revision} of ${name} with ${replicas} pods` },
  );
  return found as Deployment;
}

const setsOf = async (name: string): Promise<readonly ReplicaSet[]> =>
  (await world.admin.list('apps/replicasets', { namespace: 'shop', selector: `app=${name}` })) as readonly ReplicaSet[];
const runs = (set: ReplicaSet): string | undefined => set.spec.template?.spec?.containers[0]?.image;
const setFor = async (name: string, of: string): Promise<ReplicaSet | undefined> =>
  (await setsOf(name)).find((set) => runs(set) === of);
const eventually = (regarding: string, part: string) =>
  world.admin.waitForAll(
    'core/events',
    { namespace: 'shop', fields: `involvedObject.name=${regarding}` },
    (events) => events.some(({ message }) => message?.includes(part)),
    { why: `an Event about ${regarding} that says ${part}` },
  );

/** How many pods the ReplicaSets wished in all, one moment after another, until that is so. */
async function totalsUntil(done: (sets: readonly ReplicaSet[]) => boolean): Promise<readonly number[]> {
  const totals: number[] = [];
  const look = (sets: readonly ReplicaSet[]): boolean => {
    totals.push(sets.reduce((total, set) => total + (set.spec.replicas ?? 1), 0));
    return done(sets);
  };
  await world.admin.waitForAll(
    'apps/replicasets',
    { namespace: 'shop', selector: 'app=web' },
    (sets) => look(sets as readonly ReplicaSet[]),
    { timeout: 60_000, why: 'the end of the rollout' },
  );
  return totals;
}

describe('a Deployment', () => {
  test('gets a ReplicaSet of its own, and tells when its pods are available', async () => {
    const { admin } = world;
    await newNamespace(admin, 'shop');
    await admin.create('apps/deployments', {
      metadata: { ...web, annotations: { note: 'one' } },
      spec: spec('web', 'web:1', { replicas: 20 }),
    });
    const shown = await complete('web', 20, '1');
    const [set, ...others] = await setsOf('web');
    const hash = set?.metadata?.labels?.['pod-template-hash'] ?? '';
    expect(others).toEqual([]);
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
    expect(set?.metadata).toMatchObject({
      name: `web-${hash}`,
      annotations: {
        note: 'one',
        [`${NAME}/revision`]: '1',
        [`${NAME}/desired-replicas`]: '20',
        [`${NAME}/max-replicas`]: '25',
      },
      ownerReferences: [{ kind: 'Deployment', name: 'web', controller: true, blockOwnerDeletion: true }],
    });
    expect(set?.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(reasonOf(shown, 'Available')).toBe('MinimumReplicasAvailable');
    expect(shown.status?.conditions?.find(({ type }) => type === 'Progressing')?.message).toBe(
      `ReplicaSet "web-${hash}" has successfully progressed.`,
    );
    expect(shown.status?.terminatingReplicas).toBe(0);
    // As upstream's, its writes to the status do not count as a change of the Deployment.
    expect(shown.metadata?.generation).toBe(1);
    await eventually('web', `Scaled up replica set web-${hash} from 0 to 20`);
  });

  test('follows its size', async () => {
    const { admin } = world;
    await admin.patch('apps/deployments', web, { spec: { replicas: 50 } });
    await complete('web', 50, '1');
    const set = await setFor('web', 'web:1');
    expect(set?.metadata?.annotations).toMatchObject({
      [`${NAME}/desired-replicas`]: '50',
      [`${NAME}/max-replicas`]: '63',
    });
    await eventually('web', 'from 20 to 50');
  });

  test('rolls to another image within its bounds', async () => {
    const { admin } = world;
    const totals = totalsUntil((sets) => sizesOf(sets) === 'web:1 0, web:2 50');
    await admin.patch('apps/deployments', web, { metadata: { annotations: { note: 'two' } }, ...image('web:2') });
    await complete('web', 50, '2');
    const [old, now] = [await setFor('web', 'web:1'), await setFor('web', 'web:2')];
    expect([old?.spec.replicas, now?.spec.replicas]).toEqual([0, 50]);
    expect(old?.metadata?.annotations).toMatchObject({ note: 'one', [`${NAME}/revision`]: '1' });
    expect(now?.metadata?.annotations).toMatchObject({ note: 'two', [`${NAME}/revision`]: '2' });
    expect(await activePods(admin, 'shop', 'web')).toHaveLength(50);
    expect(Math.max(...(await totals))).toBeLessThanOrEqual(63);
  });

  test('rolls back where the old annotation asks for it, and remembers the revision it had', async () => {
    const { admin } = world;
    await admin.patch('apps/deployments', web, {
      metadata: { annotations: { 'deprecated.deployment.rollback.to': '0' } },
    });
    const shown = await complete('web', 50, '3');
    expect(shown.spec.template.spec?.containers[0]?.image).toBe('web:1');
    expect(shown.metadata?.annotations).toMatchObject({ note: 'one' });
    expect(shown.metadata?.annotations).not.toHaveProperty(['deprecated.deployment.rollback.to']);
    const set = await setFor('web', 'web:1');
    expect(set?.metadata?.annotations).toMatchObject({
      [`${NAME}/revision`]: '3',
      [`${NAME}/revision-history`]: '1',
    });
    await eventually('web', 'Rolled back deployment "web" to revision 1');
  });

  test('rolls nothing out while it is paused, but follows its size', async () => {
    const { admin } = world;
    await admin.patch('apps/deployments', web, { spec: { paused: true } });
    await admin.waitFor('apps/deployments', web, (shown) => reasonOf(shown, 'Progressing') === 'DeploymentPaused', {
      why: 'the condition of a pause',
    });
    await admin.patch('apps/deployments', web, image('web:3'));
    await admin.patch('apps/deployments', web, { spec: { replicas: 30 } });
    await admin.waitFor(
      'apps/deployments',
      web,
      (shown) =>
        shown?.status?.availableReplicas === 30 && shown.status.observedGeneration === shown.metadata?.generation,
      { why: '30 pods of a paused Deployment' },
    );
    expect(await setFor('web', 'web:3')).toBeUndefined();

    await admin.patch('apps/deployments', web, { spec: { paused: null } });
    await complete('web', 30, '4');
    expect((await setFor('web', 'web:3'))?.spec.replicas).toBe(30);
  });

  test('keeps as much of its history as wished', async () => {
    const { admin } = world;
    expect((await setsOf('web')).map(runs).sort()).toEqual(['web:1', 'web:2', 'web:3']);
    await admin.patch('apps/deployments', web, { spec: { revisionHistoryLimit: 1 } });
    await admin.waitForAll(
      'apps/replicasets',
      { namespace: 'shop', selector: 'app=web' },
      (sets) =>
        sets
          .map((set) => runs(set as ReplicaSet))
          .sort()
          .join() === 'web:1,web:3',
      { why: 'the oldest revision to go' },
    );
  });

  test('scales in proportion in the midst of a rollout', async () => {
    const { admin } = world;
    await admin.patch('apps/deployments', web, {
      spec: { ...image('web:4').spec, minReadySeconds: 500 },
    });
    // Nothing new becomes available: 7 missing of 30 are allowed, and 8 more.
    await admin.waitForAll(
      'apps/replicasets',
      { namespace: 'shop', selector: 'app=web' },
      (sets) => sizesOf(sets as ReplicaSet[]) === 'web:1 0, web:3 23, web:4 15',
      { why: 'the rollout to wait' },
    );
    await admin.patch('apps/deployments', web, { spec: { replicas: 60 } });
    await admin.waitForAll(
      'apps/replicasets',
      { namespace: 'shop', selector: 'app=web' },
      (sets) => sizesOf(sets as ReplicaSet[]) === 'web:1 0, web:3 45, web:4 30',
      { why: 'both ReplicaSets to grow' },
    );
    await admin.patch('apps/deployments', web, { spec: { replicas: 10, minReadySeconds: null } });
    await complete('web', 10, '5');
  });
});

const sizesOf = (sets: readonly ReplicaSet[]): string =>
  sets
    .map((set) => `${runs(set)} ${set.spec.replicas}`)
    .sort()
    .join(', ');

describe('a Deployment that recreates', () => {
  const cron = { namespace: 'shop', name: 'cron' };
  test('starts nothing new before the last old pod is gone', async () => {
    const { admin, cluster } = world;
    await admin.create('apps/deployments', {
      metadata: cron,
      spec: spec('cron', 'cron:1', { replicas: 6, strategy: { type: 'Recreate' } }),
    });
    await complete('cron', 6, '1');
    // By a watch: in the audit log kwok deletes once more what is gone already, whenever it comes to it.
    const seen: string[] = [];
    const stop = followPods(cluster, 'shop', 'cron', (pods) => {
      const images = new Set(pods.map(({ spec }) => spec?.containers[0]?.image));
      seen.push([...images].sort().join(' and '));
    });
    await expect.poll(() => seen).toContain('cron:1');
    await admin.patch('apps/deployments', cron, image('cron:2'));
    await complete('cron', 6, '2');
    await expect.poll(() => seen.at(-1)).toBe('cron:2');
    await stop();
    expect((await setsOf('cron')).map(({ spec: { replicas } }) => replicas).sort()).toEqual([0, 6]);
    expect([...new Set(seen)]).toEqual(['cron:1', '', 'cron:2']);
  });
});

describe('what somebody else left', () => {
  test('is taken over: a ReplicaSet of the same template, whatever its hash', async () => {
    const { admin } = world;
    const labels = { app: 'kept', 'pod-template-hash': 'theirs' };
    await admin.create('apps/replicasets', {
      metadata: { namespace: 'shop', name: 'kept-theirs', labels, annotations: { [`${NAME}/revision`]: '7' } },
      spec: {
        replicas: 3,
        ...spec('kept', 'kept:1', { selector: { matchLabels: labels } }),
        template: templateOf(labels),
      },
    });
    await admin.waitFor(
      'apps/replicasets',
      { namespace: 'shop', name: 'kept-theirs' },
      (set) => set?.status?.availableReplicas === 3,
      { why: 'three pods of a ReplicaSet without a Deployment' },
    );
    const before = (await activePods(admin, 'shop', 'kept')).map(({ metadata }) => metadata?.uid).sort();
    await admin.create('apps/deployments', {
      metadata: { namespace: 'shop', name: 'kept' },
      spec: spec('kept', 'kept:1', { replicas: 3 }),
    });
    await complete('kept', 3, '7');
    const [set, ...others] = await setsOf('kept');
    expect(others).toEqual([]);
    expect(controllerOf(set as ReplicaSet)).toMatchObject({ kind: 'Deployment', name: 'kept' });
    expect((await activePods(admin, 'shop', 'kept')).map(({ metadata }) => metadata?.uid).sort()).toEqual(before);
  });

  test('is left alone: a ReplicaSet that has the name already; another name is taken', async () => {
    const { admin } = world;
    const shown = await admin.create('apps/deployments', {
      metadata: { namespace: 'shop', name: 'twice' },
      spec: spec('twice', 'twice:1', { replicas: 1, paused: true }),
    });
    const hash = await nameThatComes(shown as Deployment);
    await admin.create('apps/replicasets', {
      metadata: { namespace: 'shop', name: `twice-${hash}` },
      spec: { replicas: 0, ...spec('foreign', 'foreign:1') },
    });
    await admin.patch('apps/deployments', { namespace: 'shop', name: 'twice' }, { spec: { paused: false } });
    const after = await complete('twice', 1, '1');
    expect(after.status?.collisionCount).toBe(1);
    expect((await setsOf('twice')).map(({ metadata }) => metadata?.name)).not.toContain(`twice-${hash}`);
  });
});

const templateOf = (labels: object): object => ({
  metadata: { labels },
  spec: { containers: [{ name: 'main', image: 'kept:1' }], terminationGracePeriodSeconds: 0 },
});

/** The hash that a Deployment of the same template gets. */
async function nameThatComes(like: Deployment): Promise<string> {
  const { admin } = world;
  const name = 'probe';
  const metadata = { namespace: 'shop', name };
  await admin.create('apps/deployments', {
    metadata,
    spec: { ...like.spec, paused: false, replicas: 0 },
  });
  const sets = await admin.waitForAll(
    'apps/replicasets',
    { namespace: 'shop', selector: 'app=twice' },
    (found) => found.length === 1,
    { why: 'a ReplicaSet of the same template' },
  );
  await admin.delete('apps/deployments', metadata, { propagationPolicy: 'Background' });
  const [set] = sets;
  await admin.delete('apps/replicasets', { namespace: 'shop', name: set?.metadata?.name ?? '' });
  return set?.metadata?.labels?.['pod-template-hash'] ?? '';
}

describe('trouble', () => {
  test('is told: the Deployment says why its pods are refused, and that it is stuck', async () => {
    const { admin } = world;
    const miner = { namespace: 'shop', name: 'miner' };
    await admin.create('apps/deployments', {
      metadata: miner,
      spec: {
        replicas: 2,
        progressDeadlineSeconds: 2,
        selector: { matchLabels: { app: 'miner' } },
        template: {
          metadata: { labels: { app: 'miner' } },
          spec: { containers: [{ name: 'main', image: 'm:1', securityContext: { privileged: true } }] },
        },
      },
    });
    const shown = await admin.waitFor(
      'apps/deployments',
      miner,
      (found) =>
        reasonOf(found, 'ReplicaFailure') === 'FailedCreate' &&
        reasonOf(found, 'Progressing') === 'ProgressDeadlineExceeded',
      { why: 'a Deployment that is stuck' },
    );
    expect(reasonOf(shown, 'Available')).toBe('MinimumReplicasUnavailable');
    expect(JSON.stringify(shown?.status?.conditions)).toContain('pod-security-baseline/privileged');
  });

  test('a Deployment that is deleted leaves its ReplicaSets as they are', async () => {
    const { admin } = world;
    const before = await setsOf('web');
    await admin.delete('apps/deployments', web, { propagationPolicy: 'Orphan' });
    await admin.patch('apps/deployments', { namespace: 'shop', name: 'kept' }, { spec: { replicas: 4 } });
    await complete('kept', 4, '7');
    expect((await setsOf('web')).map(({ spec: { replicas } }) => replicas)).toEqual(
      before.map(({ spec: { replicas } }) => replicas),
    );
  });
});

describe('as the API server saw it', () => {
  test('nothing was refused, and ReplicaSets were written under the name of this controller', async () => {
    const ours = readAudit(world.cluster).filter(isOurs);
    expect(brief(refusedByAuthority(ours))).toEqual([]);
    const by = (resource: string, subresource?: string) =>
      new Set(
        ours
          .filter(
            ({ verb, objectRef }) =>
              ['create', 'patch'].includes(verb) &&
              objectRef?.resource === resource &&
              objectRef.subresource === subresource,
          )
          .map(({ user }) => user.username)
          // It frees or deletes what a deleted Deployment leaves: references and finalizers, never a spec (see its admission).
          .filter((name) => name !== 'comptroller:garbage-collector'),
      );
    expect(by('replicasets')).toEqual(new Set(['comptroller:deployment']));
    expect(by('deployments')).toEqual(new Set(['comptroller:deployment']));
    expect(by('deployments', 'status')).toEqual(new Set(['comptroller:deployment']));
    expect(by('replicasets', 'status')).toEqual(new Set(['comptroller:replicaset']));
  });
});
