/** What the proxy does to bytes and to requests, before an API server that only tells what it was asked. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '#kit/wait.ts';
import { ApiClient } from '#local/client.ts';
import { createPki, issueClient, type Pki } from '#local/pki.ts';
import { openBetween } from './open.ts';
import type { Between, Mischief } from './port.ts';

const directory = mkdtempSync(join(tmpdir(), 'between-'));
let pki: Pki;
let api: Server;
let asked = 0;
let between: Between;
const clients: ApiClient[] = [];

/** Tells who asked, and with which headers. */
const tell: RequestListener = (request, response) => {
  asked++;
  const peer = (request.socket as TLSSocket).getPeerCertificate().subject.CN;
  const { method, url, headersDistinct: headers } = request;
  let body = '';
  request.on('data', (chunk) => {
    body += String(chunk);
  });
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    if (url?.includes('watch=1')) return void response.write('{"event":1}\n');
    response.end(JSON.stringify({ peer, method, url, headers, body }));
  });
};

beforeAll(async () => {
  pki = await createPki(directory);
  const [cert, key] = [pki.serving.certFile, pki.serving.keyFile].map((file) => readFileSync(file));
  const ca = [pki.clientCaBundle, pki.frontProxyCa.certFile].map((file) => readFileSync(file));
  api = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, tell);
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const server = `https://127.0.0.1:${(api.address() as AddressInfo).port}`;
  between = await openBetween({ ...pki, server, caFile: pki.clusterCa.certFile });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((one) => one.close()));
  between.pass();
});
afterAll(async () => {
  await between.close();
  api.closeAllConnections();
  api.close();
  rmSync(directory, { recursive: true });
});

async function client(ca = pki.comptrollerCa): Promise<ApiClient> {
  const subject = { commonName: 'comptroller:pods', organizations: ['comptroller', 'a, b'] };
  const keys = await issueClient(ca, directory, `client-${clients.length}`, subject);
  const made = new ApiClient({ server: between.server, caFile: pki.clusterCa.certFile, ...keys });
  clients.push(made);
  return made;
}

/** One that has a connection, which it will use again. */
async function connected(): Promise<ApiClient> {
  const one = await client();
  await one.call('GET', '/api');
  // The connection is free again only after whoever waited for the answer has heard.
  await setImmediate();
  return one;
}

const told = async (mischief?: Mischief): Promise<unknown> => {
  between.meddle(() => mischief);
  const one = await client();
  const { status, body } = await one.call('GET', '/api', { signal: AbortSignal.timeout(1000) });
  return { status, body };
};

describe('bytes', () => {
  test('pass, and the certificate that the API server sees is the client’s own', async () => {
    between.pass();
    const { body } = await (await client()).call('GET', '/api');
    expect(body).toMatchObject({ peer: 'comptroller:pods' });
    expect(body).not.toHaveProperty('headers.x-remote-user');
  });

  test('a reset reaches the client, and the next connection goes through', async () => {
    between.pass();
    const one = await client();
    const before = asked;
    const waiting = expect(one.call('GET', '/api?watch=1')).rejects.toThrow();
    await until(() => asked > before, { timeout: 2000, why: 'the request to arrive' });
    const { connections } = between;
    between.cut();
    await waiting;
    expect(await one.call('GET', '/api')).toMatchObject({ status: 200 });
    expect(between.connections).toBe(connections + 1);
  });

  test('refused is every connection, until they pass again', async () => {
    const one = await client();
    await one.call('GET', '/api');
    between.refuse();
    await expect(one.call('GET', '/api')).rejects.toThrow();
    between.pass();
    expect(await one.call('GET', '/api')).toMatchObject({ status: 200 });
  });

  test('frozen is everything: neither answer nor end', async () => {
    between.pass();
    const [one, other] = [await connected(), await client()];
    between.freeze();
    const answers = [one, other].map((each) => each.call('GET', '/api').catch(() => 'an end'));
    expect(await Promise.race([...answers, setTimeout(500, 'nothing')])).toBe('nothing');
    between.pass();
    expect(await answers[0]).toBe('an end');
  });

  test('stranded are the connections of before; new ones go through', async () => {
    between.pass();
    const [one, other] = [await connected(), await client()];
    between.strand();
    const signal = AbortSignal.timeout(300);
    await expect(one.call('GET', '/api', { signal })).rejects.toThrow('timeout');
    expect(await other.call('GET', '/api', { signal: AbortSignal.timeout(2000) })).toMatchObject({ status: 200 });
  });
});

describe('requests', () => {
  test('go on in the name of the certificate, all headers kept but those that only a front proxy may send', async () => {
    between.meddle(() => undefined);
    const headers = { 'audit-id': 'our-id', 'x-remote-user': 'system:admin', 'x-remote-extra-a': 'b' };
    const { body } = await (await client()).call('POST', '/api/v1?x=%2F', { headers, body: { a: 1 } });
    expect(body).toMatchObject({ peer: 'front-proxy-client', method: 'POST', url: '/api/v1?x=%2F', body: '{"a":1}' });
    const { headers: came } = body as { headers: Record<string, string[]> };
    expect(came['audit-id']).toEqual(['our-id']);
    expect(came['x-remote-user']).toEqual(['comptroller:pods']);
    expect(came['x-remote-group']?.join(', ').split(', ')).toEqual(['comptroller', 'a', 'b']);
    expect(came).not.toHaveProperty('x-remote-extra-a');
  });

  test('of another CA’s clients do not go on', async () => {
    between.meddle(() => undefined);
    await expect((await client(pki.clusterCa)).call('GET', '/api')).rejects.toThrow();
  });

  test('are told apart: method, path, watch and user', async () => {
    const seen: unknown[] = [];
    between.meddle((request) => {
      seen.push(request);
      return { kind: 'answer', status: 429, headers: { 'retry-after': '7' }, body: '{"kind":"Status"}' };
    });
    const one = await client();
    const answer = await one.call('GET', '/api/v1/pods?watch=1');
    expect(answer).toMatchObject({ status: 429, body: { kind: 'Status' }, headers: { 'retry-after': '7' } });
    await one.call('DELETE', '/api/v1/pods');
    expect(seen).toEqual([
      { method: 'GET', url: '/api/v1/pods?watch=1', watch: true, user: 'comptroller:pods' },
      { method: 'DELETE', url: '/api/v1/pods', watch: false, user: 'comptroller:pods' },
    ]);
  });

  test.each<{ mischief: Mischief; reaches: number; sees: RegExp }>([
    { mischief: { kind: 'truncate', after: 10 }, reaches: 1, sees: /other side closed|terminated|socket/ },
    { mischief: { kind: 'truncate', after: 0 }, reaches: 1, sees: /other side closed|terminated|socket/ },
    { mischief: { kind: 'garble', bytes: 3 }, reaches: 1, sees: /JSON/ },
    { mischief: { kind: 'lose-answer' }, reaches: 1, sees: /timeout/ },
    { mischief: { kind: 'swallow' }, reaches: 0, sees: /timeout/ },
    { mischief: { kind: 'reset' }, reaches: 0, sees: /ECONNRESET|other side closed|socket/ },
    { mischief: { kind: 'silence' }, reaches: 1, sees: /timeout/ },
    { mischief: { kind: 'delay-request', delay: 5000 }, reaches: 0, sees: /timeout/ },
    { mischief: { kind: 'delay-answer', delay: 5000 }, reaches: 1, sees: /timeout/ },
  ])('$mischief', async ({ mischief, reaches, sees }) => {
    const before = asked;
    await expect(told(mischief)).rejects.toThrow(sees);
    expect(asked - before).toBe(reaches);
  });

  test('that are only late are answered', async () => {
    expect(await told({ kind: 'delay-request', delay: 50 })).toMatchObject({ status: 200 });
    expect(await told({ kind: 'delay-answer', delay: 50 })).toMatchObject({ status: 200 });
  });

  test('that were done may be answered otherwise', async () => {
    const before = asked;
    expect(await told({ kind: 'answer', status: 500, done: true, body: '{}' })).toEqual({ status: 500, body: {} });
    expect(asked - before).toBe(1);
  });

  test('may be the last on their connection', async () => {
    between.meddle(() => ({ kind: 'last' }));
    const one = await connected();
    const before = between.connections;
    expect(await one.call('GET', '/api')).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(between.connections).toBe(before + 1);
  });

  test('pass untouched again on the connection they have, and new connections go through whole', async () => {
    between.meddle(() => ({ kind: 'answer', status: 429, body: '{}' }));
    const one = await connected();
    const before = between.connections;
    between.pass();
    expect(await one.call('GET', '/api')).toMatchObject({ status: 200, body: { peer: 'front-proxy-client' } });
    expect(between.connections).toBe(before);
    expect((await (await client()).call('GET', '/api')).body).toMatchObject({ peer: 'comptroller:pods' });
  });

  test('that watch are answered line by line', async () => {
    between.meddle(() => undefined);
    const end = new AbortController();
    const lines = (await client()).lines('/api?watch=1', end.signal);
    expect((await lines.next()).value).toEqual({ event: 1 });
    end.abort();
  });
});
