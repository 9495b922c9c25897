import { describe, expect, test } from 'vitest';
import { ills, unread, wellFacts } from '#kit/doctor.ts';
import type { ObjectFact, ObjectsFact } from '../port.ts';
import { checkUpstreamBindings } from './upstream.ts';

const { setting } = wellFacts();
const controllers = [
  { name: 'replicaset', upstreamRole: 'replicaset-controller' },
  { name: 'endpoints', upstreamRole: 'endpoint-controller' },
];
const binding = (role: string, subjects?: readonly object[]): ObjectFact => ({
  kind: 'ClusterRoleBinding',
  metadata: { name: `system:controller:${role}` },
  ...(subjects !== undefined && { subjects }),
});
const account = (name: string) => ({ kind: 'ServiceAccount', namespace: 'kube-system', name });
const open = (role: string): ObjectFact => binding(role, [account(role)]);
const objects = (...value: ObjectFact[]): ObjectsFact => new Map([['ClusterRoleBinding', { ok: true, value }]]);

describe("upstream's bindings", () => {
  test('an open one of a controller that runs here is a warning that says when and how to close it', () => {
    const found = ills(
      checkUpstreamBindings(
        { setting, objects: objects(open('replicaset-controller'), open('job-controller')) },
        controllers,
      ),
    );
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      /^warn upstream-bindings: system:controller:replicaset-controller still gives .* -> not while you may go back .* kubectl annotate clusterrolebinding system:controller:replicaset-controller rbac.authorization.kubernetes.io\/autoupdate=false .* kubectl patch clusterrolebinding/,
    );
  });

  test.each([
    ['gone', objects()],
    ['without subjects', objects(binding('replicaset-controller'), binding('endpoint-controller', []))],
    ['of another account', objects(binding('replicaset-controller', [account('other')]))],
  ])('%s: closed', (_, found) => {
    expect(checkUpstreamBindings({ setting, objects: found }, controllers).map(({ verdict }) => verdict)).toEqual([
      'ok',
    ]);
  });

  test('of a controller that does not run here they are its business', () => {
    const fewer = { ...setting, controllers: ['endpoints'] };
    expect(
      ills(checkUpstreamBindings({ setting: fewer, objects: objects(open('replicaset-controller')) }, controllers)),
    ).toEqual([]);
  });

  test('naming mode upstream lives on them', () => {
    const naming = { ...setting, namingMode: 'upstream' as const };
    const both = objects(open('replicaset-controller'), open('endpoint-controller'));
    expect(ills(checkUpstreamBindings({ setting: naming, objects: both }, controllers))).toEqual([]);
    expect(
      ills(checkUpstreamBindings({ setting: naming, objects: objects(open('endpoint-controller')) }, controllers)),
    ).toEqual([
      expect.stringMatching(
        /^fail upstream-bindings: --naming-mode=upstream needs system:controller:replicaset-controller -> kubectl annotate .*autoupdate=true/,
      ),
    ]);
  });

  test('unread is undecided', () => {
    const found = checkUpstreamBindings({ setting, objects: new Map([['ClusterRoleBinding', unread]]) }, controllers);
    expect(ills(found)).toEqual([expect.stringMatching(/^unknown upstream-bindings: .* -> give --admin-kubeconfig/)]);
  });
});
