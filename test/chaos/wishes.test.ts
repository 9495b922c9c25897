import { describe, expect, test } from 'vitest';
import { complaints, type Found, type Wish } from './wishes.ts';

const wish: Wish = { namespace: 'load-1', name: 'web', replicas: 2, tag: 3, paused: false };
const namespaces = new Set(['load-1']);

const template = (tag: number) => ({ spec: { containers: [{ name: 'main', image: `web:${tag}` }] } });
const owned = (uid: string) => [{ apiVersion: 'apps/v1', kind: 'X', name: 'x', uid, controller: true }];

const deployment = {
  metadata: { namespace: 'load-1', name: 'web', uid: 'deployment', generation: 4 },
  spec: { replicas: 2, selector: {}, template: template(3) },
  status: { observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 },
};

const set = (uid: string, tag: number, owner = 'deployment') => ({
  metadata: { namespace: 'load-1', name: `web-${uid}`, uid, ownerReferences: owned(owner) },
  spec: { selector: {}, template: template(tag) },
});

const pod = (name: string, owner = 'new', more: object = {}) => ({
  metadata: { namespace: 'load-1', name, ownerReferences: owned(owner), ...more },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
});

const well: Found = {
  namespaces: [{ metadata: { name: 'load-1' } }],
  deployments: [deployment],
  replicaSets: [set('new', 3), set('old', 2)],
  pods: [pod('a'), pod('b')],
  equipment: new Set(['load-1/default', 'load-1/kube-root-ca.crt']),
};

describe('what is not as wished', () => {
  test('nothing, when all is', () => {
    expect(complaints([wish], namespaces, well)).toEqual([]);
  });

  test.each<[string, Partial<Found>, readonly string[]]>([
    ['a pod too few', { pods: [pod('a')] }, ['Deployment load-1/web has 1 ready of 1 pods instead of 2']],
    [
      'a pod too many',
      { pods: [pod('a'), pod('b'), pod('c')] },
      ['Deployment load-1/web has 3 ready of 3 pods instead of 2'],
    ],
    [
      'a pod that is being deleted',
      { pods: [pod('a'), pod('b'), pod('c', 'new', { deletionTimestamp: 'now' })] },
      ['Deployment load-1/web has 2 ready of 3 pods instead of 2'],
    ],
    [
      'a pod of an older template',
      { pods: [pod('a'), pod('b'), pod('c', 'old')] },
      ['Deployment load-1/web has 1 pods of an older template'],
    ],
    [
      'a pod whose owner is gone',
      { pods: [pod('a'), pod('b'), pod('c', 'gone')] },
      ['Pod load-1/c is left without its owner'],
    ],
    [
      'a pod of nobody',
      { pods: [pod('a'), pod('b'), pod('c', 'new', { ownerReferences: [] })] },
      ['Pod load-1/c is left without its owner'],
    ],
    [
      'a ReplicaSet whose owner is gone',
      { replicaSets: [set('new', 3), set('lost', 1, 'gone')] },
      ['ReplicaSet load-1/web-lost is left without its owner'],
    ],
    [
      'two ReplicaSets of one template',
      { replicaSets: [set('new', 3), set('twin', 3)] },
      ['Deployment load-1/web has 2 ReplicaSets of its template'],
    ],
    [
      'a status that tells of older days',
      { deployments: [{ ...deployment, status: { ...deployment.status, observedGeneration: 3 } }] },
      ['the status of Deployment load-1/web tells 2,2,2,2'],
    ],
    [
      'a Deployment that somebody changed',
      { deployments: [{ ...deployment, spec: { ...deployment.spec, replicas: 5 } }] },
      ['Deployment load-1/web is not what was last asked for'],
    ],
    [
      'a Deployment that should be gone',
      { deployments: [deployment, { ...deployment, metadata: { namespace: 'load-1', name: 'other', uid: 'other' } }] },
      ['Deployment load-1/other is not gone'],
    ],
    [
      'a namespace that should be gone',
      { namespaces: [...well.namespaces, { metadata: { name: 'load-2' } }] },
      ['namespace load-2 is not gone'],
    ],
    ['no ServiceAccount', { equipment: new Set(['load-1/kube-root-ca.crt']) }, ['namespace load-1 has no default']],
  ])('%s', (_, found, told) => {
    expect(complaints([wish], namespaces, { ...well, ...found })).toEqual(told);
  });

  test('a Deployment and a namespace that are gone and should not be', () => {
    const found = { ...well, namespaces: [], deployments: [], replicaSets: [], pods: [] };
    expect(complaints([wish], namespaces, found)).toEqual([
      'namespace load-1 is not there',
      'Deployment load-1/web is not there',
    ]);
  });
});
