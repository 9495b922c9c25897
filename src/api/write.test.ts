import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeApiServer, fakeApiServer } from '#kit/fake-apiserver.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { until } from '#kit/wait.ts';
import { systemClock } from '#telemetry/clock.ts';
import type { RecordedRequest, Writer } from './port.ts';
import { createWriter, WRITE_MARGIN } from './write.ts';

let server: FakeApiServer;
let writer: Writer;
const recorded = new WeakSet<RecordedRequest>();
const { meter } = recordingTelemetry();

function request(more: Partial<RecordedRequest['request']> = {}): RecordedRequest {
  const made: RecordedRequest = {
    auditId: 'log-1-0123456789abcdef',
    request: {
      class: 'write',
      identity: 'replicaset',
      verb: 'create',
      method: 'POST',
      path: '/api/v1/namespaces/a/pods?timeout=5s',
      contentType: 'application/json',
      body: '{"kind":"Pod"}',
      target: { resource: 'core/pods', namespace: 'a' },
      timeout: 5_000,
      ...more,
    },
  };
  recorded.add(made);
  return made;
}

beforeEach(async () => {
  server = await fakeApiServer();
  const { endpoint, identities } = server;
  const isRecorded = (asked: RecordedRequest): boolean => recorded.has(asked);
  writer = createWriter({ endpoint, identities, clock: systemClock, meter, isRecorded, perIdentity: 2 });
});
afterEach(async () => {
  await server.close();
  await writer.close();
});

const yes = (): boolean => true;

describe('the writer', () => {
  test('sends exactly the recorded bytes, with the Audit-ID and who we are, and no offer to compress', async () => {
    let seen: unknown;
    server.handle(async (message, response) => {
      let body = '';
      for await (const chunk of message) body += chunk;
      const { 'audit-id': auditId, 'content-type': type, accept, 'user-agent': agent } = message.headers;
      seen = { method: message.method, url: message.url, body, auditId, type, accept, agent };
      expect(message.headers['accept-encoding']).toBeUndefined();
      response.writeHead(201, { 'audit-id': 'log-1-0123456789abcdef', 'retry-after': '7' }).end('{"kind":"Pod"}');
    });
    const answer = await writer.send(request(), yes);
    expect(seen).toEqual({
      method: 'POST',
      url: '/api/v1/namespaces/a/pods?timeout=5s',
      body: '{"kind":"Pod"}',
      auditId: 'log-1-0123456789abcdef',
      type: 'application/json',
      accept: 'application/json',
      agent: 'kube-controller-manager/0.0.0 comptroller',
    });
    expect(answer).toEqual({
      kind: 'answered',
      status: 201,
      body: { kind: 'Pod' },
      auditId: 'log-1-0123456789abcdef',
      retryAfter: 7000,
    });
  });

  test('I1: what the gate did not record is a bug, and nothing leaves', async () => {
    const copy = { ...request() };
    await expect(writer.send(copy, yes)).rejects.toThrow('the gate did not record');
    expect(server.connections).toHaveLength(0);
  });

  test('I10: a fence that says no in the last turn keeps the bytes here', async () => {
    let asked = 0;
    let arrived = 0;
    server.handle((_message, response) => {
      arrived++;
      response.writeHead(201).end('{}');
    });
    const no = (): boolean => {
      asked++;
      return false;
    };
    expect(await writer.send(request(), no)).toEqual({ kind: 'refused' });
    expect(asked).toBe(1);
    expect(await writer.send(request(), yes)).toMatchObject({ status: 201 });
    expect(arrived).toBe(1);
  });

  test('a fence that throws is a bug that comes out, and nothing leaves', async () => {
    let arrived = 0;
    server.handle(() => void arrived++);
    const broken = (): boolean => {
      throw new RangeError('bug');
    };
    await expect(writer.send(request(), broken)).rejects.toThrow(RangeError);
    expect(arrived).toBe(0);
  });

  test('the fence is asked again for each request that waited, when its turn comes', async () => {
    const waiting: (() => void)[] = [];
    server.handle((_message, response) => void waiting.push(() => response.writeHead(200).end('{}')));
    let open = true;
    const sent = [1, 2, 3].map(() => writer.send(request(), () => open));
    await until(() => waiting.length === 2, { why: 'both connections to be busy', timeout: 5000 });
    expect(writer.inFlight()).toBe(2);
    open = false;
    for (const answer of waiting) answer();
    expect((await Promise.all(sent)).map(({ kind }) => kind)).toEqual(['answered', 'answered', 'refused']);
    expect(writer.inFlight()).toBe(0);
    expect(waiting).toHaveLength(2);
  });

  test.each<
    [
      string,
      (response: {
        socket: { destroy(): void } | null;
        writeHead(code: number, headers?: object): { end(text: string): void; write(text: string): void };
      }) => void,
    ]
  >([
    ['the connection breaks before an answer', (response) => response.socket?.destroy()],
    [
      'a success is cut short',
      (response) => {
        response.writeHead(201, { 'content-length': '100' }).write('{"kind":');
        setImmediate(() => response.socket?.destroy());
      },
    ],
    ['a success is no JSON', (response) => response.writeHead(200).end('<html>')],
    ['a success is no object', (response) => response.writeHead(200).end('"ok"')],
  ])('%s: lost, and never sent again', async (_name, answer) => {
    let arrived = 0;
    server.handle((_message, response) => {
      arrived++;
      answer(response);
    });
    expect(await writer.send(request(), yes)).toEqual({ kind: 'lost' });
    expect(await writer.send(request({ method: 'PATCH', verb: 'patch' }), yes)).toEqual({ kind: 'lost' });
    expect(arrived).toBe(2);
  });

  test('I15: what one namespace has to send does not stand before what another has', async () => {
    const waiting: (() => void)[] = [];
    const seen: string[] = [];
    server.handle((message, response) => {
      seen.push(message.url ?? '');
      waiting.push(() => response.writeHead(200).end('{}'));
    });
    const send = (namespace: string, path: string) =>
      writer.send(request({ path, target: { resource: 'core/pods', namespace } }), yes);
    const sent = ['/1', '/2', '/3', '/4', '/5'].map((path) => send('a', path));
    sent.push(send('b', '/b'));
    for (let served = 0; served < sent.length; served++) {
      await until(() => waiting.length > served, { why: 'the next write to arrive', timeout: 5000 });
      waiting[served]?.();
    }
    await Promise.all(sent);
    expect(seen.slice(0, 2).sort()).toEqual(['/1', '/2']);
    expect(seen.indexOf('/b')).toBeLessThan(4);
  });

  test('a refusal that is no JSON is an answer all the same', async () => {
    server.handle((_message, response) => response.writeHead(502).end('bad gateway'));
    expect(await writer.send(request(), yes)).toEqual({ kind: 'answered', status: 502, body: undefined });
  });

  test('connections are used again, after deletions with their bodies too', async () => {
    server.handle((message, response) => {
      message.resume().once('end', () => response.writeHead(200).end('{}'));
    });
    const options = '{"kind":"DeleteOptions","preconditions":{"uid":"u"}}';
    for (const method of ['DELETE', 'DELETE', 'POST', 'DELETE', 'PATCH', 'DELETE'] as const)
      expect(await writer.send(request({ method, body: options }), yes)).toMatchObject({ status: 200 });
    // A second one where a request comes in the turn in which the one before it ended.
    expect(server.connections.length).toBeLessThanOrEqual(2);
  });

  test('no connection: unsent, and the fence was not asked', async () => {
    await server.close();
    let asked = 0;
    const admit = (): boolean => {
      asked++;
      return true;
    };
    expect(await writer.send(request(), admit)).toEqual({ kind: 'unsent' });
    expect(asked).toBe(0);
  });

  test.each([
    { what: 'write' as const, wait: 5_000 + WRITE_MARGIN },
    // There has to be time for another try.
    { what: 'lease' as const, wait: 5_000 },
  ])('no answer in time: lost, after the time that the API server was given for a $what', async ({ what, wait }) => {
    const { endpoint, identities } = server;
    server.handle(() => undefined);
    const delays: number[] = [];
    const clock = {
      ...systemClock,
      after: (delay: number, callback: () => void) => {
        delays.push(delay);
        return systemClock.after(20, callback);
      },
    };
    const hasty = createWriter({ endpoint, identities, clock, meter, isRecorded: () => true });
    const answer = await hasty.send(request({ class: what }), yes);
    // The connection may take longer than the shortened time: then nothing was sent.
    expect(['lost', 'unsent']).toContain(answer.kind);
    expect(delays).toEqual([wait]);
    await hasty.close();
  });

  test('after a renewal new writes take the new certificate, and the old connection ends with its last write', async () => {
    const waiting: (() => void)[] = [];
    server.handle((_message, response) => void waiting.push(() => response.writeHead(200).end('{}')));
    const slow = writer.send(request(), yes);
    await until(() => waiting.length === 1, { why: 'the slow write to arrive', timeout: 5000 });
    server.identities.renew('replicaset');
    const quick = writer.send(request(), yes);
    await until(() => waiting.length === 2, { why: 'the quick write to arrive', timeout: 5000 });
    expect(server.connections.map(({ user }) => user)).toEqual(['turn-1', 'turn-2']);
    waiting[1]?.();
    expect(await quick).toMatchObject({ status: 200 });
    expect(server.connections[0]?.socket.destroyed).toBe(false);
    waiting[0]?.();
    expect(await slow).toMatchObject({ status: 200 });
    await until(() => server.connections[0]?.socket.destroyed === true, {
      why: 'the old connection to end',
      timeout: 5000,
    });
    expect(server.connections[1]?.socket.destroyed).toBe(false);
  });
});
