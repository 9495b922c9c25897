/** Aggregated ClusterRoles on a real control plane, whose own `admin`, `edit` and `view` are such. */
import { expect, test } from 'vitest';
import { jsonEqual } from '#core/json.ts';
import type { ClusterRole, PolicyRule } from '#core/k8s/types.gen.ts';
import { brief, isOurs, ourWrites, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { heard, recordsIn, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';

const ROLES = 'rbac.authorization.k8s.io/clusterroles';
const world = withManager({ nodes: 0, first: { flags: ['--v=4'] } });
const label = { 'example.com/to-sum': 'true' };
const rule = (resource: string, verb = 'get'): PolicyRule => ({
  apiGroups: [''],
  resources: [resource],
  verbs: [verb],
});

async function role(name: string, rules: readonly PolicyRule[], more: object = {}): Promise<void> {
  await world.admin.create(ROLES, { metadata: { name, labels: label }, rules, ...more });
}
const summed = (name: string, rules: readonly PolicyRule[]): Promise<ClusterRole | undefined> =>
  world.admin.waitFor(ROLES, { name }, (found) => jsonEqual(found?.rules ?? [], rules), {
    why: `${name} to hold ${JSON.stringify(rules)}`,
  });

test("the control plane's own get their rules from their sources", async () => {
  const { admin } = world;
  for (const name of ['admin', 'edit', 'view'])
    await admin.waitFor(ROLES, { name }, (found) => (found?.rules ?? []).length > 0, { why: `the rules of ${name}` });
  const [view, source] = [
    await admin.get(ROLES, { name: 'view' }),
    await admin.get(ROLES, { name: 'system:aggregate-to-view' }),
  ];
  expect(view?.rules).toEqual(source?.rules);
  const edit = await admin.get(ROLES, { name: 'edit' });
  expect(edit?.rules?.length).toBeGreaterThan(view?.rules?.length ?? 0);
});

test('the union follows its sources, and is owned by the field manager of upstream', async () => {
  const { admin } = world;
  await role('sum', [rule('secrets')], {
    metadata: { name: 'sum' },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: label }] },
  });
  // Rules that nobody gives are taken away, also those that someone wrote by hand.
  await summed('sum', []);
  await role('b-source', [rule('pods'), rule('nodes')]);
  await role('a-source', [rule('events'), rule('pods')]);
  await summed('sum', [rule('events'), rule('pods'), rule('nodes')]);
  await admin.patch(ROLES, { name: 'a-source' }, { metadata: { labels: { 'example.com/to-sum': null } } });
  await summed('sum', [rule('pods'), rule('nodes')]);
  await admin.patch(ROLES, { name: 'sum' }, { rules: [rule('secrets', 'list')] });
  const restored = await summed('sum', [rule('pods'), rule('nodes')]);
  const managers = restored?.metadata?.managedFields?.filter(({ fieldsV1 }) =>
    JSON.stringify(fieldsV1).includes('f:rules'),
  );
  expect(managers?.map(({ manager, operation }) => `${manager} ${operation}`)).toEqual([
    'clusterrole-aggregation-controller Apply',
  ]);
  await admin.delete(ROLES, { name: 'b-source' });
  await summed('sum', []);
});

test('all power is not aggregated: it is not sent, the ledger names the rule, what is revoked goes, and the rest goes on', async () => {
  const { admin, cluster, manager } = world;
  const all = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
  await role('b-source', [rule('secrets'), rule('nodes')]);
  await summed('sum', [rule('secrets'), rule('nodes')]);
  await role('c-source', [all]);
  await heard(manager, 'clusterrole-aggregation/unbounded');
  const fields = 'involvedObject.name=sum,reason=FailedAggregation';
  const told = async () => (await admin.list('core/events', { namespace: 'default', fields })).length > 0;
  await until(told, { timeout: 20_000, why: 'an Event that tells of it' });
  await admin.patch(ROLES, { name: 'b-source' }, { rules: [rule('nodes'), rule('events')] });
  await summed('sum', [rule('nodes')]);
  await admin.delete(ROLES, { name: 'b-source' });
  await summed('sum', []);
  const denials = (await recordsIn(manager.ledgerDir)).filter(({ type }) => type === 'denial');
  expect(JSON.stringify(denials)).toContain('clusterrole-aggregation/unbounded');
  await admin.patch(ROLES, { name: 'c-source' }, { rules: [rule('pods')] });
  await summed('sum', [rule('pods')]);
  const ours = readAudit(cluster).filter(isOurs);
  expect(JSON.stringify(ours.filter(({ objectRef }) => objectRef?.name === 'c-source'))).toBe('[]');
  expect(brief(refusedByAuthority(ours))).toEqual([]);
  const roles = ourWrites(cluster).filter(({ objectRef }) => objectRef?.resource === 'clusterroles');
  expect(new Set(roles.map(({ user, verb }) => `${user.username} ${verb}`))).toEqual(
    new Set(['comptroller:clusterrole-aggregation patch']),
  );
});

test('I14: one of Comptroller is not touched, whatever it selects', async () => {
  const { admin, cluster } = world;
  const name = 'comptroller:mine';
  await role(name, [], { metadata: { name }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: label }] } });
  await admin.patch(ROLES, { name: 'c-source' }, { rules: [rule('nodes')] });
  await summed('sum', [rule('nodes')]);
  expect((await admin.get(ROLES, { name }))?.rules ?? []).toEqual([]);
  expect(ourWrites(cluster).filter(({ objectRef }) => objectRef?.name === name)).toEqual([]);
});

test('requires escalate: without it the API server refuses rights that the identity does not hold', async () => {
  const { admin, manager } = world;
  const name = 'comptroller:clusterrole-aggregation';
  const own = await admin.get(ROLES, { name });
  const rules = own?.rules?.map((one) => ({ ...one, verbs: one.verbs.filter((verb) => verb !== 'escalate') }));
  expect(rules).not.toEqual(own?.rules);
  await admin.patch(ROLES, { name }, { rules: rules?.filter(({ verbs }) => verbs.length > 0) ?? [] });
  const nth = (count: number): PolicyRule => rule(`things-${count}`);
  let count = 0;
  const refused = async (): Promise<boolean> => {
    await admin.patch(ROLES, { name: 'c-source' }, { rules: [nth(++count)] });
    const records = await recordsIn(manager.ledgerDir);
    return records.some((record) => record.type === 'outcome' && JSON.stringify(record).includes('API_FORBIDDEN'));
  };
  await until(refused, { timeout: 20_000, why: 'a refusal' });
  await admin.patch(ROLES, { name }, { rules: own?.rules ?? [] });
  await admin.patch(ROLES, { name: 'c-source' }, { rules: [nth(++count)] });
  await summed('sum', [nth(count)]);
});
