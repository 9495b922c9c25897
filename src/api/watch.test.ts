import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeApiServer, fakeApiServer } from '#kit/fake-apiserver.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { until } from '#kit/wait.ts';
import { systemClock } from '#telemetry/clock.ts';
import type { Streams, WatchLine } from './port.ts';
import { createStreams } from './watch.ts';

let server: FakeApiServer;
let streams: Streams;
let abort: AbortController;
const { meter } = recordingTelemetry();
const line = (name: string, type = 'ADDED'): string => `${JSON.stringify({ type, object: { metadata: { name } } })}\n`;

beforeEach(async () => {
  server = await fakeApiServer();
  const { endpoint, identities } = server;
  streams = createStreams({ endpoint, identities, clock: systemClock, meter, maxLine: 1000 });
  abort = new AbortController();
});
afterEach(async () => {
  abort.abort();
  await server.close();
});

function answerWith(act: (response: ServerResponse) => void): void {
  server.handle((_message, response) => {
    response.writeHead(200);
    response.flushHeaders();
    act(response);
  });
}

const open = (silence = 10_000) => streams.watch('reader', '/api/v1/pods?watch=1', { signal: abort.signal, silence });

async function read(lines: AsyncIterable<WatchLine>): Promise<{ names: string[]; trouble?: string; code?: string }> {
  const names: string[] = [];
  try {
    for await (const { object } of lines) names.push((object as { metadata: { name: string } }).metadata.name);
    return { names };
  } catch (error) {
    const { trouble, code } = error as { trouble: string; code: string };
    return { names, trouble, code };
  }
}

describe('a watch', () => {
  test('I15: takes the largest object that a tenant can make: each byte of it may be written as six', async () => {
    const { endpoint, identities } = server;
    streams = createStreams({ endpoint, identities, clock: systemClock, meter });
    const value = '\\u003c'.repeat(3 * 1024 * 1024);
    answerWith((response) =>
      response.end(`{"type":"ADDED","object":{"metadata":{"name":"large","x":"${value}"}}}\n${line('next')}`),
    );
    expect(await read((await open()).lines)).toEqual({ names: ['large', 'next'] });
  });

  test('gives the status before the first line, then the lines, then the end', async () => {
    let response: ServerResponse | undefined;
    answerWith((given) => {
      response = given;
    });
    const opened = await open();
    expect(opened.status).toBe(200);
    const reading = read(opened.lines);
    response?.write(line('语🐙').slice(0, 40));
    response?.write(`${line('语🐙').slice(40)}${line('\u2028')}\n`);
    response?.end(line('c'));
    expect(await reading).toEqual({ names: ['语🐙', '\u2028', 'c'] });
    await until(() => server.connections[0]?.socket.destroyed === true, {
      why: 'the connection to end',
      timeout: 5000,
    });
  });

  test('has a connection of its own each', async () => {
    answerWith((response) => response.write(line('a')));
    await Promise.all([open(), open(), open()]);
    expect(server.connections).toHaveLength(3);
  });

  test.each<[string, (response: ServerResponse) => void, string, string]>([
    ['breaks', (response) => response.socket?.destroy(), 'broken', 'API_UNAVAILABLE'],
    ['ends within a line', (response) => response.end('{"type":"ADD'), 'broken', 'API_UNAVAILABLE'],
    ['sends no JSON', (response) => response.write('nonsense\n'), 'malformed', 'API_MALFORMED'],
    ['sends an unknown type', (response) => response.write(line('x', 'CHANGED')), 'malformed', 'API_MALFORMED'],
    ['sends no object', (response) => response.write('{"type":"ADDED","object":1}\n'), 'malformed', 'API_MALFORMED'],
    ['sends too long a line', (response) => response.write('x'.repeat(2000)), 'too-large', 'API_MALFORMED'],
  ])('that %s after a line gives the line, then throws', async (_name, act, trouble, code) => {
    answerWith((response) => response.write(line('a'), () => act(response)));
    expect(await read((await open()).lines)).toEqual({ names: ['a'], trouble, code });
    await until(() => server.connections[0]?.socket.destroyed === true, {
      why: 'the connection to end',
      timeout: 5000,
    });
  });

  test('that falls silent is given up', async () => {
    answerWith((response) => response.write(line('a')));
    expect(await read((await open(50)).lines)).toEqual({ names: ['a'], trouble: 'silence', code: 'API_UNAVAILABLE' });
  });

  test('that never answers is given up, too', async () => {
    server.handle(() => undefined);
    await expect(open(50)).rejects.toMatchObject({ trouble: 'timeout' });
  });

  test('waits for its answer half a minute, however long it may be silent later', async () => {
    const { endpoint, identities } = server;
    const delays: number[] = [];
    const clock = {
      ...systemClock,
      after: (delay: number, callback: () => void) => {
        delays.push(delay);
        return systemClock.after(delay, callback);
      },
    };
    const patient = createStreams({ endpoint, identities, clock, meter });
    answerWith(() => undefined);
    await patient.watch('reader', '/x', { signal: abort.signal, silence: 120_000 });
    expect(delays).toEqual([30_000, 120_000]);
  });

  test('ends in order when it is aborted, after what had come in', async () => {
    answerWith((response) => response.write(line('a') + line('b')));
    const { lines } = await open();
    const names: string[] = [];
    for await (const { object } of lines) {
      names.push((object as { metadata: { name: string } }).metadata.name);
      abort.abort();
    }
    expect(names).toEqual(['a', 'b']);
  });

  test('that is refused says why, and has no lines', async () => {
    server.handle((_message, response) => response.writeHead(410, { 'retry-after': '2' }).end('{"reason":"Expired"}'));
    const opened = await open();
    expect(opened).toMatchObject({ status: 410, body: { reason: 'Expired' }, retryAfter: 2000 });
    expect(await read(opened.lines)).toEqual({ names: [] });
  });

  test('that cannot connect throws', async () => {
    await server.close();
    await expect(open()).rejects.toMatchObject({ trouble: 'unreachable' });
  });

  test('of a server of another CA throws, and says what is wrong with its certificate', async () => {
    const other = await fakeApiServer();
    const wary = createStreams({ endpoint: other.endpoint, identities: server.identities, clock: systemClock, meter });
    const opening = wary.watch('reader', '/api/v1/pods?watch=1', { signal: abort.signal, silence: 10_000 });
    await expect(opening).rejects.toMatchObject({ trouble: 'untrusted', detail: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await other.close();
  });

  test('holds the socket back while its reader is slow, and loses nothing', async () => {
    const count = 20_000;
    answerWith(async (response) => {
      for (let at = 0; at < count; at++)
        if (!response.write(line(String(at)))) await new Promise((go) => response.once('drain', go));
      response.end();
    });
    const names: string[] = [];
    for await (const { object } of (await open()).lines) {
      names.push((object as { metadata: { name: string } }).metadata.name);
      if (names.length % 2000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(names).toEqual(Array.from({ length: count }, (_, at) => String(at)));
  });

  test('takes the newest certificate', async () => {
    answerWith((response) => response.write(line('a')));
    await open();
    server.identities.renew('reader');
    await open();
    await until(() => server.connections.length === 2, { why: 'both connections', timeout: 5000 });
    expect(server.connections.map(({ user }) => user)).toEqual(['turn-1', 'turn-2']);
  });
});
