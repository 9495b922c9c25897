import { expect, test } from 'vitest';
import { METADATA, METADATA_LIST } from '#api/metadata.ts';
import type { DeleteCollection } from '#core/plan.ts';
import { render } from './render.ts';

const options = { identity: 'namespace', class: 'write', timeout: 6000 } as const;
const all = (resource: DeleteCollection['resource'], more: Partial<DeleteCollection> = {}): DeleteCollection => ({
  verb: 'deletecollection',
  resource,
  namespace: 'shop',
  propagation: 'Background',
  expected: 1,
  reason: 'content',
  ...more,
});

test.each([
  ['core/secrets', '/api/v1/namespaces/shop/secrets?timeout=6000ms'],
  ['example.com/widgets@v1,Widget,namespaced', '/apis/example.com/v1/namespaces/shop/widgets?timeout=6000ms'],
] as const)('a deletion of all %s asks for metadata only, in the form of a list', (resource, path) => {
  expect(render(all(resource), options)).toEqual({
    ok: true,
    request: {
      class: 'write',
      identity: 'namespace',
      verb: 'deletecollection',
      method: 'DELETE',
      path,
      contentType: 'application/json',
      accept: METADATA_LIST,
      body: '{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}',
      target: { resource, namespace: 'shop' },
      timeout: 6000,
    },
  });
});

test('a deletion of one Secret asks for its metadata only', () => {
  const ref = { resource: 'core/secrets', namespace: 'shop', name: 'a', uid: 'u' } as const;
  const rendered = render({ verb: 'delete', ref, before: {}, reason: 'content' }, options);
  expect(rendered).toMatchObject({ ok: true, request: { accept: METADATA } });
});
