/** The garbage collector on a real control plane: what ends with an owner, what stays, and what stops it from neither. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import { brief, isOurs, logOf, ourWrites, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { activePods, metric, newNamespace, ROOT, ready, recordsIn, SHORT_LEASE, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { RunningManager } from '#local/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 2, first: { flags: SHORT_LEASE } });
/** Who took over after the crash. */
let successor: RunningManager | undefined;
const WIDGETS: Resource = 'example.com/widgets@v2,Widget,namespaced';
const CRDS: Resource = 'apiextensions.k8s.io/customresourcedefinitions';
const HOLD = 'example.com/hold';
const BREAKER = 'comptroller-breaker';

const ownedBy = (resource: Resource, owner: ApiObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: apiVersionOf(resource),
  kind: resourceInfo(resource).kind,
  name: owner.metadata?.name ?? '',
  uid: owner.metadata?.uid ?? '',
  ...more,
});

/** Something small: a ConfigMap unless another resource is named. */
async function make(
  admin: Admin,
  namespace: string,
  name: string,
  owners: readonly OwnerReference[] = [],
  { resource = 'core/configmaps', more = {} }: { resource?: Resource; more?: object } = {},
): Promise<ApiObject> {
  const metadata = { ...(resourceInfo(resource).namespaced && { namespace }), name, ownerReferences: owners, ...more };
  return (await admin.create(resource, { metadata })) as ApiObject;
}

function gone(admin: Admin, resource: Resource, namespace: string, name: string): Promise<unknown> {
  const why = `${name} to be gone`;
  return admin.waitFor(resource, { namespace, name }, (found) => found === undefined, { why });
}

function freed(admin: Admin, resource: Resource, namespace: string, name: string): Promise<ApiObject | undefined> {
  const free = (found: ApiObject | undefined): boolean => (found?.metadata?.ownerReferences ?? []).length === 0;
  return admin.waitFor(resource, { namespace, name }, free, { why: `${name} to have no owner` });
}

describe('what an owner leaves', () => {
  test('goes in the background, Secrets and all, down the whole chain', async () => {
    const { admin } = world;
    await newNamespace(admin, 'shop');
    const top = await make(admin, 'shop', 'top');
    await make(admin, 'shop', 'key', [ownedBy('core/configmaps', top)], { resource: 'core/secrets' });
    const set = await admin.create('apps/replicasets', {
      ...replicaSet('shop', 'chain', 5),
      metadata: { namespace: 'shop', name: 'chain', ownerReferences: [ownedBy('core/configmaps', top)] },
    });
    await ready(admin, { namespace: 'shop', name: 'chain' }, 5);
    expect(set.metadata?.uid).toBeDefined();
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'top' });
    await gone(admin, 'core/secrets', 'shop', 'key');
    await gone(admin, 'apps/replicasets', 'shop', 'chain');
    await admin.waitForAll('core/pods', { namespace: 'shop', selector: 'app=chain' }, (pods) => pods.length === 0, {
      why: 'the pods to be gone',
    });
  });

  test('stays where it was orphaned, pods of a ReplicaSet and custom objects alike', async () => {
    const { admin } = world;
    await admin.create('apps/replicasets', replicaSet('shop', 'left', 3));
    await ready(admin, { namespace: 'shop', name: 'left' }, 3);
    const pods = await activePods(admin, 'shop', 'left');
    await admin.delete('apps/replicasets', { namespace: 'shop', name: 'left' }, { propagationPolicy: 'Orphan' });
    await gone(admin, 'apps/replicasets', 'shop', 'left');
    for (const { metadata } of pods) await freed(admin, 'core/pods', 'shop', metadata?.name ?? '');
    expect((await activePods(admin, 'shop', 'left')).map(({ metadata }) => metadata?.uid).sort()).toEqual(
      pods.map(({ metadata }) => metadata?.uid).sort(),
    );
  });

  test('goes first in the foreground', async () => {
    const { admin } = world;
    const owner = await make(admin, 'shop', 'last');
    const reference = ownedBy('core/configmaps', owner, { blockOwnerDeletion: true });
    const held = await make(admin, 'shop', 'first', [reference], { more: { finalizers: [HOLD] } });
    await make(admin, 'shop', 'below', [ownedBy('core/configmaps', held, { blockOwnerDeletion: true })]);
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'last' }, { propagationPolicy: 'Foreground' });
    await gone(admin, 'core/configmaps', 'shop', 'below');
    const waiting = await admin.get('core/configmaps', { namespace: 'shop', name: 'last' });
    expect(waiting?.metadata?.finalizers).toEqual(['foregroundDeletion']);
    await admin.patch('core/configmaps', { namespace: 'shop', name: 'first' }, { metadata: { finalizers: null } });
    await gone(admin, 'core/configmaps', 'shop', 'last');
    await gone(admin, 'core/configmaps', 'shop', 'first');
  });

  test('goes even where owners stand in a circle', async () => {
    const { admin } = world;
    const a = await make(admin, 'shop', 'circle-a');
    const b = await make(admin, 'shop', 'circle-b', [ownedBy('core/configmaps', a, { blockOwnerDeletion: true })]);
    const back = ownedBy('core/configmaps', b, { blockOwnerDeletion: true });
    await admin.patch(
      'core/configmaps',
      { namespace: 'shop', name: 'circle-a' },
      { metadata: { ownerReferences: [back] } },
    );
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'circle-a' }, { propagationPolicy: 'Foreground' });
    await gone(admin, 'core/configmaps', 'shop', 'circle-a');
    await gone(admin, 'core/configmaps', 'shop', 'circle-b');
  });
});

describe('what has another owner', () => {
  test('stays, and loses the reference that leads nowhere', async () => {
    const { admin } = world;
    const [one, two] = [await make(admin, 'shop', 'one'), await make(admin, 'shop', 'two')];
    await make(admin, 'shop', 'both', [ownedBy('core/configmaps', one), ownedBy('core/configmaps', two)]);
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'one' });
    const both = await admin.waitFor(
      'core/configmaps',
      { namespace: 'shop', name: 'both' },
      (found) => found?.metadata?.ownerReferences?.length === 1,
      { why: 'the lost reference to go' },
    );
    expect(both?.metadata?.ownerReferences?.[0]?.name).toBe('two');
  });

  test('of another namespace is not owned, and hears so', async () => {
    const { admin } = world;
    await newNamespace(admin, 'away');
    const owner = await make(admin, 'away', 'far');
    await make(admin, 'shop', 'stranger', [ownedBy('core/configmaps', owner)]);
    await gone(admin, 'core/configmaps', 'shop', 'stranger');
    await admin.waitForAll(
      'core/events',
      { namespace: 'shop', fields: 'involvedObject.name=stranger' },
      (events) => events.some(({ reason }) => reason === 'OwnerRefInvalidNamespace'),
      { why: 'the Event' },
    );
    expect(await admin.get('core/configmaps', { namespace: 'away', name: 'far' })).toBeDefined();
  });

  test('a cluster-scoped object that names a namespaced owner stays', async () => {
    const { admin } = world;
    const owner = await make(admin, 'shop', 'small');
    const at = { resource: 'storage.k8s.io/storageclasses' as Resource };
    await admin.create(at.resource, {
      metadata: { name: 'wide', ownerReferences: [ownedBy('core/configmaps', owner)] },
      provisioner: 'example.com/none',
    });
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'small' });
    // Another owner's end, seen later by the same watch, has run its course by then.
    const mark = await make(admin, 'shop', 'mark');
    await make(admin, 'shop', 'marked', [ownedBy('core/configmaps', mark)]);
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'mark' });
    await gone(admin, 'core/configmaps', 'shop', 'marked');
    expect(await admin.get(at.resource, { name: 'wide' })).toBeDefined();
  });
});

const definition = (stored: string) => ({
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: ['v2', 'v1'].map((name) => ({
      name,
      served: true,
      storage: name === stored,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    })),
  },
});

async function define(admin: Admin): Promise<void> {
  await admin.create(CRDS, definition('v2'));
  await until(async () => (await admin.call('GET', '/apis/example.com/v2/widgets')).status === 200, {
    timeout: 20_000,
    why: 'widgets to be served',
  });
}

describe('custom resources', () => {
  test('own, in any version that is served, and are owned, from the moment that they are defined', async () => {
    const { admin } = world;
    await define(admin);
    const owner = await make(admin, 'shop', 'gear', [], { resource: WIDGETS });
    const old = ownedBy(WIDGETS, owner, { apiVersion: 'example.com/v1' });
    const middle = await make(admin, 'shop', 'cog', [old], { resource: WIDGETS });
    await make(admin, 'shop', 'tooth', [ownedBy(WIDGETS, middle)]);
    const other = await make(admin, 'shop', 'frame');
    await make(admin, 'shop', 'shared', [ownedBy(WIDGETS, owner), ownedBy('core/configmaps', other)], {
      resource: WIDGETS,
    });
    await make(admin, 'shop', 'alive', [old]);
    await admin.delete(WIDGETS, { namespace: 'shop', name: 'cog' });
    await gone(admin, 'core/configmaps', 'shop', 'tooth');
    expect(await admin.get('core/configmaps', { namespace: 'shop', name: 'alive' })).toBeDefined();
    await admin.delete(WIDGETS, { namespace: 'shop', name: 'gear' });
    await gone(admin, 'core/configmaps', 'shop', 'alive');
    const shared = await admin.waitFor(
      WIDGETS,
      { namespace: 'shop', name: 'shared' },
      (found) => found?.metadata?.ownerReferences?.length === 1,
      { why: 'the lost reference to go' },
    );
    expect(shared?.metadata?.ownerReferences?.[0]?.name).toBe('frame');
  });

  test('are orphaned, and end in the foreground', async () => {
    const { admin } = world;
    const owner = await make(admin, 'shop', 'axle', [], { resource: WIDGETS });
    await make(admin, 'shop', 'wheel', [ownedBy(WIDGETS, owner)], { resource: WIDGETS });
    const at = { namespace: 'shop', name: 'axle' };
    // The collector has to know the dependent: it collects it where the owner is not known to be there.
    const other = await make(admin, 'shop', 'spare', [], { resource: WIDGETS });
    await make(admin, 'shop', 'known', [ownedBy(WIDGETS, other)], { resource: WIDGETS });
    await admin.delete(WIDGETS, { namespace: 'shop', name: 'spare' });
    await gone(admin, WIDGETS, 'shop', 'known');
    await admin.delete(WIDGETS, at, { propagationPolicy: 'Orphan' });
    await gone(admin, WIDGETS, 'shop', 'axle');
    const wheel = await freed(admin, WIDGETS, 'shop', 'wheel');
    expect(wheel?.metadata?.deletionTimestamp).toBeUndefined();

    const rim = ownedBy(WIDGETS, wheel as ApiObject, { blockOwnerDeletion: true });
    await make(admin, 'shop', 'rim', [rim], { resource: WIDGETS });
    await admin.delete(WIDGETS, { namespace: 'shop', name: 'wheel' }, { propagationPolicy: 'Foreground' });
    await gone(admin, WIDGETS, 'shop', 'wheel');
    await gone(admin, WIDGETS, 'shop', 'rim');
  });

  test('take what they own with them when their definition goes; an unknown kind is waited for', async () => {
    const { admin } = world;
    const owner = await make(admin, 'shop', 'engine', [], { resource: WIDGETS });
    await make(admin, 'shop', 'part', [ownedBy(WIDGETS, owner)]);
    await admin.delete(CRDS, { name: 'widgets.example.com' });
    await gone(admin, 'core/configmaps', 'shop', 'part');
    await gone(admin, CRDS, '', 'widgets.example.com');

    const nobody = { ...ownedBy(WIDGETS, owner), uid: '99999999-9999-4999-8999-999999999999' };
    await make(admin, 'shop', 'early', [nobody]);
    const mark = await make(admin, 'shop', 'mark2');
    await make(admin, 'shop', 'marked2', [ownedBy('core/configmaps', mark)]);
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'mark2' });
    await gone(admin, 'core/configmaps', 'shop', 'marked2');
    expect(await admin.get('core/configmaps', { namespace: 'shop', name: 'early' })).toBeDefined();
    await define(admin);
    await gone(admin, 'core/configmaps', 'shop', 'early');
  });
});

describe('an API that is down', () => {
  test('costs the others nothing', async () => {
    const { admin } = world;
    const errors = (): Promise<number> => metric(world, 'garbagecollector_controller_resources_sync_error_total');
    const before = await errors();
    await admin.create('apiregistration.k8s.io/apiservices', {
      metadata: { name: 'v1.away.example.com' },
      spec: {
        group: 'away.example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { namespace: 'shop', name: 'nobody', port: 443 },
      },
    });
    await until(async () => (await errors()) > before, { timeout: 60_000, why: 'a discovery that fails in part' });
    const owner = await make(admin, 'shop', 'still', [], { resource: WIDGETS });
    await make(admin, 'shop', 'works', [ownedBy(WIDGETS, owner)], { resource: WIDGETS });
    await admin.delete(WIDGETS, { namespace: 'shop', name: 'still' });
    await gone(admin, WIDGETS, 'shop', 'works');
    await admin.delete('apiregistration.k8s.io/apiservices', { name: 'v1.away.example.com' });
  });
});

describe('in the middle of it', () => {
  test('a crash loses nothing: the next one goes on', async () => {
    const { admin, manager } = world;
    const owner = await make(admin, 'shop', 'many');
    const names = Array.from({ length: 300 }, (_, nth) => `one-${nth}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(
        names.slice(at, at + 50).map((name) => make(admin, 'shop', name, [ownedBy('core/configmaps', owner)])),
      );
    await admin.delete('core/configmaps', { namespace: 'shop', name: 'many' });
    await admin.waitForAll('core/configmaps', { namespace: 'shop' }, (left) => left.length < 290, {
      why: 'some to be gone',
    });
    await manager.kill('SIGKILL');
    successor = await world.start({ flags: SHORT_LEASE, timeout: 120_000 });
    const left = async (): Promise<number> =>
      (await admin.list('core/configmaps', { namespace: 'shop' })).filter(({ metadata }) =>
        metadata?.name?.startsWith('one-'),
      ).length;
    await until(async () => (await left()) === 0, { timeout: 60_000, why: 'all of them to be gone' }).catch(
      async (error: unknown) => {
        // Which of all that may hold it up is not to be seen from outside.
        const log = readFileSync(successor?.logFile ?? '', 'utf8')
          .split('\n')
          .slice(-40)
          .join('\n');
        const state = await admin.get('core/configmaps', { namespace: 'comptroller-system', name: BREAKER });
        throw new Error(`${String(error)}; ${await left()} are left\n${JSON.stringify(state?.data)}\n${log}`);
      },
    );
  }, 300_000);
});

describe('as the API server saw it', () => {
  test('nothing was refused by RBAC or admission, and all was recorded before it was sent', async () => {
    const { cluster } = world;
    const events = readAudit(cluster).filter(isOurs);
    expect(brief(refusedByAuthority(events))).toEqual([]);
    expect(brief(events.filter(({ responseStatus }) => responseStatus?.code === 403))).toEqual([]);
    const own = ourWrites(cluster).filter(({ user }) => user.username === 'comptroller:garbage-collector');
    expect(own.length).toBeGreaterThan(300);
    expect(new Set(own.map(({ verb }) => verb))).toEqual(new Set(['create', 'delete', 'patch']));
    const intents = new Set(
      (await recordsIn(world.manager.ledgerDir))
        .filter(({ type }) => type === 'intent')
        .map(({ log, seq }) => `${log}-${seq}`),
    );
    const unrecorded = own.filter(({ auditID }) => !intents.has(auditID.slice(0, auditID.lastIndexOf('-'))));
    expect(brief(unrecorded)).toEqual([]);
    expect(new Set(own.map(logOf)).size).toBe(2);
  });

  test('I13: the ledger and the audit log match one to one', async () => {
    const { cluster, manager } = world;
    await successor?.kill('SIGTERM');
    const args = ['ledger', 'completeness', '-o', 'json', '--dir', manager.ledgerDir];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, 'src/cli/main.ts'), ...args, '--apiserver-audit', cluster.auditLog],
      { maxBuffer: 64 * 1024 * 1024 },
    );
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'complete', findings: [], gaps: [] });
  });
});
