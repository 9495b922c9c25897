import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AuditEvent } from '#kit/audit.ts';
import { refusalOf, refusalsIn } from './refusals.ts';

const event = (more: Partial<AuditEvent>): AuditEvent => ({
  auditID: 'x',
  verb: 'create',
  requestURI: '/api/v1/namespaces/a/pods',
  user: { username: 'comptroller:replicaset' },
  objectRef: { resource: 'pods', namespace: 'a', name: 'b' },
  responseStatus: { code: 201 },
  requestReceivedTimestamp: '2026-01-01T10:00:00.000000Z',
  stageTimestamp: '2026-01-01T10:00:00.000000Z',
  ...more,
});
const forbid = { 'authorization.k8s.io/decision': 'forbid' };
const answer = (code: number, message: string) => ({ responseStatus: { code, message } });

test.each([
  ['RBAC', event({ annotations: forbid }), 'RBAC refused comptroller:replicaset to create pods'],
  [
    'RBAC, of a subresource in a group',
    event({
      annotations: forbid,
      verb: 'patch',
      objectRef: { apiGroup: 'apps', resource: 'x', subresource: 'status' },
    }),
    'RBAC refused comptroller:replicaset to patch apps/x/status',
  ],
  [
    'RBAC, of a path that is no object',
    event({ annotations: forbid, verb: 'get', requestURI: '/metrics', objectRef: {} }),
    'RBAC refused comptroller:replicaset to get /metrics',
  ],
  [
    'authentication',
    event({ ...answer(401, 'Unauthorized'), user: {}, userAgent: 'kube-controller-manager/0.1.0 comptroller' }),
    'authentication refused a certificate of ours to create pods',
  ],
  [
    'an admission policy',
    event(
      answer(422, "pods \"b\" is forbidden: ValidatingAdmissionPolicy 'fleet' with binding 'fleet' denied request: no"),
    ),
    'admission policy fleet refused comptroller:replicaset to create pods',
  ],
  [
    'the guard of owner references',
    event(
      answer(403, 'pods "b" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource'),
    ),
    'admission refused comptroller:replicaset to create pods',
  ],
])('names who refused: %s', (_, seen, told) => {
  expect(refusalOf(seen)).toBe(told);
});

test.each([
  ['an answer as asked for', event({})],
  ['a conflict', event(answer(409, 'the object has been modified'))],
  [
    'a namespace that ends',
    event(answer(403, 'unable to create new content in namespace a because it is being terminated')),
  ],
  ['somebody who is not known', event({ ...answer(401, 'Unauthorized'), user: {}, userAgent: 'e2e.test/v1' })],
  ['a refusal of somebody else', event({ annotations: forbid, user: { username: 'local:admin' } })],
])('says nothing of %s', (_, seen) => {
  expect(refusalOf(seen)).toBeUndefined();
});

test('counts the alike in a log', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'refusals-'));
  const file = join(directory, 'audit.log');
  const lines = [event({ annotations: forbid }), event({}), event({ annotations: forbid })];
  writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  expect(await refusalsIn(file)).toEqual(['RBAC refused comptroller:replicaset to create pods, 2 times']);
  rmSync(directory, { recursive: true });
});
