import { expect, test } from 'vitest';
import { garbageCollector } from '#controllers/cluster/garbage-collector.ts';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import type { Resource } from '#core/resource.ts';
import { type OpenWrite, readingFor, resolve } from './resolve.ts';

const WIDGETS: Resource = 'example.com/widgets@v1,Widget,namespaced';
const open = (verb: OpenWrite['verb'], resource: Resource = WIDGETS): OpenWrite => ({
  verb,
  target: { resource, namespace: 'a', name: 'x', uid: 'u1' },
  resourceVersion: '5',
  derivedName: false,
});

test('a lost write is looked up as metadata, by who may list it', async () => {
  const asked: unknown[] = [];
  const reader = {
    get: async (identity: string, path: string, options?: { accept?: string }) => {
      asked.push([identity, path, options?.accept]);
      return { status: 200, body: { items: [] } };
    },
    review: () => Promise.reject(new TypeError('reviewing')),
  };
  expect([readingFor(replicaset), readingFor(garbageCollector)]).toEqual(['reader', 'garbage-collector']);
  expect(await resolve(open('delete'), reader, readingFor(garbageCollector))).toMatchObject({ as: 'applied' });
  expect(asked).toEqual([
    [
      'garbage-collector',
      '/apis/example.com/v1/namespaces/a/widgets?fieldSelector=metadata.name%3Dx',
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    ],
  ]);
});

test.each<[string, OpenWrite['verb'], object[], string]>([
  ['a deletion of what is gone', 'delete', [], 'applied'],
  ['a deletion of what another has replaced', 'delete', [{ metadata: { uid: 'u2' } }], 'applied'],
  ['a deletion of what lives', 'delete', [{ metadata: { uid: 'u1' } }], 'not-applied'],
  ['a deletion of what ends', 'delete', [{ metadata: { uid: 'u1', deletionTimestamp: 'now' } }], 'applied'],
  ['a patch of what is unchanged', 'patch', [{ metadata: { uid: 'u1', resourceVersion: '5' } }], 'not-applied'],
  ['a patch of what changed', 'patch', [{ metadata: { uid: 'u1', resourceVersion: '6' } }], 'unknown'],
  ['a patch of what is gone', 'patch', [], 'unknown'],
])('%s', async (_, verb, items, as) => {
  const reader = {
    get: async () => ({ status: 200, body: { items } }),
    review: () => Promise.reject(new TypeError('reviewing')),
  };
  expect(await resolve(open(verb), reader, 'reader')).toMatchObject({ as });
});

test.each([
  { rv: '99', as: 'unknown' },
  { rv: '100', as: 'not-applied' },
  { rv: '1000', as: 'not-applied' },
])('a store at $rv, that was known up to 100, tells of a deletion: $as', async ({ rv, as }) => {
  const items = [{ metadata: { uid: 'u1' } }];
  const get = async () => ({ status: 200, body: { metadata: { resourceVersion: rv }, items } });
  const reader = { get, review: () => Promise.reject(new TypeError('reviewing')) };
  expect(await resolve({ ...open('delete'), known: '100' }, reader, 'reader')).toMatchObject({ as });
});

test.each<[string, () => Promise<{ status: number; body: unknown }>]>([
  ['is refused', async () => ({ status: 403, body: {} })],
  ['fails', () => Promise.reject(new Error('away'))],
  ['gives no list', async () => ({ status: 200, body: {} })],
])('nothing is known where the look %s', async (_, get) => {
  const reader = { get, review: () => Promise.reject(new TypeError('reviewing')) };
  expect(await resolve(open('patch'), reader, 'reader')).toMatchObject({ as: 'unknown' });
});
