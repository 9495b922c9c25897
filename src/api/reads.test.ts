import { describe, expect, test } from 'vitest';
import type { Resource } from '#core/resource.ts';
import { TransportError } from './failure.ts';
import type { ReadAnswer, Reader } from './port.ts';
import { createReads } from './reads.ts';

const WIDGETS: Resource = 'example.com/widgets@v1,Widget,namespaced';

/** Reads of one answer, and what was asked for. */
function reading(answer: ReadAnswer | Error) {
  const asked: { identity: string; path: string; accept: string | undefined }[] = [];
  const reads = createReads(
    {
      get: async (identity, path, options) => {
        asked.push({ identity, path, accept: options?.accept });
        if (answer instanceof Error) throw answer;
        return answer;
      },
      review: () => Promise.reject(new TypeError('reviewing')),
    },
    'collector',
  );
  return { reads, asked };
}

const partial = (name: string) => ({
  apiVersion: 'meta.k8s.io/v1',
  kind: 'PartialObjectMetadata',
  metadata: { name, namespace: 'a', uid: `uid-${name}`, resourceVersion: '3' },
});
const at = { namespace: 'a', name: 'x' };

describe('metadata', () => {
  test('is all that is asked for, under the own name, and comes as the kind that it is of', async () => {
    const { reads, asked } = reading({ status: 200, body: partial('x') });
    expect(await reads.metadata(WIDGETS, at)).toEqual({
      ok: true,
      object: { ...partial('x'), apiVersion: 'example.com/v1', kind: 'Widget' },
    });
    expect(asked).toEqual([
      {
        identity: 'collector',
        path: '/apis/example.com/v1/namespaces/a/widgets/x',
        accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      },
    ]);
  });

  test.each([
    ['that is not there', { reason: 'NotFound', details: { name: 'x' } }, 'NotFound'],
    ['of a resource that is not served', { reason: 'NotFound', details: {} }, 'NotServed'],
    ['behind a path that nobody knows', undefined, ''],
    ['that nobody may see', { reason: 'Forbidden', message: 'secret' }, 'Forbidden'],
    ['of whom a hostile server tells', { reason: 'not a word' }, ''],
  ])('of an object %s', async (_, body, reason) => {
    const { reads } = reading({ status: 404, body });
    expect(await reads.metadata(WIDGETS, at)).toEqual({ ok: false, status: 404, reason });
  });

  test.each([[{}], [{ metadata: { name: 'x' } }], [null], [{ metadata: { name: 1, uid: 'u' } }]])(
    'is none of %j',
    async (body) => {
      const { reads } = reading({ status: 200, body });
      expect(await reads.metadata(WIDGETS, at)).toEqual({ ok: false, status: 200, reason: 'Malformed' });
    },
  );
});

describe('a list of metadata', () => {
  test('holds as many as were asked for, and says how many there are beyond', async () => {
    const body = { metadata: { continue: 'more', remainingItemCount: 7 }, items: [partial('x'), partial('y')] };
    const { reads, asked } = reading({ status: 200, body });
    const read = await reads.listMetadata(WIDGETS, { namespace: 'a', limit: 2 });
    expect(read).toMatchObject({ ok: true, object: { remaining: 7, items: [{ kind: 'Widget' }, { kind: 'Widget' }] } });
    expect(asked[0]).toMatchObject({ path: '/apis/example.com/v1/namespaces/a/widgets?limit=2' });
  });

  test.each([
    ['nothing more', {}, 0],
    ['nothing more', { continue: '' }, 0],
    ['at least one more where it goes on without a count', { continue: 'more' }, 1],
  ])('has %s', async (_, metadata, remaining) => {
    const { reads } = reading({ status: 200, body: { metadata, items: [] } });
    expect(await reads.listMetadata(WIDGETS, { limit: 1 })).toEqual({ ok: true, object: { items: [], remaining } });
  });

  test('is empty where the API server writes null for no items', async () => {
    const { reads } = reading({ status: 200, body: { kind: 'PartialObjectMetadataList', metadata: {}, items: null } });
    expect(await reads.listMetadata(WIDGETS, { limit: 1 })).toEqual({ ok: true, object: { items: [], remaining: 0 } });
  });

  test.each([
    ['null', null],
    ['a Status', { kind: 'Status', items: null }],
    ['a list without items', { kind: 'PartialObjectMetadataList' }],
  ])('is not %s', async (_, body) => {
    const { reads } = reading({ status: 200, body });
    expect(await reads.listMetadata(WIDGETS, { limit: 1 })).toMatchObject({ ok: false, reason: 'Malformed' });
  });

  test('is none where one item has no name', async () => {
    const { reads } = reading({ status: 200, body: { items: [partial('x'), {}] } });
    expect(await reads.listMetadata(WIDGETS, { limit: 1 })).toMatchObject({ ok: false, reason: 'Malformed' });
  });

  test('I15: is asked for in smaller pages where a tenant made its items heavy', async () => {
    const asked: string[] = [];
    const reader: Reader = {
      get: async (_identity, path) => {
        asked.push(path.slice(path.indexOf('?')));
        if (!/=(40|8|1)$/.test(path)) throw new TransportError('too-large');
        return { status: 200, body: { metadata: { continue: 'more', remainingItemCount: 9 }, items: [partial('x')] } };
      },
      review: () => Promise.reject(new TypeError('reviewing')),
    };
    const reads = createReads(reader, 'namespace');
    expect(await reads.listMetadata(WIDGETS, { limit: 1000 })).toMatchObject({ ok: true, object: { remaining: 9 } });
    expect(asked).toEqual(['?limit=1000', '?limit=200', '?limit=40']);
    reader.get = () => Promise.reject(new TransportError('too-large'));
    expect(await reads.listMetadata(WIDGETS, { limit: 2 })).toEqual({ ok: false, status: 0, reason: 'too-large' });
  });
});

test('an object is read whole', async () => {
  const { reads, asked } = reading({ status: 200, body: { ...partial('x'), spec: {} } });
  expect(await reads.get('core/pods', at)).toMatchObject({ ok: true, object: { spec: {} } });
  expect(asked[0]).toMatchObject({ path: '/api/v1/namespaces/a/pods/x', accept: undefined });
});

test('no answer is data; a bug is not', async () => {
  const away = reading(new TransportError('unreachable')).reads;
  expect(await away.metadata(WIDGETS, at)).toEqual({ ok: false, status: 0, reason: 'unreachable' });
  expect(await away.discover()).toEqual({ ok: false, status: 0, reason: 'unreachable' });
  await expect(reading(new TypeError('bug')).reads.metadata(WIDGETS, at)).rejects.toThrow('bug');
});

test('discovery that is refused is data', async () => {
  const { reads } = reading({ status: 403, body: {} });
  expect(await reads.discover()).toEqual({ ok: false, status: 403, reason: 'DiscoveryRefused' });
});
