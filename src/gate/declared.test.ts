import { expect, test } from 'vitest';
import { allow, allowAny, allowNamed, type Controller, defineController } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';
import type { WireRequest } from '#core/request.ts';
import { checkDeclared } from './declared.ts';

const everything: Controller = defineController({
  name: 'greedy',
  upstreamRole: 'none',
  does: 'Would do too much.',
  events: true,
  rbac: [
    allow('core/pods', 'list', 'create', 'delete'),
    allow('core/pods/status', 'patch'),
    allowNamed('core/configmaps', ['kube-root-ca.crt'], 'patch'),
    allow('core/namespaces', 'delete'),
    allow('rbac.authorization.k8s.io/clusterroles', 'delete', 'deletecollection'),
    allow('admissionregistration.k8s.io/validatingadmissionpolicies', 'delete'),
    allow('flowcontrol.apiserver.k8s.io/flowschemas', 'delete'),
  ],
  loops: [{ queue: 'greedy', key: 'core/pods', workers: 1, reconcile: () => nothing('nothing') }],
});

const sweeper: Controller = { ...everything, name: 'sweeper', rbac: [allowAny('list', 'patch', 'delete')] };

const check = (
  verb: WireRequest['verb'],
  target: WireRequest['target'],
  requestClass: 'write' | 'event' = 'write',
  controller = everything,
) =>
  checkDeclared(controller, {
    class: requestClass,
    identity: 'greedy',
    verb,
    method: 'POST',
    path: '/',
    target,
    timeout: 1,
  });

test.each([
  ['a declared verb', 'create', { resource: 'core/pods', namespace: 'a' }, undefined],
  ['another verb', 'update', { resource: 'core/pods', namespace: 'a', name: 'x' }, 'GATE_UNDECLARED'],
  [
    'a subresource by its own grant',
    'patch',
    { resource: 'core/pods', namespace: 'a', name: 'x', subresource: 'status' },
    undefined,
  ],
  [
    "the object by its subresource's grant",
    'patch',
    { resource: 'core/pods', namespace: 'a', name: 'x' },
    'GATE_UNDECLARED',
  ],
  [
    "a subresource by the object's grant",
    'delete',
    { resource: 'core/pods', namespace: 'a', name: 'x', subresource: 'status' },
    'GATE_UNDECLARED',
  ],
  ['a granted name', 'patch', { resource: 'core/configmaps', namespace: 'a', name: 'kube-root-ca.crt' }, undefined],
  ['another name', 'patch', { resource: 'core/configmaps', namespace: 'a', name: 'other' }, 'GATE_UNDECLARED'],
  ["Comptroller's namespace", 'delete', { resource: 'core/namespaces', name: 'comptroller-system' }, 'GATE_PROTECTED'],
  [
    "an object in Comptroller's namespace",
    'create',
    { resource: 'core/pods', namespace: 'comptroller-system' },
    'GATE_PROTECTED',
  ],
  [
    "Comptroller's role",
    'delete',
    { resource: 'rbac.authorization.k8s.io/clusterroles', name: 'comptroller:reader' },
    'GATE_PROTECTED',
  ],
  ['all roles at once', 'deletecollection', { resource: 'rbac.authorization.k8s.io/clusterroles' }, 'GATE_PROTECTED'],
  [
    "Comptroller's admission policy",
    'delete',
    { resource: 'admissionregistration.k8s.io/validatingadmissionpolicies', name: 'fleet.comptroller.dev' },
    'GATE_PROTECTED',
  ],
  [
    "Comptroller's flow schema",
    'delete',
    { resource: 'flowcontrol.apiserver.k8s.io/flowschemas', name: 'comptroller-leader' },
    'GATE_PROTECTED',
  ],
  [
    'a role of somebody else',
    'delete',
    { resource: 'rbac.authorization.k8s.io/clusterroles', name: 'my-comptroller:x' },
    undefined,
  ],
] as const)('%s', (_, verb, target, code) => {
  expect(check(verb, target)).toBe(code);
});

test('Events only in their class, only created and counted', () => {
  expect(check('create', { resource: 'core/events', namespace: 'a' }, 'event')).toBeUndefined();
  expect(check('delete', { resource: 'core/events', namespace: 'a', name: 'e' }, 'event')).toBe('GATE_UNDECLARED');
  expect(check('create', { resource: 'core/events', namespace: 'a' })).toBe('GATE_UNDECLARED');
  expect(check('create', { resource: 'core/pods', namespace: 'a' }, 'event')).toBe('GATE_UNDECLARED');
});

test.each<[string, WireRequest['verb'], WireRequest['target'], string | undefined]>([
  ['of a built-in resource', 'delete', { resource: 'core/pods', namespace: 'a', name: 'x' }, undefined],
  [
    'of one that discovery tells of',
    'patch',
    { resource: 'example.com/widgets@v1,Widget,namespaced', namespace: 'a', name: 'x' },
    undefined,
  ],
  [
    'of a subresource',
    'patch',
    { resource: 'core/pods', namespace: 'a', name: 'x', subresource: 'status' },
    'GATE_UNDECLARED',
  ],
  ['by another verb', 'update', { resource: 'core/pods', namespace: 'a', name: 'x' }, 'GATE_UNDECLARED'],
  [
    "of Comptroller's own",
    'delete',
    { resource: 'core/secrets', namespace: 'comptroller-system', name: 'x' },
    'GATE_PROTECTED',
  ],
  [
    "of Comptroller's own, in a version that is not built in",
    'delete',
    { resource: 'flowcontrol.apiserver.k8s.io/flowschemas@v2,FlowSchema,cluster', name: 'comptroller-leader' },
    'GATE_PROTECTED',
  ],
])('what may be done anywhere: a write %s', (_, verb, target, code) => {
  expect(check(verb, target, 'write', sweeper)).toBe(code);
});
