import { describe, expect, test } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { FLEET_GROUP, identityNames } from '#identity/profiles.ts';
import { ills, knownObjects, MANIFESTS, unread, wellFacts, wellObjects } from '#kit/doctor.ts';
import type { Finding, ObjectFact, ObjectsFact } from '../port.ts';
import { CHECK_OF_KIND, checkObjects, checkStrayBindings, checkTypes } from './objects.ts';

const { setting } = wellFacts();
const identities = identityNames(CONTROLLERS);

function look(objects: ObjectsFact): Finding[] {
  return [
    ...checkObjects({ objects, setting }, MANIFESTS),
    ...checkStrayBindings({ objects, setting }, MANIFESTS, identities, FLEET_GROUP),
    ...checkTypes({ objects, setting }, MANIFESTS),
  ];
}

/** What is found when one object is another, or is not there. */
function changed(kind: string, name: string, change: (object: ObjectFact) => ObjectFact | undefined): string[] {
  const objects = wellObjects();
  const before = objects.get(kind) ?? [];
  expect(before.map(({ metadata }) => metadata.name)).toContain(name);
  objects.set(
    kind,
    before.flatMap((one) => (one.metadata.name === name ? (change(one) ?? []) : one)),
  );
  return ills(look(knownObjects(objects)));
}

function added(kind: string, object: Partial<ObjectFact>): string[] {
  const objects = wellObjects();
  objects.set(kind, [...(objects.get(kind) ?? []), { kind, metadata: { name: 'more' }, ...object }]);
  return ills(look(knownObjects(objects)));
}

describe('generated objects', () => {
  test('as they are: one finding a check, all well', () => {
    const found = look(knownObjects(wellObjects()));
    expect(found.map(({ check, verdict }) => `${check} ${verdict}`).sort()).toEqual([
      'admission ok',
      'admission-types ok',
      'bindings ok',
      'flow-control ok',
      'namespace ok',
      'roles ok',
    ]);
  });

  test('every generated kind has its check', () => {
    const kinds = new Set(MANIFESTS.flatMap(({ objects }) => objects.map(({ kind }) => kind)));
    expect([...kinds].filter((kind) => !CHECK_OF_KIND.has(kind))).toEqual([]);
  });

  test.each([...CHECK_OF_KIND])('%s that is gone fails %s', (kind, check) => {
    const name = wellObjects().get(kind)?.[0]?.metadata.name as string;
    const [first, ...more] = changed(kind, name, () => undefined);
    expect(more).toEqual([]);
    expect(first).toMatch(
      new RegExp(
        `^fail ${check}: ${kind} .*${name} is missing -> comptroller manifests .*--state-dir /state \\| kubectl apply`,
      ),
    );
  });

  test.each([...CHECK_OF_KIND])('%s that cannot be read leaves %s undecided', (kind, check) => {
    const objects = new Map(knownObjects(wellObjects())).set(kind, unread);
    expect(ills(look(objects))).toEqual([
      expect.stringMatching(new RegExp(`^unknown ${check}: ${kind}: who asks .* -> give --admin-kubeconfig`)),
    ]);
  });

  const role = 'comptroller:replicaset';
  const rules = (object: ObjectFact): object[] => object.rules as object[];
  const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
  const cases: readonly (readonly [string, string[], RegExp])[] = [
    [
      'a rule is gone',
      changed('ClusterRole', role, (one) => ({ ...one, rules: rules(one).slice(1) })),
      /^fail roles: ClusterRole comptroller:replicaset: misses /,
    ],
    [
      'a rule too many',
      changed('ClusterRole', role, (one) => ({ ...one, rules: [...rules(one), secrets] })),
      /^fail roles: .*: has too much: core\/secrets: get ->/,
    ],
    [
      'a role that takes in others',
      changed('ClusterRole', role, (one) => ({ ...one, aggregationRule: {} })),
      /is aggregated from other roles/,
    ],
    [
      'a subject too many',
      changed('ClusterRoleBinding', role, (one) => ({
        ...one,
        subjects: [...(one.subjects as object[]), { kind: 'User', name: 'mallory' }],
      })),
      /^fail bindings: .*: binds too many: User mallory ->/,
    ],
    [
      'bound to the old generation',
      changed('ClusterRoleBinding', role, (one) => ({
        ...one,
        subjects: [{ kind: 'Group', name: 'comptroller:replicaset:g9' }],
      })),
      /misses Group comptroller:replicaset:g1; binds too many: Group comptroller:replicaset:g9/,
    ],
    [
      'a binding without subjects',
      changed('ClusterRoleBinding', role, ({ subjects, ...one }) => one),
      /misses Group comptroller:replicaset:g1/,
    ],
    [
      'a binding to another role',
      changed('ClusterRoleBinding', role, (one) => ({
        ...one,
        roleRef: { kind: 'ClusterRole', name: 'cluster-admin' },
      })),
      /is to another role; delete it first/,
    ],
    [
      'a policy that is open to failure',
      changed('ValidatingAdmissionPolicy', 'fleet.comptroller.dev', (one) => ({
        ...one,
        spec: { ...(one.spec as object), failurePolicy: 'Ignore' },
      })),
      /^fail admission: .*: spec.failurePolicy ->/,
    ],
    [
      'a binding that only warns',
      changed('ValidatingAdmissionPolicyBinding', 'fleet.comptroller.dev', (one) => ({
        ...one,
        spec: { ...(one.spec as object), validationActions: ['Warn'] },
      })),
      /^fail admission: .*validationActions/,
    ],
    [
      'another flow schema',
      changed('FlowSchema', 'comptroller-leader', (one) => ({
        ...one,
        spec: { ...(one.spec as object), matchingPrecedence: 9000 },
      })),
      /^fail flow-control: .*spec.matchingPrecedence ->/,
    ],
    [
      'a flow schema without its level',
      changed('FlowSchema', 'comptroller-leader', (one) => ({
        ...one,
        status: { conditions: [null, { type: 'Dangling', status: 'True' }] },
      })),
      /^fail flow-control: .*its priority level is missing ->/,
    ],
    [
      'a namespace without its label',
      changed('Namespace', 'comptroller-system', (one) => ({ ...one, metadata: { name: one.metadata.name } })),
      /label pod-security.kubernetes.io\/enforce differs/,
    ],
    [
      'a namespace that goes',
      changed('Namespace', 'comptroller-system', (one) => ({ ...one, status: { phase: 'Terminating' } })),
      /it is being deleted/,
    ],
    [
      'a ServiceAccount with its token in pods',
      changed('ServiceAccount', 'default', ({ automountServiceAccountToken, ...one }) => one),
      /^fail namespace: .*its token is mounted into pods/,
    ],
    [
      'a binding of our user by somebody else',
      added('RoleBinding', {
        metadata: { name: 'more', namespace: 'x' },
        subjects: [{ kind: 'User', name: 'comptroller:reader' }],
      }),
      /^fail bindings: RoleBinding x\/more gives more to User comptroller:reader -> kubectl delete rolebinding more -n x/,
    ],
    [
      'a binding of a revoked generation',
      added('ClusterRoleBinding', { subjects: [{ kind: 'Group', name: 'comptroller:replicaset:g7' }] }),
      /^fail bindings: ClusterRoleBinding more gives more to Group comptroller:replicaset:g7 ->/,
    ],
    [
      'a binding of the fleet',
      added('ClusterRoleBinding', { subjects: [{ kind: 'Group', name: FLEET_GROUP }] }),
      /gives more to Group comptroller:controllers/,
    ],
    [
      'a warning of the type checker',
      changed('ValidatingAdmissionPolicy', 'fleet.comptroller.dev', (one) => ({
        ...one,
        status: {
          observedGeneration: 1,
          typeChecking: { expressionWarnings: [{ fieldRef: 'spec.validations[0].expression', warning: 'x' }] },
        },
      })),
      /^warn admission-types: .*fleet.comptroller.dev: spec.validations\[0\].expression/,
    ],
  ];
  test.each(cases)('%s', (_, found, said) => {
    expect(found).toEqual([expect.stringMatching(said)]);
  });

  test('bindings of others, and of nobody, are none of our business', () => {
    expect(
      added('ClusterRoleBinding', { subjects: [{ kind: 'Group', name: 'comptrollers' }, { kind: 'User' }] }),
    ).toEqual([]);
    expect(added('ClusterRoleBinding', {})).toEqual([]);
  });

  test('policies that nobody has type-checked are for a person to see', () => {
    const objects = wellObjects();
    objects.set(
      'ValidatingAdmissionPolicy',
      (objects.get('ValidatingAdmissionPolicy') ?? []).map(({ status, ...one }) => one),
    );
    const [found] = checkTypes({ objects: knownObjects(objects), setting }, MANIFESTS);
    expect(found).toMatchObject({ check: 'admission-types', verdict: 'unknown', outside: true });
  });
});
