import { describe, expect, test } from 'vitest';
import type { Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { resourceOf, viewOf } from '#kit/view.ts';
import type { Pending } from '../work.ts';
import { type Lookup, lookupIn } from './lookup.ts';
import { lossesOf } from './loss.ts';

const HELD: readonly Resource[] = [
  'core/pods',
  'core/nodes',
  'apps/replicasets',
  'apps/deployments',
  'apps/statefulsets',
];
const look = (...objects: readonly ApiObject[]): Lookup =>
  lookupIn({ view: (listed) => viewOf(objects, listed) }, new Set(HELD));
const BLIND: Lookup = lookupIn({ view: (listed) => viewOf([], listed) }, new Set());

type Loose = Record<string, unknown>;
const object = (apiVersion: string, kind: string, name: string, more: Loose = {}, metadata: Loose = {}): ApiObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'a', uid: `u-${name}`, resourceVersion: '1', ...metadata },
  ...more,
});
const ownedBy = (kind: string, name: string): Loose => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `u-${name}`, controller: true }],
});
const pod = (
  name: string,
  how: 'ready' | 'unready' | 'finished' | 'unknown' = 'ready',
  metadata: Loose = {},
): ApiObject => {
  const conditions = [{ type: 'Ready', status: how === 'unready' ? 'False' : 'True' }];
  const status = { phase: how === 'finished' ? 'Succeeded' : 'Running', conditions };
  return object('v1', 'Pod', name, how === 'unknown' ? {} : { status, spec: { nodeName: 'n1' } }, metadata);
};
const set = (name: string, replicas: unknown, metadata: Loose = {}): ApiObject =>
  object('apps/v1', 'ReplicaSet', name, { spec: { replicas } }, metadata);
const podsOf = (owner: string, count: number, how: 'ready' | 'unready' = 'ready', kind = 'ReplicaSet'): ApiObject[] =>
  Array.from({ length: count }, (_, at) => pod(`${owner}-${how}-${at}`, how, ownedBy(kind, owner)));

function pending(write: Write, before?: ApiObject, after?: ApiObject): Pending {
  const target = write.verb === 'effect' ? undefined : 'ref' in write ? write.ref : write;
  const request = { target: { ...target, ...('subresource' in write && { subresource: write.subresource }) } };
  return {
    write,
    writeId: 'w',
    cause: { reason: 'r', owners: [], evidence: 'absent' },
    request: request as unknown as Pending['request'],
    ...(before && { before }),
    ...(after && { after }),
  };
}
const remove = (gone: ApiObject): Pending =>
  pending({ verb: 'delete', reason: 'r', ref: refOf(resourceOf(gone), gone), before: gone }, gone);
const change = (before: ApiObject | undefined, after: ApiObject, subresource?: string): Pending =>
  pending(
    {
      verb: 'patch',
      reason: 'r',
      ref: refOf(resourceOf(after), after),
      ...(subresource !== undefined && { subresource }),
      type: 'merge',
      patch: {},
      after,
    },
    before,
    after,
  );
const collection = (resource: Resource, expected: number): Pending =>
  pending({ verb: 'deletecollection', reason: 'r', resource, namespace: 'a', propagation: 'Background', expected });
const weights = (writes: readonly Pending[], lookup: Lookup = BLIND): number[] =>
  lossesOf(writes, lookup, 0).map(({ weight }) => weight);

describe('what a deletion takes away', () => {
  test.each([
    ['a ready pod', pod('p'), 1],
    ['a pod that is not ready', pod('p', 'unready'), 0],
    ['a finished pod', pod('p', 'finished'), 0],
    ['a pod of which only metadata is known', pod('p', 'unknown'), 1],
    ['a pod that ends already', pod('p', 'ready', { deletionTimestamp: '2026-01-01T00:00:00Z' }), 0],
    ['a persistent volume', object('v1', 'PersistentVolume', 'v'), 20],
    ['a claim', object('v1', 'PersistentVolumeClaim', 'c'), 10],
    ['a namespace', object('v1', 'Namespace', 'n'), 5],
    ['a Deployment', object('apps/v1', 'Deployment', 'd'), 1],
    ['a Job', object('batch/v1', 'Job', 'j'), 1],
    [
      'a Job that is done',
      object('batch/v1', 'Job', 'j', { status: { conditions: [{ type: 'Complete', status: 'True' }] } }),
      0,
    ],
    ['a ConfigMap', object('v1', 'ConfigMap', 'c'), 0.2],
    ['a Secret', object('v1', 'Secret', 's'), 0.2],
  ])('%s', (_, gone, weight) => expect(weights([remove(gone)])).toEqual([weight]));

  test('a definition, whose resource only discovery tells of', () => {
    const ref = {
      resource: 'apiextensions.k8s.io/customresourcedefinitions@v1,CustomResourceDefinition,cluster',
      name: 'widgets.example.com',
      uid: 'u',
    } as const;
    expect(weights([pending({ verb: 'delete', reason: 'r', ref, before: {} }, {})])).toEqual([50]);
  });

  test('the cache is believed before the plan, under the same uid only', () => {
    const said = pod('p', 'unknown');
    expect(weights([remove(said)], look(pod('p', 'finished')))).toEqual([0]);
    expect(weights([remove(said)], look(pod('p', 'finished', { uid: 'another' })))).toEqual([1]);
  });

  test('an eviction is a deletion of the pod', () => {
    const eviction: Write = {
      verb: 'create',
      reason: 'r',
      resource: 'core/pods',
      namespace: 'a',
      subresource: 'eviction',
      object: { metadata: { name: 'p' } },
    };
    const write = pending(eviction);
    Object.assign(write.request.target, { name: 'p' });
    expect(lossesOf([write], look(pod('p')), 0)).toEqual([{ weight: 1, follows: 0, destructive: true }]);
  });

  const node = object('v1', 'Node', 'n1', {}, { namespace: undefined });
  test('a node is worth the pods that run on it, and a full one where they are not known', () => {
    const lookup = look(node, ...podsOf('web', 3), ...podsOf('web', 2, 'unready'), pod('done', 'finished'));
    expect(lossesOf([remove(node)], lookup, 0)).toEqual([{ weight: 5, follows: 4.8, destructive: true }]);
    expect(weights([remove(node)], look(node))).toEqual([0.2]);
    expect(weights([remove(node)])).toEqual([110]);
  });

  const app = object('apps/v1', 'Deployment', 'app', { spec: { replicas: 40 } });
  const old = set('old', 0, ownedBy('Deployment', 'app'));
  const fresh = set('new', 40, ownedBy('Deployment', 'app'));
  const running = look(app, old, fresh, ...podsOf('new', 30), ...podsOf('new', 10, 'unready'));
  test('a workload is worth its ready pods, and at least itself', () => {
    expect(lossesOf([remove(app), remove(fresh)], running, 0)).toEqual([
      { weight: 30, follows: 29, destructive: true },
      { weight: 30, follows: 29, destructive: true },
    ]);
    expect(weights([remove(app)], look(app))).toEqual([1]);
    const job = object('batch/v1', 'Job', 'j', { spec: { parallelism: 3 } });
    expect(weights([remove(job)])).toEqual([3]);
  });

  test('but for those that it leaves behind', () => {
    const leave = remove(app);
    Object.assign(leave.write, { propagation: 'Orphan' });
    expect(weights([leave], running)).toEqual([1]);
  });

  test('an old ReplicaSet that holds no pods is worth nothing; one that is to have some is', () => {
    expect(lossesOf([remove(old)], running, 0)).toEqual([{ weight: 0, follows: 0, destructive: true }]);
    expect(weights([remove(old)], look(old, ...podsOf('old', 1, 'unready')))).toEqual([1]);
    expect(weights([remove(fresh)], look(fresh))).toEqual([1]);
  });

  test.each([
    ['a Deployment', app, 40],
    ['a ReplicaSet of none', old, 1],
    ['a DaemonSet', object('apps/v1', 'DaemonSet', 'ds', { status: { currentNumberScheduled: 7 } }), 7],
    ['one that says nothing', object('apps/v1', 'StatefulSet', 'db'), 1],
    ['one that lies', object('apps/v1', 'StatefulSet', 'db', { spec: { replicas: 'many' } }), 1],
  ])('where pods are not known, what a workload wishes counts: %s', (_, gone, weight) =>
    expect(weights([remove(gone)])).toEqual([weight]),
  );

  test('a collection of workloads takes the pods of the dearest of them', () => {
    const other = set('other', 5);
    const ends = set('ends', 9, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    const away = set('away', 9, { namespace: 'b' });
    const pods = [...podsOf('other', 5), ...podsOf('new', 3), ...podsOf('ends', 9), ...podsOf('away', 9)];
    const lookup = look(other, fresh, old, ends, away, ...pods);
    expect(lossesOf([collection('apps/replicasets', 2)], lookup, 0)).toEqual([
      { weight: 8, follows: 6, destructive: true },
    ]);
    expect(weights([collection('apps/replicasets', 1)], lookup)).toEqual([5]);
    const left = collection('apps/replicasets', 2);
    Object.assign(left.write, { propagation: 'Orphan' });
    expect(weights([left], lookup)).toEqual([2]);
  });

  test.each([
    ['nodes', 'core/nodes', 2, 220],
    ['pods', 'core/pods', 30, 30],
    ['claims', 'core/persistentvolumeclaims', 3, 30],
    ['secrets', 'core/secrets', 10, 2],
    ['a count that is none', 'core/pods', Number.NaN, 1_000_000],
    ['a count below nothing', 'core/pods', -5, 1_000_000],
    ['a count beyond all', 'core/persistentvolumes', Number.POSITIVE_INFINITY, 1_000_000],
  ] as const)('a collection of %s', (_, resource, expected, weight) =>
    expect(weights([collection(resource, expected)])).toEqual([weight]),
  );
});

describe('what a change takes away', () => {
  const scaled = (from: unknown, to: unknown): Pending => change(set('web', from), set('web', to));

  test.each([
    ['fewer replicas, pods unknown', scaled(50, 5), 45],
    ['more replicas', scaled(5, 50), 0],
    ['as many', scaled(5, 5), 0],
    ['below nothing', scaled(5, -3), 5],
    ['text', scaled(5, '7'), 5],
    ['not a number', scaled(5, Number.NaN), 5],
    ['from what is no number', scaled('many', 5), 0],
    ['the field is taken away', scaled(5, undefined), 4],
  ])('%s', (_, write, weight) => expect(weights([write])).toEqual([weight]));

  test('of a ReplicaSet: only the ready pods that will go, and those that are not ready go first', () => {
    const pods = [...podsOf('web', 30), ...podsOf('web', 20, 'unready')];
    expect(weights([scaled(50, 40)], look(...pods))).toEqual([0]);
    expect(weights([scaled(50, 5)], look(...pods))).toEqual([25]);
    expect(weights([scaled(50, 5)], look())).toEqual([0]);
  });

  test('of a StatefulSet: its last pods go, ready or not', () => {
    const of = (replicas: number) => object('apps/v1', 'StatefulSet', 'db', { spec: { replicas } });
    const pods = [...podsOf('db', 5, 'ready', 'StatefulSet'), ...podsOf('db', 5, 'unready', 'StatefulSet')];
    expect(weights([change(of(10), of(7))], look(...pods))).toEqual([3]);
  });

  test('of a Scale, which says itself how many there are', () => {
    const after = object('apps/v1', 'ReplicaSet', 'web', { spec: { replicas: 2 }, status: { replicas: 9 } });
    expect(weights([change(undefined, after, 'scale')])).toEqual([7]);
  });

  test('a status takes nothing away', () => {
    expect(weights([change(set('web', 50), set('web', 5), 'status')])).toEqual([0]);
  });

  test.each([
    ['not ready any more', pod('p'), pod('p', 'unready'), 1],
    ['ended', pod('p'), pod('p', 'finished'), 1],
    ['known by its metadata only', undefined, pod('p', 'unready'), 1],
    ['as ready as before', pod('p'), pod('p'), 0],
    ['ready now', pod('p', 'unready'), pod('p'), 0],
    ['ended, that was not ready', pod('p', 'unready'), pod('p', 'finished'), 0],
    ['not ready, that ends already', pod('p', 'ready', { deletionTimestamp: 'x' }), pod('p', 'unready'), 0],
  ])('a status by which a pod is %s', (_, before, after, weight) =>
    expect(lossesOf([change(before, after, 'status')], look(), 0)).toEqual([
      { weight, follows: 0, destructive: weight > 0 },
    ]),
  );

  test('a pod that is marked as failed and deleted then is lost by the first of both, once', () => {
    const fail = change(pod('p'), pod('p', 'finished'), 'status');
    expect(weights([fail, remove(pod('p'))])).toEqual([1, 0]);
    expect(weights([fail, remove(pod('p')), remove(pod('q'))])).toEqual([1, 0, 1]);
    // Each gives back for itself alone where it is not done.
    expect(weights([fail, remove(pod('q')), remove(pod('p'))])).toEqual([1, 1, 1]);
    const gone = lossesOf([fail, remove(pod('p'))], look(pod('p')), 0);
    expect(gone.map(({ destructive }) => destructive)).toEqual([true, true]);
  });

  const node = (taints: unknown): ApiObject =>
    object('v1', 'Node', 'n1', { spec: { taints } }, { namespace: undefined });
  const evict = { key: 'k', effect: 'NoExecute' };
  test('a taint that evicts takes the pods that run on the node, also those that were marked as not ready before', () => {
    const waits = pod('waits', 'unready');
    Object.assign(waits, { status: { phase: 'Pending' } });
    const ends = pod('ends', 'ready', { deletionTimestamp: '2026-01-01T00:00:00Z' });
    const lookup = look(...podsOf('web', 3), ...podsOf('web', 2, 'unready'), pod('done', 'finished'), waits, ends);
    expect(weights([change(node([]), node([evict]))], lookup)).toEqual([5]);
    expect(weights([change(node([evict]), node([evict]))], lookup)).toEqual([0]);
    expect(weights([change(node([]), node([{ key: 'k', effect: 'NoSchedule' }]))], lookup)).toEqual([0]);
    expect(weights([change(node([]), node([evict]))])).toEqual([110]);
    expect(weights([change(node('no list'), node({}))], lookup)).toEqual([0]);
  });

  test('a finalizer that is taken off costs what deleting the object would, and nothing where it ends already', () => {
    const claim = (finalizers: string[], more: Loose = {}) =>
      object('v1', 'PersistentVolumeClaim', 'c', {}, { finalizers, ...more });
    expect(weights([change(claim(['x', 'y']), claim(['y']))])).toEqual([10]);
    expect(weights([change(claim(['y']), claim(['x', 'y']))])).toEqual([0]);
    const ends = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(lossesOf([change(claim(['x'], ends), claim([], ends))], BLIND, 0)).toEqual([
      { weight: 0, follows: 0, destructive: false },
    ]);
  });
});
