import { describe, expect, test } from 'vitest';
import type { Reader } from './port.ts';
import { createReads } from './reads.ts';

/** Reads whose server answers everything so. */
function readsOf(status: number, body: unknown) {
  const asked: string[] = [];
  const get: Reader['get'] = async (_identity, path) => {
    asked.push(path);
    return { status, body };
  };
  return { asked, reads: createReads({ get } as Reader, 'namespace') };
}
const LIST = 'PartialObjectMetadataList';
const item = { metadata: { name: 'a', uid: 'u' } };

describe('a list of metadata', () => {
  test.each([
    ['with items', { kind: LIST, metadata: {}, items: [item] }, { items: [item], remaining: 0 }],
    [
      'of which there are more',
      { kind: LIST, metadata: { continue: 'x', remainingItemCount: 7 }, items: [item] },
      { items: [item], remaining: 7 },
    ],
    [
      'that goes on untold',
      { kind: LIST, metadata: { continue: 'x' }, items: [item] },
      { items: [item], remaining: 1 },
    ],
    [
      'that is empty, as the API server writes it',
      { kind: LIST, metadata: {}, items: null },
      { items: [], remaining: 0 },
    ],
  ])('%s', async (_, body, object) => {
    const { reads, asked } = readsOf(200, body);
    expect(await reads.listMetadata('core/pods', { namespace: 'shop', limit: 500 })).toEqual({ ok: true, object });
    expect(asked).toEqual(['/api/v1/namespaces/shop/pods?limit=500']);
  });

  test.each([
    ['null', null],
    ['a Status', { kind: 'Status', items: null }],
    ['a list without items', { kind: LIST }],
    ['a list of what has no name', { kind: LIST, items: [{ metadata: { uid: 'u' } }] }],
  ])('is not %s', async (_, body) => {
    const { reads } = readsOf(200, body);
    expect(await reads.listMetadata('core/pods', { limit: 1 })).toEqual({
      ok: false,
      status: 200,
      reason: 'Malformed',
    });
  });

  test('that is refused is a status and a machine word', async () => {
    const { reads } = readsOf(403, { kind: 'Status', reason: 'Forbidden', message: 'secret' });
    expect(await reads.listMetadata('core/pods', { limit: 1 })).toEqual({
      ok: false,
      status: 403,
      reason: 'Forbidden',
    });
  });
});
