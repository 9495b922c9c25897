/** Naming mode `upstream`: upstream's own users and stock roles, and one small role beside them. For migration only. */
import { expect, test } from 'vitest';
import { type AuditEvent, brief, isMutating, logOf, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { heard, liveLog, newNamespace, ready, scale, withManager } from '#kit/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const USER = 'system:serviceaccount:kube-system:replicaset-controller';
const world = withManager({ nodes: 2, naming: 'upstream', first: { flags: ['--naming-mode=upstream'] } });

test('it warns loudly, and works with the stock bindings and what the manifests add', async () => {
  const { admin, cluster, manager } = world;
  expect(await heard(manager, '--naming-mode=upstream')).toContain('"level":"warn"');
  await newNamespace(admin, 'moved');
  const web = { namespace: 'moved', name: 'web' };
  await admin.create('apps/replicasets', replicaSet('moved', 'web', 10));
  await ready(admin, web, 10);
  await scale(admin, web, 3);
  await ready(admin, web, 3);

  // Releasing patches the pod, where the stock role only allows upstream's update.
  const [pod] = await admin.list('core/pods', { namespace: 'moved', selector: 'app=web' });
  const at = { namespace: 'moved', name: pod?.metadata?.name ?? '' };
  await admin.patch('core/pods', at, { metadata: { labels: { app: 'free' } } });
  await admin.waitFor('core/pods', at, (found) => (found?.metadata?.ownerReferences ?? []).length === 0, {
    why: 'its release',
  });
  await ready(admin, web, 3);

  const { id } = await liveLog(manager);
  const writes = readAudit(cluster).filter((event) => isMutating(event) && logOf(event) === id);
  const users = (resource: string) =>
    new Set(writes.filter((event) => event.objectRef?.resource === resource).map(({ user }) => user.username));
  expect(users('pods')).toEqual(new Set([USER]));
  expect(users('replicasets')).toEqual(new Set([USER]));
  expect(users('serviceaccounts')).toEqual(new Set(['system:serviceaccount:kube-system:service-account-controller']));
  expect(users('leases')).toEqual(new Set(['system:kube-controller-manager']));
  expect(brief(refusedByAuthority(readAudit(cluster).filter(isFromManager)))).toEqual([]);
  const bindings = await admin.list('rbac.authorization.k8s.io/clusterrolebindings');
  const ours = bindings
    .flatMap(({ metadata }) => metadata?.name ?? [])
    .filter((name) => name.startsWith('comptroller:'));
  expect(ours.every((name) => name.startsWith('comptroller:upstream:'))).toBe(true);
  expect(ours.length).toBeGreaterThan(0);
});

const isFromManager = ({ user }: AuditEvent): boolean =>
  user.username?.startsWith('system:serviceaccount:kube-system:') === true ||
  user.username === 'system:kube-controller-manager';
