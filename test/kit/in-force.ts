import type { Admin } from './admin.ts';
import { until } from './wait.ts';

/** What no rule names but the one that allows it: once it is allowed, every rule written before it is read. */
const NAME = 'test:in-force';
const RBAC = 'rbac.authorization.k8s.io';
const ADMISSION = 'admissionregistration.k8s.io';

/**
 * Waits until the API server goes by every role, binding and admission policy that was written before. It takes them up
 * a moment later, each kind in the order of its writing; so the last of each kind, written here, stands for all.
 */
export async function inForce(admin: Admin): Promise<void> {
  const mark = `m${process.hrtime.bigint()}`;
  await writeRights(admin, mark);
  await writePolicy(admin, mark);
  const seen = async (): Promise<boolean> =>
    (await isAllowed(admin, mark, 'cluster')) && (await isAllowed(admin, mark, 'default')) && isRefused(admin, mark);
  await until(seen, { timeout: 90_000, why: 'the rights and admission policies to be in force' });
}

async function writeRights(admin: Admin, mark: string): Promise<void> {
  const rule = (verb: string): object => ({ apiGroups: ['test.comptroller.dev'], resources: [mark], verbs: [verb] });
  const metadata = { name: NAME };
  const inDefault = { name: NAME, namespace: 'default' };
  const binding = (kind: string): object => ({
    roleRef: { apiGroup: RBAC, kind, name: NAME },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: NAME }],
  });
  await admin.apply(`${RBAC}/clusterroles`, { metadata, rules: [rule('cluster')] } as object);
  await admin.apply(`${RBAC}/clusterrolebindings`, { metadata, ...binding('ClusterRole') } as object);
  await admin.apply(`${RBAC}/roles`, { metadata: inDefault, rules: [rule('default')] } as object);
  await admin.apply(`${RBAC}/rolebindings`, { metadata: inDefault, ...binding('Role') } as object);
}

async function isAllowed(admin: Admin, mark: string, verb: 'cluster' | 'default'): Promise<boolean> {
  const resourceAttributes = { group: 'test.comptroller.dev', resource: mark, verb, namespace: 'default' };
  const { body } = await admin.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: NAME, resourceAttributes },
    },
  });
  return (body as { status?: { allowed?: boolean } }).status?.allowed === true;
}

async function writePolicy(admin: Admin, mark: string): Promise<void> {
  const name = 'in-force.test.comptroller.dev';
  await admin.apply(`${ADMISSION}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      },
      validations: [{ expression: `object.metadata.name != "${mark}"`, message: mark }],
    },
  } as object);
  await admin.apply(`${ADMISSION}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  } as object);
}

async function isRefused(admin: Admin, mark: string): Promise<boolean> {
  const { body } = await admin.call('POST', '/api/v1/namespaces/default/configmaps?dryRun=All', {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: mark } },
  });
  return (body as { message?: string }).message?.includes(`denied request: ${mark}`) === true;
}
