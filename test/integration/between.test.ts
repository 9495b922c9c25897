/** Who the API server thinks asks, when the proxy of the fault harness ends TLS in between: the same as without it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAudit } from '#kit/audit.ts';
import { withCluster } from '#kit/cluster.ts';
import { until } from '#kit/wait.ts';
import { ApiClient, type CallAnswer } from '#local/client.ts';
import type { KeyFiles } from '#local/pki.ts';
import { openBetween } from '../chaos/between/open.ts';
import type { Between } from '../chaos/between/port.ts';

const world = withCluster({ name: 'between', nodes: 0 });
const USER = 'comptroller:somebody';
let between: Between;
let keys: KeyFiles;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  between = await openBetween(world.cluster);
  keys = await world.cluster.issue(
    { commonName: USER, organizations: ['comptroller', 'readers, and others'] },
    world.cluster.comptrollerCa,
  );
  const metadata = { name: 'readers' };
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }];
  await world.admin.create('rbac.authorization.k8s.io/clusterroles', { metadata, rules });
  await world.admin.create('rbac.authorization.k8s.io/clusterrolebindings', {
    metadata,
    subjects: [{ kind: 'Group', name: 'readers, and others', apiGroup: 'rbac.authorization.k8s.io' }],
    roleRef: { kind: 'ClusterRole', name: 'readers', apiGroup: 'rbac.authorization.k8s.io' },
  });
});
afterAll(async () => {
  for (const end of ends) await end();
  await between.close();
});

function client(server: string): ApiClient {
  const made = new ApiClient({ server, caFile: world.cluster.caFile, ...keys });
  ends.push(() => made.close());
  return made;
}

const whoAmI = (one: ApiClient): Promise<CallAnswer> =>
  one.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
const userOf = ({ body }: CallAnswer) =>
  (body as { status: { userInfo: { username: string; groups: string[] } } }).status.userInfo;

test('user and groups are the same in all three ways, also a group with a comma in its name', async () => {
  const direct = userOf(await whoAmI(client(world.cluster.server)));
  expect(direct).toMatchObject({ username: USER, groups: expect.arrayContaining(['readers, and others']) });
  between.pass();
  expect(userOf(await whoAmI(client(between.server)))).toEqual(direct);
  between.meddle(() => undefined);
  const { username, groups } = userOf(await whoAmI(client(between.server)));
  expect({ username, groups }).toEqual({ username: direct.username, groups: direct.groups });
});

test('RBAC allows and refuses the same, and the audit log names the user and the Audit-ID that was sent', async () => {
  between.meddle(() => undefined);
  const one = client(between.server);
  const path = '/api/v1/namespaces/default/configmaps';
  expect(await one.call('GET', path)).toMatchObject({ status: 200 });
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } };
  const headers = { 'audit-id': 'sent-by-the-client', 'x-remote-group': 'system:masters' };
  expect(await one.call('POST', path, { body, headers })).toMatchObject({ status: 403 });
  const event = await until(() => readAudit(world.cluster).find(({ auditID }) => auditID === 'sent-by-the-client'), {
    timeout: 5000,
    why: 'the audit event',
  });
  expect(event.user).toMatchObject({ username: USER });
  expect(event.user.groups).not.toContain('system:masters');
});

test('a watch brings what happens while it is open, and falls silent when told so', async () => {
  const path = '/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dwatched';
  between.meddle(() => undefined);
  const end = new AbortController();
  const lines = client(between.server).lines(path, end.signal);
  const first = lines.next();
  await world.admin.create('core/configmaps', { metadata: { namespace: 'default', name: 'watched' } });
  expect((await first).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'watched' } } });
  between.meddle(({ watch }) => (watch ? { kind: 'silence' } : undefined));
  const silent = client(between.server).lines(path, end.signal).next();
  await world.admin.patch('core/configmaps', { namespace: 'default', name: 'watched' }, { data: { a: 'b' } });
  // The one that was open before hears it; what the other one would have heard in the meantime is lost.
  expect((await lines.next()).value).toMatchObject({ type: 'MODIFIED' });
  const none = Symbol('nothing');
  expect(
    await Promise.race([silent.catch(() => 'an end'), new Promise((resolve) => setImmediate(resolve, none))]),
  ).toBe(none);
  end.abort();
});
