import 'reflect-metadata';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ReadAnswer } from '#api/port.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createHealth } from '#telemetry/health.ts';
import type { Route } from './port.ts';
import { type Doors, openDoors } from './server.ts';

type KeyPair = Awaited<ReturnType<typeof generate>>;
interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly keys: KeyPair;
}
const YEAR = 365 * 24 * 3_600_000;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const generate = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function issue(name: string, issuer?: { name: string; keys: KeyPair }, ca = false): Promise<Issued> {
  const keys = await generate();
  const certificate = await X509CertificateGenerator.create({
    subject: name,
    issuer: issuer?.name ?? name,
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - YEAR),
    notAfter: new Date(Date.now() + YEAR),
    extensions: [
      new BasicConstraintsExtension(ca, undefined, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer?.keys.publicKey ?? keys.publicKey),
    ],
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----`,
    keys,
  };
}

const made = {} as Record<'clientCa' | 'proxyCa' | 'admin' | 'proxy' | 'otherProxy' | 'stranger' | 'viaLeaf', Issued>;
beforeAll(async () => {
  made.clientCa = await issue('CN=ca', undefined, true);
  // The same name on purpose: only the key tells them apart.
  made.proxyCa = await issue('CN=ca', undefined, true);
  made.admin = await issue('CN=alice, O=admins, O=people', { name: 'CN=ca', keys: made.clientCa.keys });
  made.proxy = await issue('CN=front-proxy', { name: 'CN=ca', keys: made.proxyCa.keys });
  made.otherProxy = await issue('CN=other', { name: 'CN=ca', keys: made.proxyCa.keys });
  made.stranger = await issue('CN=alice', undefined, true);
  const viaLeaf = await issue('CN=root', { name: 'CN=alice, O=admins, O=people', keys: made.admin.keys });
  made.viaLeaf = { ...viaLeaf, cert: `${viaLeaf.cert}\n${made.admin.cert}` };
});

const open: Doors[] = [];
afterEach(async () => {
  for (const doors of open.splice(0)) await doors.close(0);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const echo: Route = {
  method: 'POST',
  path: '/approve',
  verb: 'approve',
  handler: async ({ user, body }) => ({
    status: 200,
    body: JSON.stringify({ user: user?.name, groups: user?.groups, body }),
  }),
};
const broken: Route = {
  method: 'GET',
  path: '/broken',
  verb: 'get',
  handler: () => Promise.reject(new Error('the secret is hunter2')),
};

/** Doors before an API server that knows two tokens and lets those of `allowed` in. */
async function setUp(
  options: { cluster?: boolean; apiDown?: boolean; allowed?: readonly string[]; port?: number } = {},
) {
  const calls: { path: string; spec: unknown }[] = [];
  const clock = fakeClock(Date.now());
  const telemetry = recordingTelemetry();
  const health = createHealth();
  const authentication: ReadAnswer = {
    status: 200,
    body: {
      data: {
        'client-ca-file': made.clientCa.cert,
        'requestheader-client-ca-file': made.proxyCa.cert,
        'requestheader-allowed-names': '["front-proxy"]',
        'requestheader-username-headers': '["X-Remote-User"]',
        'requestheader-group-headers': '["X-Remote-Group"]',
        'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      },
    },
  };
  const review = async (identity: string, path: string, body: unknown): Promise<ReadAnswer> => {
    const { spec } = body as { spec: Record<string, unknown> };
    calls.push({ path, spec });
    if (options.apiDown) throw new Error('connecting: 10.0.0.1 refused');
    if (identity !== 'authn') return { status: 403, body: {} };
    if (path.includes('tokenreviews')) {
      const known = ['good', 'nobody'].includes(String(spec.token));
      const user = { username: `user-${spec.token}`, uid: '1', groups: ['g'], extra: { k: ['v'] } };
      return { status: 201, body: { status: known ? { authenticated: true, user } : { authenticated: false } } };
    }
    return {
      status: 201,
      body: { status: { allowed: (options.allowed ?? ['user-good', 'alice']).includes(String(spec.user)) } },
    };
  };
  const port = options.port ?? (await freePort());
  const doors = await openDoors({
    config: { bindAddress: '127.0.0.1', port, minVersion: 'TLSv1.3', ciphers: [] },
    reader: { get: async () => (options.cluster === false ? { status: 403, body: {} } : authentication), review },
    health,
    metrics: { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' },
    clock,
    ...telemetry,
    readFile: () => '',
    routes: [echo, broken],
  });
  open.push(doors);
  // The trust is read at once, in a turn of its own.
  await new Promise((resolve) => setImmediate(resolve));
  return { port, calls, clock, health, telemetry, doors };
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly as?: Issued;
  readonly body?: string;
  /** The peer's address, of the loopback network. */
  readonly from?: string;
}

function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, as, body, from }: Ask = {},
): Promise<{ status: number; text: string; close: boolean }> {
  return new Promise((resolve, reject) => {
    const tls = {
      rejectUnauthorized: false,
      agent: false,
      ...(as && { cert: as.cert, key: as.key }),
      ...(from !== undefined && { localAddress: from }),
    } as const;
    const request = httpsRequest({ host: '127.0.0.1', port, path, method, headers, ...tls }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, close: response.headers.connection === 'close' }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const posted = (body: string, more: Record<string, string> = {}): Ask => ({
  method: 'POST',
  body,
  headers: { authorization: 'Bearer good', 'content-type': 'application/json', ...more },
});

describe('health', () => {
  test('is open to everyone, and says no more than which check fails', async () => {
    const { port, health } = await setUp();
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200, text: 'ok' });
    expect(await ask(port, '/livez/ping')).toMatchObject({ status: 200, text: 'ok' });
    health.add('cache', () => 'syncing: secret-namespace');
    const { status, text } = await ask(port, '/readyz');
    expect([status, text]).toEqual([500, '[+]ping ok\n[-]cache failed: reason withheld\nreadyz check failed\n']);
    expect(await ask(port, '/livez')).toMatchObject({ status: 200 });
    expect(await ask(port, '/readyz?exclude=cache&verbose')).toMatchObject({
      status: 200,
      text: '[+]ping ok\nreadyz check passed\n',
    });
    expect(await ask(port, '/readyz/cache')).toMatchObject({ status: 500, text: 'reason withheld\n' });
    expect(await ask(port, '/readyz/other')).toMatchObject({ status: 404 });
    expect(await ask(port, '/healthz', { method: 'DELETE' })).toMatchObject({ status: 405 });
  });

  test('needs no API server', async () => {
    const { port } = await setUp({ cluster: false, apiDown: true });
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200 });
  });
});

describe('bearer tokens', () => {
  test('known and allowed; known and denied; unknown; none', async () => {
    const { port, calls } = await setUp();
    expect(await ask(port, '/metrics', bearer('good'))).toMatchObject({ status: 200, text: 'up 1\n' });
    expect(await ask(port, '/metrics', bearer('nobody'))).toMatchObject({ status: 403, text: 'forbidden\n' });
    expect(await ask(port, '/metrics', bearer('wrong'))).toMatchObject({ status: 401, text: 'unauthorized\n' });
    expect(await ask(port, '/metrics')).toMatchObject({ status: 401 });
    expect(calls.map(({ spec }) => spec)).toContainEqual({
      user: 'user-good',
      uid: '1',
      groups: ['g'],
      extra: { k: ['v'] },
      nonResourceAttributes: { path: '/metrics', verb: 'get' },
    });
  });

  test('answers are believed for ten seconds, then asked again', async () => {
    const { port, calls, clock } = await setUp();
    for (let times = 0; times < 3; times++) await ask(port, '/metrics', bearer('good'));
    expect(calls).toHaveLength(2);
    clock.advance(10_000);
    await ask(port, '/metrics', bearer('good'));
    expect(calls).toHaveLength(4);
  });

  test('an API server that cannot be asked is a no, without detail', async () => {
    const { port } = await setUp({ apiDown: true });
    expect(await ask(port, '/metrics', bearer('good'))).toMatchObject({ status: 503, text: 'unavailable\n' });
  });

  test('a flood of unknown tokens does not become a flood of reviews', async () => {
    const { port, calls } = await setUp();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => ask(port, '/metrics', bearer(`wrong-${n}`))),
    );
    expect(calls.length).toBeLessThanOrEqual(20);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]));
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200 });
  });
});

describe('client certificates', () => {
  test("of the cluster's CA name user and groups", async () => {
    const { port, calls } = await setUp();
    expect(await ask(port, '/metrics', { as: made.admin })).toMatchObject({ status: 200 });
    expect(calls[0]?.spec).toMatchObject({ user: 'alice', groups: ['admins', 'people', 'system:authenticated'] });
  });

  test.each(['stranger', 'viaLeaf', 'proxy'] as const)('%s is nobody', async (who) => {
    const { port } = await setUp({ allowed: ['alice', 'root', 'front-proxy'] });
    expect(await ask(port, '/metrics', { as: made[who] })).toMatchObject({ status: 401 });
  });

  test('count for nothing until the cluster has said which CA', async () => {
    const { port } = await setUp({ cluster: false });
    expect(await ask(port, '/metrics', { as: made.admin })).toMatchObject({ status: 401 });
  });

  test('of yesterday end with their time, also on the same connection', async () => {
    const { port, clock } = await setUp();
    clock.jump(2 * YEAR);
    expect(await ask(port, '/metrics', { as: made.admin })).toMatchObject({ status: 401 });
  });
});

describe('front proxies', () => {
  const headers = { 'x-remote-user': 'bob', 'x-remote-group': ['a, b', 'c'], 'x-remote-extra-scopes': 'x' };
  test('a trusted one names the user', async () => {
    const { port, calls } = await setUp({ allowed: ['bob'] });
    expect(await ask(port, '/metrics', { as: made.proxy, headers })).toMatchObject({ status: 200 });
    expect(calls[0]?.spec).toMatchObject({
      user: 'bob',
      groups: ['a, b', 'c', 'system:authenticated'],
      extra: { scopes: ['x'] },
    });
  });

  test.each(['admin', 'otherProxy', undefined] as const)('headers from %s are no word', async (who) => {
    const { port, calls } = await setUp({ allowed: ['bob'] });
    const { status } = await ask(port, '/metrics', { headers, ...(who && { as: made[who] }) });
    expect([401, 403]).toContain(status);
    expect(JSON.stringify(calls)).not.toContain('bob');
  });
});

describe('routes', () => {
  test('a POST asks for its own verb and gets its body', async () => {
    const { port, calls } = await setUp();
    const answer = await ask(port, '/approve', posted('{"a":1}'));
    expect(JSON.parse(answer.text)).toEqual({ user: 'user-good', groups: ['g'], body: '{"a":1}' });
    expect(calls[1]?.spec).toMatchObject({ nonResourceAttributes: { path: '/approve', verb: 'approve' } });
  });

  test('a body that is too large is refused and its connection closed', async () => {
    const { port } = await setUp();
    const answer = await ask(port, '/approve', posted('x'.repeat(65 * 1024)));
    expect(answer).toMatchObject({ status: 413, close: true });
  });

  test('a handler that fails says nothing of why', async () => {
    const { port, telemetry } = await setUp();
    expect(await ask(port, '/broken', bearer('good'))).toMatchObject({ status: 500, text: 'internal error\n' });
    expect(JSON.stringify(telemetry.lines)).not.toContain('hunter2');
  });

  test('which paths there are is for the known only', async () => {
    const { port } = await setUp();
    expect(await ask(port, '/other')).toMatchObject({ status: 401 });
    expect(await ask(port, '/other', bearer('good'))).toMatchObject({ status: 404 });
    expect(await ask(port, '/healthzz')).toMatchObject({ status: 401 });
    expect(await ask(port, '/healthz/../metrics')).toMatchObject({ status: 401 });
  });

  test.each([
    ['of a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['that says no type', { 'content-type': '' }, 415],
    ['of a type that only begins so', { 'content-type': 'application/jsonp' }, 415],
    ['of a page', { origin: 'https://evil.example' }, 403],
    ['of a page that hides where it is from', { origin: 'null' }, 403],
    ['of another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['of a site beside', { 'sec-fetch-site': 'same-site' }, 403],
    ['of a person', { 'sec-fetch-site': 'none', 'content-type': 'Application/JSON; charset=utf-8' }, 200],
  ])("a POST %s: a person's certificate is no wish of the person", async (_, headers, status) => {
    const { port } = await setUp();
    const { headers: own, ...rest } = posted('{}', headers);
    const { authorization: _token, ...sent } = own as Record<string, string>;
    expect(await ask(port, '/approve', { ...rest, headers: sent, as: made.admin })).toMatchObject({ status });
  });

  test('a flood of one peer, or of one who is known, does not shut the others out', async () => {
    const { port, calls } = await setUp();
    const flood = async (times: number, one: (at: number) => Ask): Promise<Set<number>> => {
      const answers = await Promise.all(Array.from({ length: times }, (_, at) => ask(port, `/metrics/${at}`, one(at))));
      return new Set(answers.map(({ status }) => status));
    };
    for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'])
      for (let times = 0; times < 4; times++)
        await flood(15, (at) => ({ from, ...bearer(`wrong-${from}-${times}-${at}`) }));
    expect(calls.filter(({ path }) => path.includes('tokenreviews')).length).toBe(50);
    expect(await flood(15, () => ({ from: '127.0.0.5' }))).toEqual(new Set([429]));
    // Reviews of rights are left, and those who need no review of a token get through.
    expect(await ask(port, '/metrics', { as: made.admin })).toMatchObject({ status: 200 });
    await flood(15, () => ({ from: '127.0.0.6', as: made.admin }));
    expect(await flood(15, () => ({ from: '127.0.0.7', as: made.admin }))).toContain(429);
  }, 30_000);

  test('too many requests are refused, and recover', async () => {
    const { port, clock, telemetry } = await setUp();
    const statuses: number[] = [];
    for (let times = 0; times < 8; times++)
      statuses.push(
        ...(await Promise.all(Array.from({ length: 30 }, () => ask(port, '/healthz')))).map(({ status }) => status),
      );
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(telemetry.counts.get('doors_requests_total{route=/healthz,code=429}')).toBe(200);
    // Another one is asked nothing for that.
    expect(await ask(port, '/healthz', { from: '127.0.0.9' })).toMatchObject({ status: 200 });
    clock.advance(1000);
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200 });
  }, 30_000);
});

describe('the listener', () => {
  test('speaks TLS 1.3 only unless told otherwise', async () => {
    const { port } = await setUp();
    const failed = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
      socket.on('secureConnect', () => resolve('connected'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    expect(failed).toMatch(/ERR_SSL/);
  });

  test('one peer cannot hold all connections', async () => {
    const { port } = await setUp();
    const sockets = Array.from({ length: 80 }, () => connect({ host: '127.0.0.1', port, rejectUnauthorized: false }));
    const ended = await Promise.all(
      sockets.map(
        (socket) =>
          new Promise<boolean>((resolve) => {
            socket
              .on('secureConnect', () => resolve(false))
              .on('error', () => resolve(true))
              .on('close', () => resolve(true));
          }),
      ),
    );
    expect(ended.filter(Boolean)).toHaveLength(16);
    for (const socket of sockets) socket.destroy();
  });

  test('--secure-port=0 opens nothing', async () => {
    const doors = await openDoors({
      config: { bindAddress: '127.0.0.1', port: 0, minVersion: 'TLSv1.3', ciphers: [] },
    } as unknown as Parameters<typeof openDoors>[0]);
    expect(doors.address).toBeUndefined();
    await doors.close();
  });

  test('an address in use is an error at the start', async () => {
    const { port } = await setUp();
    await expect(setUp({ port })).rejects.toThrow('EADDRINUSE');
  });
});
