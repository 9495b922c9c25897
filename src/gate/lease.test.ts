import { describe, expect, test } from 'vitest';
import type { WireRequest } from '#core/request.ts';
import { gateBench, wired } from '#kit/gate.ts';
import { isThatLease, sendLease } from './lease.ts';

const NAME = { namespace: 'kube-system', name: 'kube-controller-manager' };
const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
const body = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { namespace: 'kube-system', name: 'kube-controller-manager' },
  spec: {},
};
const renewal: WireRequest = {
  class: 'lease',
  identity: 'leader',
  verb: 'update',
  method: 'PUT',
  path: `${path}/kube-controller-manager?timeout=5000ms`,
  contentType: 'application/json',
  body: JSON.stringify(body),
  target: { resource: 'coordination.k8s.io/leases', ...NAME },
  timeout: 5000,
};

describe('the built-in rule of leases', () => {
  test('lets exactly the configured lease through, created or updated', () => {
    expect(isThatLease(renewal, NAME)).toBe(true);
    expect(isThatLease({ ...renewal, verb: 'create', method: 'POST', path: `${path}?timeout=1ms` }, NAME)).toBe(true);
  });

  test.each([
    ['another identity', { identity: 'replicaset' }],
    ['another class', { class: 'write' }],
    ['another verb', { verb: 'delete', method: 'DELETE' }],
    ['a patch', { verb: 'patch', method: 'PATCH' }],
    ['another name in the path', { path: `${path}/other` }],
    [
      'another namespace in the path',
      { path: '/apis/coordination.k8s.io/v1/namespaces/default/leases/kube-controller-manager' },
    ],
    ['a path below it', { path: `${path}/kube-controller-manager/status` }],
    ['another resource', { path: '/api/v1/namespaces/kube-system/secrets/kube-controller-manager' }],
    ['a create with the name in the path', { verb: 'create', method: 'POST' }],
    [
      'another object in the body',
      { body: JSON.stringify({ ...body, metadata: { ...body.metadata, name: 'other' } }) },
    ],
    ['another kind in the body', { body: JSON.stringify({ ...body, kind: 'Secret' }) }],
    ['no body', { body: '{}' }],
    ['another target', { target: { resource: 'coordination.k8s.io/leases', namespace: 'kube-system', name: 'other' } }],
  ] as const)('refuses %s', (_, change) => {
    const request = { ...renewal, ...change } as WireRequest;
    expect(isThatLease(request, NAME)).toBe(false);
  });
});

describe('sending a lease', () => {
  test('I1: its record is durable first, in a lane of its own; neither bundle nor fence is asked', async () => {
    const bench = gateBench({ leads: false });
    await bench.parts.evaluator.close();
    await sendLease(renewal, NAME, bench.parts);
    expect(bench.happened.map(({ at }) => at)).toEqual(['intent', 'wire', 'outcome']);
    expect(bench.happened[0]).toMatchObject({
      lane: 'lease',
      draft: { verdict: { by: 'built-in', rules: ['built-in/lease'] }, request: renewal },
    });
  });

  test('I2: what cannot be recorded is not sent', async () => {
    const bench = gateBench({ ledger: 'fails' });
    expect(await sendLease(renewal, NAME, bench.parts)).toEqual({ kind: 'refused' });
    expect(wired(bench.happened)).toEqual([]);
  });

  test('anything else is a bug, and throws before it is recorded', async () => {
    const bench = gateBench();
    await expect(sendLease({ ...renewal, identity: 'replicaset' }, NAME, bench.parts)).rejects.toThrow(TypeError);
    expect(bench.happened).toEqual([]);
  });
});
