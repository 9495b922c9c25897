import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '#core/errors.ts';
import { failureOf } from './status.ts';

type Verb = Parameters<typeof failureOf>[0];
const quota = (message: string): object => ({ kind: 'Status', reason: 'Forbidden', message, details: { name: 'x' } });
const EXCEEDED =
  'exceeded quota: team-a.small, requested: pods=1,requests.cpu=100m, used: pods=10,requests.cpu=2, limited: pods=10,requests.cpu=2';

/** As kube-apiserver v1.37 answers. */
const TABLE: readonly [string, Verb, number, unknown, ErrorCode][] = [
  ['unknown identity', 'create', 401, { reason: 'Unauthorized' }, 'API_UNAUTHORIZED'],
  [
    'RBAC',
    'create',
    403,
    { reason: 'Forbidden', message: 'pods is forbidden: User "x" cannot create' },
    'API_FORBIDDEN',
  ],
  [
    'namespace that ends',
    'create',
    403,
    {
      reason: 'Forbidden',
      details: { name: 'p', causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    },
    'API_NAMESPACE_TERMINATING',
  ],
  ['quota', 'create', 403, quota(`pods "x" is forbidden: ${EXCEEDED}`), 'API_QUOTA_EXCEEDED'],
  [
    'quota without a limit',
    'create',
    403,
    quota('pods "x" is forbidden: failed quota: q: must specify limits.cpu for: main'),
    'API_QUOTA_EXCEEDED',
  ],
  ['gone', 'delete', 404, { reason: 'NotFound', details: { name: 'p', kind: 'pods' } }, 'API_GONE'],
  ['gone, with a colon in its name', 'patch', 404, { reason: 'NotFound', details: { name: 'system:x' } }, 'API_GONE'],
  ['not served, as a Status', 'create', 404, { reason: 'NotFound', details: {} }, 'API_REFUSED'],
  ['not served, as text', 'create', 404, undefined, 'API_REFUSED'],
  ['name taken', 'create', 409, { reason: 'AlreadyExists' }, 'API_EXISTS'],
  ['changed meanwhile', 'patch', 409, { reason: 'Conflict', message: 'the object has been modified' }, 'API_CONFLICT'],
  [
    "a deletion's uid, by the registry",
    'delete',
    409,
    {
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on ConfigMap "x": the UID in the precondition (a) does not match the UID in record (b). The object might have been deleted and then recreated',
    },
    'API_GONE',
  ],
  [
    "a deletion's uid, by the storage",
    'delete',
    409,
    {
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on pods "p": Precondition failed: UID in precondition: a, UID in object meta: b',
    },
    'API_GONE',
  ],
  [
    "a deletion's resourceVersion",
    'delete',
    409,
    {
      reason: 'Conflict',
      message: 'Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: 2',
    },
    'API_CONFLICT',
  ],
  ['gone for good', 'patch', 410, { reason: 'Gone', details: { name: 'p', kind: 'pods' } }, 'API_GONE'],
  ['gone, but not what', 'delete', 410, { reason: 'Gone' }, 'API_REFUSED'],
  ['gone without a word', 'delete', 410, {}, 'API_REFUSED'],
  ['a version that is gone', 'delete', 410, { reason: 'Expired', details: { name: 'p', kind: 'pods' } }, 'API_REFUSED'],
  [
    "a patch's uid",
    'patch',
    422,
    {
      reason: 'Invalid',
      details: { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.uid', message: 'secret' }] },
    },
    'API_GONE',
  ],
  [
    'invalid',
    'create',
    422,
    { reason: 'Invalid', details: { causes: [{ reason: 'FieldValueRequired', field: 'spec.x' }] } },
    'API_INVALID',
  ],
  ['bad request', 'create', 400, { reason: 'BadRequest' }, 'API_INVALID'],
  ['throttled', 'create', 429, { reason: 'TooManyRequests' }, 'API_THROTTLED'],
  ['time-out', 'create', 504, { reason: 'Timeout' }, 'API_UNKNOWN'],
  ['request time-out', 'create', 408, undefined, 'API_UNKNOWN'],
  ['internal', 'create', 500, { reason: 'InternalError' }, 'API_UNAVAILABLE'],
  ['not ready', 'create', 503, { reason: 'ServiceUnavailable' }, 'API_UNAVAILABLE'],
  ['method', 'create', 405, { reason: 'MethodNotAllowed' }, 'API_REFUSED'],
  ['media type', 'patch', 415, { reason: 'UnsupportedMediaType' }, 'API_REFUSED'],
  ['too large', 'create', 413, { reason: 'RequestEntityTooLarge' }, 'API_REFUSED'],
];

describe('what a refusal means', () => {
  test.each(TABLE)('%s: %s %i', (_name, verb, status, body, code) => {
    const failure = failureOf(verb, status, body);
    expect(failure).toMatchObject({ code, status });
    expect(failure.uncertain ?? false).toBe([408, 500, 502, 504].includes(status));
  });

  test('a webhook that could not be asked left nothing undone to wait for', () => {
    const said = (message: string, more: object = {}) =>
      failureOf('create', 500, { reason: 'InternalError', message, ...more });
    const failed = 'Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: hunter2';
    expect(said(failed)).toEqual({ code: 'API_UNAVAILABLE', status: 500, apiReason: 'InternalError' });
    expect(said(`x ${failed}`).uncertain).toBe(true);
    expect(said(failed, { reason: 'Unknown' }).uncertain).toBe(true);
    expect(said('Internal error occurred: etcdserver: request timed out').uncertain).toBe(true);
    expect(said('admission webhook "x" denied the request: failed calling webhook "x"').uncertain).toBe(true);
    expect(failureOf('deletecollection', 500, { reason: 'InternalError', message: failed }).uncertain).toBe(true);
    expect(failureOf('create', 504, { reason: 'InternalError', message: failed }).uncertain).toBe(true);
  });

  test('I9: of a Status only words and fields come out, never a message, a value or a key', () => {
    const failure = failureOf('create', 422, {
      reason: 'Invalid',
      message: 'hunter2',
      details: {
        name: 'hunter2',
        causes: [
          { reason: 'FieldValueInvalid', field: 'metadata.labels[hunter2].x[0]', message: 'hunter2' },
          { reason: 'hunter2 '.repeat(100), field: 'a="hunter2"' },
          null,
          'hunter2',
        ],
      },
    });
    expect(JSON.stringify(failure)).not.toContain('hunter2');
    expect(failure.causes?.[0]).toEqual({ reason: 'FieldValueInvalid', field: 'metadata.labels[].x[]' });
    const many = { details: { causes: Array.from({ length: 1000 }, () => ({ reason: 'R', field: 'f' })) } };
    expect(failureOf('create', 422, many).causes).toHaveLength(16);
  });

  test('an exceeded quota says which, and how much: names and numbers only', () => {
    expect(failureOf('create', 403, quota(`pods "x" is forbidden: ${EXCEEDED}`)).quota).toBe(EXCEEDED);
    const smuggled = [
      `pods "x" is forbidden: ${EXCEEDED} password=hunter2!`,
      'pods "x" is forbidden: exceeded quota: q, requested: hunter2, used: a=1, limited: a=1',
      'pods "x" is forbidden: exceeded quota: hunter 2, requested: a=1, used: a=1, limited: a=1',
      `pods "x" is forbidden: exceeded quota: q, requested: ${Array.from({ length: 200 }, (_, i) => `a${i}=1`).join(',')}, used: a=1, limited: a=1`,
    ];
    for (const message of smuggled) {
      expect(failureOf('create', 403, quota(message))).toEqual({
        code: 'API_QUOTA_EXCEEDED',
        status: 403,
        apiReason: 'Forbidden',
      });
    }
  });

  test.each([
    'failed quota: q: must specify limits.cpu for: main',
    'failed quota: q: must specify cpu for: init,main; requests.memory for: main',
    'status unknown for quota: q, resources: limits.cpu,pods',
  ])('so does one that wants to know more: %s', (said) => {
    expect(failureOf('create', 403, quota(`pods "x" is forbidden: ${said}`))).toMatchObject({
      code: 'API_QUOTA_EXCEEDED',
      quota: said,
    });
    expect(failureOf('create', 403, quota(`pods "x" is forbidden: ${said} hunter2`)).quota).toBeUndefined();
  });

  test.each([null, undefined, 'text', 7, [], { reason: 7, details: 'x', message: {} }, { details: { causes: 'x' } }])(
    'a body of %j is no surprise',
    (body) => {
      expect(failureOf('create', 403, body)).toEqual({ code: 'API_FORBIDDEN', status: 403 });
    },
  );
});
