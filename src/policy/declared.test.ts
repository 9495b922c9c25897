import { expect, test } from 'vitest';
import { allow, allowAny, allowNamed, defineController, requires } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';
import { declaredData } from './declared.ts';

const controller = defineController({
  name: 'sample',
  upstreamRole: 'sample',
  does: 'Nothing.',
  events: true,
  rbac: [
    allow('apps/replicasets', 'get', 'list', 'watch'),
    allow('apps/replicasets/status', 'patch'),
    allow('core/pods', 'list', 'create', 'delete'),
    allowNamed('core/configmaps', ['b', 'a'], 'patch'),
    allowNamed('core/configmaps', ['c'], 'patch', 'list'),
    allowNamed('core/services', ['x'], 'delete'),
    allow('core/services', 'delete'),
    requires('apps', 'replicasets/finalizers', ['update'], 'checked on the side'),
  ],
  loops: [{ queue: 'sample', key: 'apps/replicasets', workers: 1, reconcile: () => nothing('none') }],
});

test('writes by target and verb, names joined, any name where one grant has none; no reads, no side rights', () => {
  const { sample } = declaredData([controller]).declared.controllers;
  expect(sample).toEqual({
    events: true,
    regards: ['apps/v1 ReplicaSet', 'v1 ConfigMap', 'v1 Pod', 'v1 Service'],
    writes: {
      'apps/replicasets/status': { patch: { names: null } },
      'core/configmaps': { patch: { names: ['a', 'b', 'c'] } },
      'core/pods': { create: { names: null }, delete: { names: null } },
      'core/services': { delete: { names: null } },
    },
  });
});

test('the order of declaration does not show', () => {
  const reversed = { ...controller, name: 'other', rbac: controller.rbac.toReversed() };
  const one = declaredData([controller, reversed]);
  expect(JSON.stringify(declaredData([reversed, controller]))).toBe(JSON.stringify(one));
  expect(JSON.stringify(one.declared.controllers.other)).toBe(JSON.stringify(one.declared.controllers.sample));
});

test('what may be written anywhere is told beside the rest, and Events may be of any kind', () => {
  const sweeper = { ...controller, name: 'sweeper', rbac: [allowAny('get', 'list', 'patch', 'delete')] };
  expect(declaredData([sweeper]).declared.controllers.sweeper).toEqual({
    events: true,
    regards: ['*'],
    writes: {},
    anywhere: ['delete', 'patch'],
  });
});
