import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeApiServer, fakeApiServer } from '#kit/fake-apiserver.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { soon } from '#kit/soon.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { systemClock } from '#telemetry/clock.ts';
import { createReader } from './read.ts';
import { createSuspicion, type Suspicion } from './suspicion.ts';
import { createWriter } from './write.ts';

describe('a suspicion', () => {
  test('is told to all, and not again with every answer that is late of one identity', () => {
    const clock = fakeClock();
    const suspicion = createSuspicion(clock);
    const heard: string[] = [];
    suspicion.onRaised(({ identity, since }) => heard.push(`${identity} ${since}`));
    const leave = suspicion.onRaised(() => heard.push('second'));
    suspicion.raise({ identity: 'a', since: 1 });
    clock.advance(4_999);
    suspicion.raise({ identity: 'a', since: 2 });
    expect(heard).toEqual(['a 1', 'second']);
    suspicion.raise({ identity: 'b', since: 3 });
    leave();
    clock.advance(1);
    suspicion.raise({ identity: 'a', since: 4 });
    expect(heard).toEqual(['a 1', 'second', 'b 3', 'second', 'a 4']);
  });
});

describe('an answer that does not come in time', () => {
  let server: FakeApiServer;
  let suspicion: Suspicion;
  const { meter } = recordingTelemetry();
  beforeEach(async () => {
    server = await fakeApiServer();
    suspicion = createSuspicion(systemClock);
  });
  afterEach(() => server.close());

  /** The first connection is dead from its second request on. */
  const dieOnce = (): (() => number) => {
    let requests = 0;
    server.handle((_message, response) => {
      requests++;
      if (requests !== 2) response.end('{}');
    });
    return () => requests;
  };

  test('has later reads take another connection', async () => {
    const { endpoint, identities } = server;
    const reader = createReader({ endpoint, identities, clock: systemClock, meter, suspicion, perIdentity: 1 });
    dieOnce();
    await reader.get('reader', '/x');
    await expect(reader.get('reader', '/x', { timeout: 50 })).rejects.toMatchObject({ trouble: 'timeout' });
    expect(await reader.get('reader', '/x')).toMatchObject({ status: 200 });
    expect(server.connections).toHaveLength(2);
    await reader.close();
  });

  test('of a read has later writes of all identities take another connection', async () => {
    const { endpoint, identities } = server;
    const common = { endpoint, identities, clock: systemClock, meter, suspicion };
    const reader = createReader(common);
    const writer = createWriter({ ...common, isRecorded: () => true });
    server.handle(({ url }, response) => void (url === '/late' || response.end('{}')));
    const write = (identity: string) =>
      writer.send(
        {
          auditId: 'log-1-0123456789abcdef',
          request: {
            class: 'write',
            identity,
            verb: 'create',
            method: 'POST',
            path: '/api/v1/namespaces/a/pods',
            target: { resource: 'core/pods', namespace: 'a' },
            timeout: 5_000,
          },
        },
        () => true,
      );
    const all = (): Promise<unknown> => Promise.all([write('leader'), write('replicaset')]);
    await Promise.all([all(), reader.get('leader', '/x')]);
    await expect(reader.get('leader', '/late', { timeout: 50 })).rejects.toMatchObject({ trouble: 'timeout' });
    expect(server.connections).toHaveLength(3);
    await all();
    expect(server.connections).toHaveLength(5);
    await Promise.all([reader.close(), writer.close()]);
  });

  test('leaves no connection that is younger than the question', async () => {
    const { endpoint, identities } = server;
    const clock = fakeClock();
    const reader = createReader({ endpoint, identities, clock, meter, suspicion, perIdentity: 1 });
    server.handle((_message, response) => response.end('{}'));
    clock.advance(1000);
    await reader.get('reader', '/x');
    suspicion.raise({ identity: 'leader', since: clock.now().mono - 1 });
    await reader.get('reader', '/x');
    expect(server.connections).toHaveLength(1);
    suspicion.raise({ identity: 'reader', since: clock.now().mono });
    await reader.get('reader', '/x');
    expect(server.connections).toHaveLength(2);
    await reader.close();
  });

  test('is asked for again on another connection, and comes within the time of one question', async () => {
    const { endpoint, identities } = server;
    const clock = fakeClock();
    const reader = createReader({ endpoint, identities, clock, meter, suspicion, perIdentity: 1 });
    const requests = dieOnce();
    await reader.get('reader', '/x');
    const answer = reader.get('reader', '/x');
    await soon(() => expect(requests()).toBe(2));
    clock.advance(4_999);
    expect(server.connections).toHaveLength(1);
    clock.advance(1);
    expect(await answer).toMatchObject({ status: 200 });
    expect(server.connections).toHaveLength(2);
    await reader.close();
  });

  test('counts when it comes late and the new connection is as slow', async () => {
    const { endpoint, identities } = server;
    const clock = fakeClock();
    const reader = createReader({ endpoint, identities, clock, meter, suspicion });
    const waiting: (() => void)[] = [];
    server.handle((_message, response) => waiting.push(() => response.end(`{"n":${waiting.length}}`)));
    const answer = reader.get('reader', '/x');
    await soon(() => expect(waiting).toHaveLength(1));
    clock.advance(5_000);
    await soon(() => expect(waiting).toHaveLength(2));
    waiting[0]?.();
    expect(await answer).toMatchObject({ status: 200, body: { n: 2 } });
    await reader.close();
  });

  test('is asked for twice at most', async () => {
    const { endpoint, identities } = server;
    const clock = fakeClock();
    const reader = createReader({ endpoint, identities, clock, meter, suspicion });
    let requests = 0;
    server.handle(() => void requests++);
    const answer = reader.get('reader', '/x');
    await soon(() => expect(requests).toBe(1));
    clock.advance(5_000);
    await soon(() => expect(requests).toBe(2));
    clock.advance(25_000);
    await expect(answer).rejects.toMatchObject({ trouble: 'timeout' });
    expect(requests).toBe(2);
    await reader.close();
  });
});
