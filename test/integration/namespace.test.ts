/** Namespaces that end, on a real control plane: what people see of it, and what the API server wrote down. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Namespace, NamespaceCondition } from '#core/k8s/types.gen.ts';
import type { Admin } from '#kit/admin.ts';
import { type AuditEvent, brief, isOurs, isWork, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { newNamespace, ROOT, withManager } from '#kit/manager.ts';
import type { JoinReport } from '#ledger/completeness-report.ts';
import { orphan } from '../demo/objects.ts';

const world = withManager({ nodes: 4 });

const HOLD = 'example.com/hold';
const WIDGETS = '/apis/example.com/v1/namespaces/shop/widgets';

async function defineWidgets(admin: Admin): Promise<void> {
  await admin.create('apiextensions.k8s.io/customresourcedefinitions', {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      names: { kind: 'Widget', plural: 'widgets' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await admin.waitFor(
    'apiextensions.k8s.io/customresourcedefinitions',
    { name: 'widgets.example.com' },
    (found) => established(found),
    { why: 'the CRD to be established' },
  );
}
function established(found: unknown): boolean {
  const { status } = (found ?? {}) as { status?: { conditions?: readonly NamespaceCondition[] } };
  return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') === true;
}

async function many(count: number, make: (name: string) => Promise<unknown>): Promise<void> {
  const names = Array.from({ length: count }, (_, nth) => `n${nth}`);
  for (let at = 0; at < count; at += 20) await Promise.all(names.slice(at, at + 20).map(make));
}

const saysTrue = (found: Namespace | undefined, type: string): NamespaceCondition | undefined =>
  found?.status?.conditions?.find((one) => one.type === type && one.status === 'True');

const mine = ({ user }: AuditEvent): boolean => user.username === 'comptroller:namespace';
const about = ({ verb, objectRef }: AuditEvent): string => `${verb} ${objectRef?.resource}`;

describe('a namespace full of things', () => {
  test('is emptied pods first, says what holds it, and goes when that is gone', async () => {
    const { admin } = world;
    await defineWidgets(admin);
    await newNamespace(admin, 'shop');
    await newNamespace(admin, 'other');
    const namespace = 'shop';
    await many(200, (name) => admin.create('core/pods', orphan('shop', name, 'x')));
    await many(20, (name) => admin.create('core/configmaps', { metadata: { namespace, name } }));
    await many(10, (name) => admin.create('core/secrets', { metadata: { namespace, name } }));
    await admin.create('rbac.authorization.k8s.io/roles', { metadata: { namespace, name: 'reader' }, rules: [] });
    await admin.create('coordination.k8s.io/leases', { metadata: { namespace, name: 'mine' }, spec: {} });
    await admin.create('core/configmaps', { metadata: { namespace: 'other', name: 'stays' } });
    await admin.create(WIDGETS, {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', finalizers: [HOLD] },
    });
    await admin.waitForAll(
      'core/pods',
      { namespace },
      (pods) => pods.every(({ status }) => status?.phase === 'Running'),
      {
        timeout: 90_000,
        why: '200 running pods',
      },
    );

    const started = performance.now();
    await admin.delete('core/namespaces', { name: 'shop' });
    const held = await admin.waitFor(
      'core/namespaces',
      { name: 'shop' },
      (found) => saysTrue(found, FINALIZERS) !== undefined,
      {
        timeout: 60_000,
        why: 'the condition about finalizers',
      },
    );
    console.info(`everything but the finalizer was gone after ${Math.round(performance.now() - started)} ms`);
    expect(saysTrue(held, FINALIZERS)?.message).toBe(
      `Some content in the namespace has finalizers remaining: ${HOLD} in 1 resource instances`,
    );
    expect(saysTrue(held, 'NamespaceContentRemaining')?.message).toBe(
      'Some resources are remaining: widgets.example.com has 1 resource instances',
    );
    expect(saysTrue(held, 'NamespaceDeletionContentFailure')).toBeUndefined();
    expect(await admin.list('core/pods', { namespace })).toEqual([]);
    expect(await admin.list('core/configmaps', { namespace })).toEqual([]);

    await admin.patch(`${WIDGETS}/w`, {}, { metadata: { finalizers: null } });
    await admin.waitFor('core/namespaces', { name: 'shop' }, (found) => found === undefined, {
      timeout: 30_000,
      why: 'the namespace to go',
    });
    expect(await admin.get('core/configmaps', { namespace: 'other', name: 'stays' })).toBeDefined();
  });

  test('nothing but pods was deleted while there were pods, and nothing outside of it', () => {
    const { cluster } = world;
    const deletions = readAudit(cluster).filter((event) => mine(event) && event.verb.startsWith('delete'));
    expect(about(deletions[0] as AuditEvent)).toBe('deletecollection pods');
    expect(new Set(deletions.map(({ objectRef }) => objectRef?.namespace))).toEqual(new Set(['shop']));
    // Somebody else may have been faster, or the API server too busy: never forbidden, never invalid.
    expect(
      deletions.filter(({ responseStatus }) => ![200, 404, 409, 429, 504].includes(responseStatus?.code ?? 0)),
    ).toEqual([]);
    const kinds = new Set(deletions.map(about));
    for (const one of ['deletecollection secrets', 'deletecollection widgets', 'delete roles', 'delete leases'])
      expect(kinds).toContain(one);
  });

  test('took fewer requests than one pass of upstream, which deletes and lists each resource', () => {
    const { cluster } = world;
    const asked = readAudit(cluster).filter(mine);
    const counts = new Map<string, number>();
    for (const { verb } of asked) counts.set(verb, (counts.get(verb) ?? 0) + 1);
    console.info(`requests of the namespace controller: ${JSON.stringify([...counts])}`);
    const lists = asked.filter(({ verb }) => verb === 'list');
    const resources = new Set(lists.map(({ objectRef }) => `${objectRef?.apiGroup}/${objectRef?.resource}`)).size;
    // With pods: weighed once, emptied once, looked at again while a finalizer holds it.
    expect(lists.length).toBeLessThan(resources * 5);
    expect(counts.get('deletecollection')).toBeLessThan(20);
    expect(counts.get('patch')).toBeLessThan(8);
    expect(counts.get('update')).toBe(1);
  });
});

const FINALIZERS = 'NamespaceFinalizersRemaining';

describe('an API whose server is away', () => {
  test('keeps an empty namespace from its end, says so, and lets it go with it', async () => {
    const { admin } = world;
    const group = { name: 'v1.away.example.com' };
    await newNamespace(admin, 'late');
    await admin.create('apiregistration.k8s.io/apiservices', {
      metadata: group,
      spec: {
        group: 'away.example.com',
        version: 'v1',
        groupPriorityMinimum: 1000,
        versionPriority: 10,
        insecureSkipTLSVerify: true,
        service: { namespace: 'other', name: 'nobody' },
      },
    });
    await admin.delete('core/namespaces', { name: 'late' });
    const failing = await admin.waitFor(
      'core/namespaces',
      { name: 'late' },
      (found) => saysTrue(found, 'NamespaceDeletionDiscoveryFailure') !== undefined,
      { timeout: 60_000, why: 'the condition about discovery' },
    );
    expect(saysTrue(failing, 'NamespaceDeletionDiscoveryFailure')?.message).toContain(
      'away.example.com/v1: stale GroupVersion discovery: away.example.com/v1',
    );
    expect(await admin.list('core/configmaps', { namespace: 'late' })).toEqual([]);
    await admin.delete('apiregistration.k8s.io/apiservices', group);
    await admin.waitFor('core/namespaces', { name: 'late' }, (found) => found === undefined, {
      timeout: 90_000,
      why: 'the namespace to go',
    });
  });
});

describe('other finalizers', () => {
  test("of the namespace's spec stay when ours is taken, and it can be made again under its name", async () => {
    const { admin } = world;
    await newNamespace(admin, 'held');
    const before = await admin.get('core/namespaces', { name: 'held' });
    await admin.call('PUT', '/api/v1/namespaces/held/finalize', {
      body: { ...before, spec: { finalizers: ['kubernetes', HOLD] } },
    });
    await admin.delete('core/namespaces', { name: 'held' });
    const let_go = await admin.waitFor(
      'core/namespaces',
      { name: 'held' },
      (found) => found?.spec?.finalizers?.includes('kubernetes') === false,
      { timeout: 30_000, why: 'our finalizer to be taken' },
    );
    expect(let_go?.spec?.finalizers).toEqual([HOLD]);
    await admin.call('PUT', '/api/v1/namespaces/held/finalize', { body: { ...let_go, spec: { finalizers: [] } } });
    await admin.waitFor('core/namespaces', { name: 'held' }, (found) => found === undefined, { why: 'its end' });
    await newNamespace(admin, 'held');
    expect((await admin.get('core/namespaces', { name: 'held' }))?.metadata?.uid).not.toBe(before?.metadata?.uid);
  });
});

describe('in the end', () => {
  test('RBAC refused nothing, admission refused nothing, and the ledger knows each write', async () => {
    const { cluster, manager } = world;
    expect(await manager.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    const ours = readAudit(cluster).filter(isOurs);
    expect(brief(refusedByAuthority(ours))).toEqual([]);
    expect(brief(ours.filter((event) => mine(event) && isWork(event) && event.responseStatus?.code === 403))).toEqual(
      [],
    );
    const args = [
      'ledger',
      'completeness',
      '-o',
      'json',
      '--dir',
      manager.ledgerDir,
      '--apiserver-audit',
      cluster.auditLog,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const report = JSON.parse(stdout) as JoinReport;
    expect(report.verdict).toBe('complete');
  });
});
