import { expect, test } from 'vitest';
import { leaseFound, leaseRequest, leaseWritten } from './request.ts';

const at = { namespace: 'kube-system', name: 'kube-controller-manager' };
const lease = { kind: 'Lease', metadata: { ...at, uid: 'u', resourceVersion: '7' }, spec: { holderIdentity: 'a' } };
const PATH = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';

test('a lease goes out as its own class, whole, under the identity leader', () => {
  expect(leaseRequest('update', lease, at, 5000)).toEqual({
    class: 'lease',
    identity: 'leader',
    verb: 'update',
    method: 'PUT',
    path: `${PATH}/kube-controller-manager?fieldManager=kube-controller-manager&timeout=5000ms`,
    contentType: 'application/json',
    body: JSON.stringify(lease),
    target: { resource: 'coordination.k8s.io/leases', ...at, uid: 'u' },
    timeout: 5000,
  });
  expect(leaseRequest('create', { ...lease, metadata: at }, at, 5000)).toMatchObject({
    verb: 'create',
    method: 'POST',
    path: `${PATH}?fieldManager=kube-controller-manager&timeout=5000ms`,
  });
});

test.each([
  [200, lease, { ok: true, lease }],
  [404, { kind: 'Status' }, { ok: true, lease: undefined }],
  [403, { kind: 'Status' }, { ok: false }],
  [200, { kind: 'Status' }, { ok: false }],
  [200, null, { ok: false }],
])('reading: %i', (status, body, found) => {
  expect(leaseFound({ status, body })).toEqual(found);
});

test.each([
  [
    { kind: 'answered', status: 201, body: lease },
    { ok: true, lease },
  ],
  [
    { kind: 'answered', status: 409, body: {} },
    { ok: false, why: 'conflict' },
  ],
  [
    { kind: 'answered', status: 404, body: {} },
    { ok: false, why: 'conflict' },
  ],
  [
    { kind: 'answered', status: 500, body: {} },
    { ok: false, why: 'failed' },
  ],
  [
    { kind: 'answered', status: 200, body: {} },
    { ok: false, why: 'failed' },
  ],
  [{ kind: 'lost' }, { ok: false, why: 'failed' }],
  [{ kind: 'unsent' }, { ok: false, why: 'failed' }],
  [{ kind: 'refused' }, { ok: false, why: 'failed' }],
] as const)('writing: %j', (answer, written) => {
  expect(leaseWritten(answer)).toEqual(written);
});
