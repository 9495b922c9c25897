import { expect, test } from 'vitest';
import { pod, replicaSet } from '#kit/build.ts';
import { controllerOf, isControlledBy, ownerReference } from './owner.ts';

const web = replicaSet({ name: 'web' });
const friend = { apiVersion: 'v1', kind: 'ConfigMap', name: 'web', uid: 'uid-web' };

test('the controller is the one reference that says so', () => {
  const owned = pod({ owners: [friend, { ...friend, uid: 'u2', controller: true }] });
  expect(controllerOf(owned)?.uid).toBe('u2');
  expect(controllerOf(pod({ owners: [friend] }))).toBeUndefined();
  expect(controllerOf(pod())).toBeUndefined();
});

test('control goes by uid, not by name', () => {
  expect(isControlledBy(pod({ owner: web }), web)).toBe(true);
  expect(isControlledBy(pod({ owner: replicaSet({ metadata: { uid: 'reborn' } }) }), web)).toBe(false);
  expect(isControlledBy(pod({ owners: [friend] }), web)).toBe(false);
  expect(isControlledBy(pod(), { metadata: {} })).toBe(false);
});

test('a reference names its controller whole, and holds back its deletion', () => {
  expect(ownerReference('apps/replicasets', web)).toEqual({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'web',
    uid: 'uid-web',
    controller: true,
    blockOwnerDeletion: true,
  });
  expect(() => ownerReference('apps/replicasets', { metadata: { name: 'web' } })).toThrow(TypeError);
});
