import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeApiServer, fakeApiServer } from '#kit/fake-apiserver.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { systemClock } from '#telemetry/clock.ts';
import { originOf } from './connections.ts';
import { serverVersion } from './discovery.ts';
import { retryAfterOf } from './exchange.ts';
import { createReader } from './read.ts';

let server: FakeApiServer;
let reader: ReturnType<typeof createReader>;
const telemetry = recordingTelemetry();

beforeEach(async () => {
  server = await fakeApiServer();
  const { endpoint, identities } = server;
  reader = createReader({ endpoint, identities, clock: systemClock, meter: telemetry.meter, maxBytes: 1000 });
});
afterEach(async () => {
  await server.close();
  await reader.close();
});

describe('the reader', () => {
  test('gives the raw body and the status, and surfaces Retry-After', async () => {
    server.handle((_message, response) => response.writeHead(429, { 'retry-after': '3' }).end('{"kind":"Status"}'));
    const answer = await reader.get('reader', '/api/v1/pods');
    expect(answer).toEqual({ status: 429, body: { kind: 'Status' }, retryAfter: 3000, date: expect.any(Number) });
    expect(telemetry.counts.get('rest_client_requests_total{code=429,method=GET,identity=reader}')).toBe(1);
  });

  test("tells the server's own time, and nothing where that is no date", async () => {
    let date = 'Sat, 21 Nov 2026 16:00:00 GMT';
    server.handle((_message, response) => response.writeHead(200, { date }).end('{}'));
    expect((await reader.get('reader', '/x')).date).toBe(Date.UTC(2026, 10, 21, 16));
    date = 'tomorrow';
    expect(await reader.get('reader', '/x')).toEqual({ status: 200, body: {} });
  });

  test('shows a token where it has one', async () => {
    const { endpoint, identities } = server;
    const options = { endpoint, identities, clock: systemClock, meter: telemetry.meter, token: 'abc' };
    const asPerson = createReader(options);
    server.handle(({ headers }, response) => response.end(JSON.stringify({ shown: headers.authorization ?? '' })));
    expect((await asPerson.get('reader', '/x')).body).toEqual({ shown: 'Bearer abc' });
    expect((await reader.get('reader', '/x')).body).toEqual({ shown: '' });
    await asPerson.close();
  });

  test('tries a GET again when its connection broke, at most twice', async () => {
    let tries = 0;
    server.handle((_message, response) => {
      tries++;
      if (tries < 3) response.socket?.destroy();
      else response.writeHead(200).end('{"gitVersion":"v1.37.1","major":"1","minor":"37"}');
    });
    expect(await serverVersion(reader, 'reader')).toMatchObject({ gitVersion: 'v1.37.1' });
    tries = -10;
    await expect(reader.get('reader', '/x')).rejects.toMatchObject({ code: 'API_UNAVAILABLE', trouble: 'broken' });
    expect(tries).toBe(-7);
  });

  test.each([
    ['no JSON', 'not json', 'malformed'],
    ['no object', '[1', 'malformed'],
    ['more than the cap', JSON.stringify({ a: 'x'.repeat(2000) }), 'too-large'],
  ])('a success with %s is malformed', async (_name, text, trouble) => {
    server.handle((_message, response) => response.writeHead(200).end(text));
    await expect(reader.get('reader', '/x')).rejects.toMatchObject({ code: 'API_MALFORMED', trouble });
  });

  test('a server of another CA is not spoken to', async () => {
    const other = await fakeApiServer();
    other.handle((_message, response) => response.writeHead(200).end('{}'));
    const options = { clock: systemClock, meter: telemetry.meter };
    const lost = createReader({ endpoint: other.endpoint, identities: server.identities, ...options });
    const untrusted = { code: 'API_UNAVAILABLE', trouble: 'untrusted' };
    await expect(lost.get('reader', '/x')).rejects.toMatchObject({
      ...untrusted,
      detail: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    const misnamed = { ...server.endpoint, servername: 'kubernetes.default' };
    const named = createReader({ endpoint: misnamed, identities: server.identities, ...options });
    const detail = 'ERR_TLS_CERT_ALTNAME_INVALID';
    await expect(named.get('reader', '/x')).rejects.toMatchObject({ ...untrusted, detail });
    await Promise.all([lost.close(), named.close(), other.close()]);
  });

  test('an aborted read ends at once', async () => {
    server.handle(() => undefined);
    const abort = new AbortController();
    const reading = reader.get('reader', '/x', { signal: abort.signal });
    abort.abort();
    await expect(reading).rejects.toMatchObject({ trouble: 'aborted' });
  });

  test.each(['http://x/', '//elsewhere/api', 'api', '/a b', '/a\r\nx: y'])('refuses the path %j', async (path) => {
    await expect(reader.get('reader', path)).rejects.toThrow(TypeError);
  });
});

describe('reviews', () => {
  const good = [
    '/apis/authentication.k8s.io/v1/tokenreviews',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    '/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews',
    '/api/v1/namespaces/a/pods?dryRun=All',
  ];
  const bad = [
    '/api/v1/namespaces/a/pods',
    '/api/v1/namespaces/a/pods?dryRun=',
    '/api/v1/namespaces/a/pods?dryRun=all',
    '/api/v1/namespaces/a/pods?dryRun=All&dryRun=',
    '/apis/authentication.k8s.io/v1/tokenreviews/../../../../api/v1/namespaces/a/pods',
    '/apis/authentication.k8s.io/v1/tokenreviews?x=y',
    '/api/v1/namespaces/a/serviceaccounts/b/token',
  ];
  test.each(good)('POST %s', async (path) => {
    server.handle((message, response) => response.writeHead(201).end(JSON.stringify({ url: message.url })));
    expect(await reader.review('authn', path, {})).toMatchObject({ status: 201, body: { url: path } });
  });
  test.each(bad)('refuses %s', async (path) => {
    await expect(reader.review('authn', path, {})).rejects.toThrow(TypeError);
    expect(server.connections).toHaveLength(0);
  });
});

test.each([
  ['0', 0],
  ['5', 5000],
  ['99999999', 600_000],
  ['-1', undefined],
  ['soon', undefined],
  ['Thu, 01 Jan 1970 00:00:10 GMT', 9000],
])('Retry-After %s is %s ms', (text, expected) => {
  expect(retryAfterOf({ 'retry-after': text }, 1000)).toBe(expected);
});

test.each(['http://a:1', 'https://a:1/path', 'https://u:p@a:1', 'https://a:1?x', 'a:1', ''])(
  'refuses the server %j',
  (server) => {
    expect(() => originOf({ server, version: '0' })).toThrow('server: expecting https://host:port');
  },
);
