import { describe, expect, test } from 'vitest';
import { pod, replicaSet } from '#kit/build.ts';
import { ownerReference } from './owner.ts';
import { adopt, patched, patchOf, release } from './patch.ts';

const web = replicaSet({ status: { replicas: 1, conditions: [{ type: 'A', status: 'True' }] } });
const ref = { resource: 'apps/replicasets', namespace: 'default', name: 'web', uid: 'uid-web' } as const;
const change = { resource: 'apps/replicasets', before: web, reason: 'why' } as const;

describe('patchOf', () => {
  test('names object, uid and version, and what changes', () => {
    const after = { ...web, status: { replicas: 2 } };
    expect(patchOf({ ...change, after, subresource: 'status', slot: '1' })).toEqual({
      verb: 'patch',
      ref,
      subresource: 'status',
      type: 'merge',
      patch: { status: { replicas: 2, conditions: null } },
      after,
      reason: 'why',
      slot: '1',
      resourceVersion: '1',
    });
  });

  test('plans nothing for no change', () => {
    expect(patchOf({ ...change, after: { ...web, spec: { ...web.spec } } })).toBeUndefined();
  });

  test('goes without a version only with a reason, and never on a list', () => {
    const counted = { ...web, status: { ...web.status, replicas: 2 } };
    const blind = patchOf({ ...change, after: counted, blind: 'only we count' });
    expect(blind).toMatchObject({ blind: 'only we count' });
    expect(blind).not.toHaveProperty('resourceVersion');
    const listed = { ...web, status: { replicas: 1, conditions: [] } };
    expect(() => patchOf({ ...change, after: listed, blind: 'no' })).toThrow('without a resourceVersion');
    const unlisted = { ...web, status: { replicas: 1 } };
    expect(() => patchOf({ ...change, after: unlisted, blind: 'no' })).toThrow('without a resourceVersion');
    const unversioned = { ...web, metadata: { name: 'web', namespace: 'default' } };
    expect(() =>
      patchOf({ ...change, before: unversioned, after: { ...unversioned, status: { replicas: 5 } } }),
    ).toThrow('without a resourceVersion');
  });

  test('patches nothing but the status through the status', () => {
    const after = { ...web, spec: { ...web.spec, replicas: 5 }, status: { replicas: 2 } };
    expect(() => patchOf({ ...change, after, subresource: 'status' })).toThrow('a change of spec, status');
  });
});

describe('owner patches', () => {
  const friend = { apiVersion: 'v1', kind: 'ConfigMap', name: 'f', uid: 'friend' };
  const mine = ownerReference('apps/replicasets', web);

  test('adopting adds our reference and keeps the others', () => {
    const orphan = pod({ owners: [friend], metadata: { resourceVersion: '7' } });
    const patch = adopt('core/pods', orphan, mine);
    expect(patch).toMatchObject({
      type: 'strategic',
      reason: 'adopt',
      resourceVersion: '7',
      ref: { uid: 'uid-web-1' },
      patch: { metadata: { ownerReferences: [mine] } },
    });
    expect(patch.after.metadata?.ownerReferences).toEqual([mine, friend]);
    expect(patched(orphan, patch)).toEqual(patch.after);
    expect({ ...patch.after, metadata: {} }).toEqual({ ...orphan, metadata: {} });
  });

  test('adopting what we own already, but do not control, turns that reference', () => {
    const { controller: _, ...plain } = mine;
    expect(adopt('core/pods', pod({ owners: [plain, friend] }), mine).after.metadata?.ownerReferences).toEqual([
      { ...plain, controller: true },
      friend,
    ]);
  });

  test('releasing takes ours away and keeps the others', () => {
    const patch = release('core/pods', pod({ owners: [mine, friend] }), mine.uid);
    expect(patch.patch).toEqual({ metadata: { ownerReferences: [{ $patch: 'delete', uid: 'uid-web' }] } });
    expect(patch.after.metadata?.ownerReferences).toEqual([friend]);
    expect(release('core/pods', pod({ owners: [mine] }), mine.uid).after.metadata).not.toHaveProperty(
      'ownerReferences',
    );
  });
});
