/** One Comptroller on a real control plane: what its users see, and what the API server wrote down about it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { brief, isMutating, isOurs, isWork, logOf, ourWrites, readAudit, refusedByAuthority } from '#kit/audit.ts';
import {
  activePods,
  knock,
  leaseOf,
  liveLog,
  metric,
  newNamespace,
  ready,
  recordsIn,
  saidBy,
  scale,
  withManager,
} from '#kit/manager.ts';
import type { RunningManager } from '#local/manager.ts';
import { orphan, replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 4 });
const web = { namespace: 'shop', name: 'web' };

describe('a namespace', () => {
  test('gets its ServiceAccount and the CA, and gets them back', async () => {
    const { admin } = world;
    await newNamespace(admin, 'shop');
    const account = { namespace: 'shop', name: 'default' };
    const ca = { namespace: 'shop', name: 'kube-root-ca.crt' };
    const published = await admin.waitFor('core/configmaps', ca, (found) => found !== undefined, { why: 'the CA' });
    expect(published?.data?.['ca.crt']).toContain('BEGIN CERTIFICATE');

    const before = await admin.get('core/serviceaccounts', account);
    await admin.delete('core/serviceaccounts', account);
    await admin.waitFor('core/serviceaccounts', account, (found) => isAnother(found, before), {
      why: 'another default',
    });
    await admin.delete('core/configmaps', ca);
    await admin.waitFor('core/configmaps', ca, (found) => isAnother(found, published), { why: 'another CA' });
    await admin.patch('core/configmaps', ca, { data: { 'ca.crt': 'forged', other: 'x' } });
    const restored = await admin.waitFor('core/configmaps', ca, (found) => found?.data?.['ca.crt'] !== 'forged', {
      why: 'the CA to be restored',
    });
    expect(restored?.data).toEqual(published?.data);
  });
});

interface Uid {
  readonly metadata?: { readonly uid?: string };
}
const isAnother = (found: Uid | undefined, before: Uid | undefined): boolean =>
  found !== undefined && found.metadata?.uid !== before?.metadata?.uid;

describe('a ReplicaSet', () => {
  test('becomes ready, and follows its scale up and down', async () => {
    const { admin } = world;
    await admin.create('apps/replicasets', replicaSet('shop', 'web', 50));
    await ready(admin, web, 50);
    await scale(admin, web, 80);
    await ready(admin, web, 80);
    // Less than half: more at once is held by the breaker.
    await scale(admin, web, 45);
    await ready(admin, web, 45);
    expect(await activePods(admin, 'shop', 'web')).toHaveLength(45);
  });

  test('adopts a pod that matches, releases one that no longer does, and replaces both', async () => {
    const { admin } = world;
    await admin.create('apps/replicasets', replicaSet('shop', 'keep', 3));
    const keep = { namespace: 'shop', name: 'keep' };
    await ready(admin, keep, 3);
    const [first] = await activePods(admin, 'shop', 'keep');
    const name = first?.metadata?.name ?? '';
    await admin.patch('core/pods', { namespace: 'shop', name }, { metadata: { labels: { app: 'free' } } });
    const free = await admin.waitFor(
      'core/pods',
      { namespace: 'shop', name },
      (pod) => (pod?.metadata?.ownerReferences ?? []).length === 0,
      { why: 'its release' },
    );
    expect(free?.metadata?.uid).toBe(first?.metadata?.uid);
    await ready(admin, keep, 3);

    await scale(admin, keep, 0);
    await ready(admin, keep, 0);
    await admin.create('core/pods', orphan('shop', 'stray', 'stray'));
    // Two watches: a ReplicaSet that is seen before a pod of the same moment makes its own, as upstream's would.
    await admin.waitFor('core/pods', { namespace: 'shop', name: 'stray' }, isReady, {
      why: 'the stray pod to be ready',
    });
    await admin.create('apps/replicasets', replicaSet('shop', 'stray', 2));
    await ready(admin, { namespace: 'shop', name: 'stray' }, 2);
    const adopted = await admin.get('core/pods', { namespace: 'shop', name: 'stray' });
    expect(adopted?.metadata?.ownerReferences).toMatchObject([
      { kind: 'ReplicaSet', name: 'stray', controller: true, blockOwnerDeletion: true },
    ]);
  });

  test('brings killed pods back', async () => {
    const { admin } = world;
    const killed = (await activePods(admin, 'shop', 'web')).slice(0, 5);
    for (const { metadata } of killed)
      await admin.delete('core/pods', { namespace: 'shop', name: metadata?.name ?? '' }, { gracePeriodSeconds: 0 });
    const gone = new Set(killed.map(({ metadata }) => metadata?.uid));
    await admin.waitForAll(
      'core/pods',
      { namespace: 'shop', selector: 'app=web' },
      (pods) => pods.filter((pod) => !gone.has(pod.metadata?.uid)).length === 45,
      { why: 'five others' },
    );
    await ready(admin, web, 45);
  });
});

const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

describe('a privileged ReplicaSet', () => {
  const miner = { namespace: 'shop', name: 'miner' };
  const rule = 'pod-security-baseline/privileged';
  const failure = (set: ReplicaSet | undefined) =>
    set?.status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');

  test('I2: gets not one pod; its condition, an Event and the ledger name the rule', async () => {
    const { admin, cluster, manager } = world;
    await admin.create('apps/replicasets', replicaSet('shop', 'miner', 3, { securityContext: { privileged: true } }));
    const set = await admin.waitFor('apps/replicasets', miner, (found) => failure(found) !== undefined, {
      why: 'the condition ReplicaFailure',
    });
    expect(failure(set)?.message).toContain(rule);
    await admin.waitForAll(
      'core/events',
      { namespace: 'shop', fields: 'involvedObject.name=miner' },
      (events) => events.some(({ message }) => message?.includes(rule)),
      { why: 'an Event that names the rule' },
    );
    const tried = readAudit(cluster).filter(
      ({ verb, objectRef }) =>
        verb === 'create' && objectRef?.resource === 'pods' && objectRef.name?.startsWith('miner-') === true,
    );
    expect(brief(tried)).toEqual([]);
    expect(await activePods(admin, 'shop', 'miner')).toEqual([]);
    const denials = (await recordsIn(manager.ledgerDir)).filter(({ type }) => type === 'denial');
    expect(JSON.stringify(denials)).toContain(rule);
  });

  test('I11: is not tried again while nothing changes, and works once its template is mended', async () => {
    const { admin } = world;
    const asked = (): Promise<number> =>
      metric(world, 'policy_decisions_total', '{controller="replicaset",verdict="deny"}');
    const before = await asked();
    expect(before).toBeGreaterThan(0);
    // An annotation is nothing that the decision rests on; the reconciliation that it causes is seen in the queue.
    for (const note of ['a', 'b', 'c'])
      await admin.patch('apps/replicasets', miner, { metadata: { annotations: { note } } });
    await scale(admin, web, 46);
    await ready(admin, web, 46);
    expect(await asked()).toBe(before);

    const mended = replicaSet('shop', 'miner', 3).spec?.template?.spec?.containers;
    await admin.patch('apps/replicasets', miner, { spec: { template: { spec: { containers: mended } } } });
    await ready(admin, miner, 3);
    const set = await admin.waitFor('apps/replicasets', miner, (found) => failure(found) === undefined, {
      why: 'the condition to go',
    });
    expect(failure(set)).toBeUndefined();
  });
});

describe('as the API server saw it', () => {
  test('I4: each write came from the identity of its controller, under an Audit-ID of the ledger', async () => {
    const { cluster, manager } = world;
    const { id } = await liveLog(manager);
    const writes = ourWrites(cluster);
    expect(writes.length).toBeGreaterThan(200);
    expect(new Set(writes.map(logOf))).toEqual(new Set([id]));
    const users = (resource: string) =>
      new Set(writes.filter(({ objectRef }) => objectRef?.resource === resource).map(({ user }) => user.username));
    expect(users('pods')).toEqual(new Set(['comptroller:replicaset']));
    expect(users('replicasets')).toEqual(new Set(['comptroller:replicaset']));
    expect(users('serviceaccounts')).toEqual(new Set(['comptroller:serviceaccount']));
    expect(users('configmaps')).toEqual(new Set(['comptroller:root-ca-certificate-publisher', 'comptroller:breaker']));
    expect(users('leases')).toEqual(new Set(['comptroller:leader']));
    expect(users('events')).toEqual(new Set(['comptroller:replicaset']));
  });

  test('I1: each Audit-ID is that of one durable intent, and none came twice', async () => {
    const { cluster, manager } = world;
    const intents = new Set(
      (await recordsIn(manager.ledgerDir))
        .filter(({ type }) => type === 'intent')
        .map(({ log, seq }) => `${log}-${seq}`),
    );
    const ids = ourWrites(cluster).map(({ auditID }) => auditID);
    expect(ids.filter((id) => !intents.has(id.slice(0, id.lastIndexOf('-'))))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('I7: nothing was refused by RBAC, and nobody else made or deleted pods of a ReplicaSet', async () => {
    const { cluster } = world;
    const events = readAudit(cluster);
    expect(brief(refusedByAuthority(events.filter(isOurs)))).toEqual([]);
    const others = events.filter(
      (event) =>
        isMutating(event) &&
        event.verb === 'create' &&
        event.objectRef?.resource === 'pods' &&
        event.objectRef.subresource === undefined &&
        !isOurs(event),
    );
    expect(others.map(({ user, objectRef }) => `${user.username} ${objectRef?.name}`)).toEqual(['local:admin stray']);
  });
});

describe('the process', () => {
  test('is found by scanners under its upstream name, with what is in effect', async () => {
    const { manager } = world;
    const listed = execFileSync('ps', ['-C', 'kube-controller', '-o', 'pid=,args='], { encoding: 'utf8' });
    const line = listed.split('\n').find((one) => one.trim().startsWith(`${manager.pid} `));
    expect(line).toContain('kube-controller-manager --profiling=false --use-service-account-credentials=true');
    expect(line).toContain(`--secure-port=${manager.port}`);
    expect(line).not.toContain('keeper');
  });

  test('tells anyone of its health, and its metrics only to who may read them', async () => {
    const { manager, cluster } = world;
    expect(await knock(manager, '/readyz')).toMatchObject({ status: 200, body: 'ok' });
    expect(await knock(manager, '/healthz')).toMatchObject({ status: 200 });
    expect((await knock(manager, '/metrics')).status).toBe(401);
    const { status, body } = await knock(manager, '/metrics', cluster.adminKeys);
    expect(status).toBe(200);
    expect(body).toContain('gate_writes_total');
    expect(body).toMatch(/^ledger_unrecorded_total 0$/m);
  });

  test('ends in order: code 0, the lease free, the last record a stop; the next one takes over at once', async () => {
    const { admin, manager, cluster } = world;
    const held = await leaseOf(admin);
    expect(held?.spec?.holderIdentity).not.toBe('');
    expect(await manager.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const free = await leaseOf(admin);
    expect(free?.spec?.holderIdentity ?? '').toBe('');
    expect((await recordsIn(manager.ledgerDir)).at(-1)).toMatchObject({ type: 'stop' });

    await scale(admin, web, 51);
    const second = await world.start();
    // The lease lasts 15 s; who waited for it to run out would be far over this. A busy machine may be slow to start.
    expect(saidAt(second, 'winning leadership') - saidAt(second, 'policy bundle activated')).toBeLessThan(8000);
    await ready(admin, web, 51);
    const { id } = await liveLog(second);
    const after = ourWrites(cluster)
      .filter(isWork)
      .filter((event) => logOf(event) === id);
    expect(after.length).toBeGreaterThanOrEqual(5);
    expect((await leaseOf(admin))?.spec?.leaseTransitions).toBe((held?.spec?.leaseTransitions ?? 0) + 1);
    noSecrets(manager);
    noSecrets(second);
  });
});

/** I9, for what a process says of itself. */
function noSecrets(manager: RunningManager): void {
  const said = saidBy(manager);
  expect(said).not.toContain('PRIVATE KEY');
  expect(said).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\./);
  expect(said).not.toMatch(/bearer/i);
  expect(said).not.toContain('"d":');
}

/** Milliseconds since 1970 at which its log says so. */
function saidAt({ logFile }: { readonly logFile: string }, msg: string): number {
  const lines = readFileSync(logFile, 'utf8').split('\n').filter(Boolean);
  const line = lines.map((text) => JSON.parse(text) as { msg: string; ts: string }).find((one) => one.msg === msg);
  return Date.parse(line?.ts ?? '');
}
