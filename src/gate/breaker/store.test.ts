import { describe, expect, test } from 'vitest';
import type { WireRequest } from '#core/request.ts';
import { DEFAULT_LIMITS, gateBench, wired } from '#kit/gate.ts';
import { keepInCluster, openBreaker } from './open.ts';
import { isTheState, STATE_PATH, sendState, stateRequest } from './request.ts';

const VERSION = { uid: 'u', resourceVersion: '7' };
const update = stateRequest('{}', VERSION, 5000);

describe('the built-in rule of the state', () => {
  test('lets exactly that ConfigMap through, created or replaced in the version that was seen', () => {
    expect(isTheState(update)).toBe(true);
    expect(isTheState(stateRequest('{}', undefined, 5000))).toBe(true);
    expect(JSON.parse(update.body ?? '').metadata).toMatchObject(VERSION);
  });

  test.each([
    ['another identity', { identity: 'replicaset' }],
    ['another class', { class: 'lease' }],
    ['a deletion', { verb: 'delete', method: 'DELETE' }],
    ['another name', { path: '/api/v1/namespaces/comptroller-system/configmaps/other' }],
    ['another namespace', { path: STATE_PATH.replace('comptroller-system', 'kube-system') }],
    ['a Secret in the body', { body: (update.body ?? '').replace('ConfigMap', 'Secret') }],
    ['another target', { target: { resource: 'core/configmaps', namespace: 'comptroller-system', name: 'other' } }],
  ] as const)('refuses %s', async (_, change) => {
    const request = { ...update, ...change } as WireRequest;
    expect(isTheState(request)).toBe(false);
    const bench = gateBench();
    await expect(sendState(request, bench.parts)).rejects.toThrow(TypeError);
    expect(bench.happened).toEqual([]);
  });

  test('I1: its record is durable first; a leader that was replaced writes nothing', async () => {
    const bench = gateBench();
    await sendState(update, bench.parts);
    expect(bench.happened.map(({ at }) => at)).toEqual(['intent', 'wire', 'outcome']);
    expect(bench.happened[0]).toMatchObject({ lane: 'lease', draft: { verdict: { rules: ['built-in/breaker'] } } });
    const replaced = gateBench({ leads: false });
    expect(await sendState(update, replaced.parts)).toEqual({ kind: 'refused' });
    const late = gateBench({ admitsAtSocket: false });
    expect(await sendState(update, late.parts)).toEqual({ kind: 'refused' });
    expect([...wired(replaced.happened), ...wired(late.happened)]).toEqual([]);
  });
});

/** Books that are kept through the gate's own parts, in an API server that holds one object. */
function inCluster() {
  let held: { json: string; version: number } | undefined;
  let serial = 1;
  const server: { retryAfter?: number; breaks?: boolean } = {};
  const bench = gateBench({
    get: () =>
      held === undefined
        ? { status: 404, body: {} }
        : {
            status: 200,
            body: { metadata: { uid: 'u', resourceVersion: String(held.version) }, data: { 'state.json': held.json } },
          },
    answer: ({ verb, body }) => {
      const { retryAfter, breaks } = server;
      if (breaks === true) return { kind: 'answered', status: 500, body: { kind: 'Status', code: 500 } };
      if (retryAfter !== undefined) return { kind: 'answered', status: 429, retryAfter, body: { kind: 'Status' } };
      const { metadata, data } = JSON.parse(body ?? '{}');
      const conflict = verb === 'create' ? held !== undefined : metadata.resourceVersion !== String(held?.version);
      if (conflict) return { kind: 'answered', status: held === undefined ? 404 : 409, body: { kind: 'Status' } };
      serial += 1;
      held = { json: data['state.json'], version: serial };
      return { kind: 'answered', status: 200, body: { metadata: { uid: 'u', resourceVersion: String(serial) } } };
    },
  });
  const open = () =>
    openBreaker({
      ...bench.parts,
      limits: DEFAULT_LIMITS,
      keeping: keepInCluster(bench.parts.reader, 5000, () => bench.parts),
      held: new Set(),
      pace: 0,
    }).store;
  return {
    bench,
    server,
    open,
    json: () => held?.json,
    change: (json: string | undefined) => {
      serial += 1;
      held = json === undefined ? undefined : { json, version: serial };
    },
  };
}
const HOLD = 'history-went-back';

describe('the state in the cluster', () => {
  test('is made when it is first opened, and found again', async () => {
    const { open, json, bench } = inCluster();
    const books = await open().open();
    expect(books?.holds()).toEqual([]);
    expect(JSON.parse(json() ?? '')).toMatchObject({ v: 2, holds: [] });
    expect(await open().open()).toBeDefined();
    expect(wired(bench.happened).map(({ verb }) => verb)).toEqual(['create']);
  });

  test('changes that wait for one write go out together', async () => {
    const { open, bench } = inCluster();
    const store = open();
    const books = await store.open();
    books?.holdAll(HOLD, 0);
    const saves = Array.from({ length: 50 }, () => {
      store.touch();
      return store.save();
    });
    expect(new Set(await Promise.all(saves))).toEqual(new Set([true]));
    expect(wired(bench.happened).filter(({ verb }) => verb === 'update').length).toBeLessThanOrEqual(2);
    expect(await store.save()).toBe(true);
  });

  test.each([
    ['was changed by another', '{"v":2}'],
    ['was deleted', undefined],
  ])('where it %s, what the leader knows is written over it', async (_, theirs) => {
    const { open, change, json } = inCluster();
    const store = open();
    const books = await store.open();
    change(theirs);
    books?.holdAll(HOLD, 0);
    store.touch();
    expect(await store.save()).toBe(true);
    expect(JSON.parse(json() ?? '').holds).toMatchObject([{ reason: HOLD }]);
  });

  test('an API server that asks for patience is not asked again before its time, and nobody waits for that', async () => {
    const { open, bench, server } = inCluster();
    const store = open();
    await store.open();
    store.touch();
    server.retryAfter = 3000;
    const asked = () => wired(bench.happened).filter(({ verb }) => verb === 'update').length;
    expect([await store.save(), asked()]).toEqual([false, 1]);
    bench.clock.advance(2999);
    expect([await store.save(), asked()]).toEqual([false, 1]);
    delete server.retryAfter;
    bench.clock.advance(1);
    expect([await store.save(), asked()]).toEqual([true, 2]);
  });

  test('neither is it where the state is to be made', async () => {
    const { open, bench, server } = inCluster();
    const store = open();
    server.retryAfter = 30_000;
    const asked = () => wired(bench.happened).filter(({ verb }) => verb === 'create').length;
    expect([await store.open(), asked()]).toEqual([undefined, 1]);
    bench.clock.advance(29_999);
    expect([await store.open(), asked()]).toEqual([undefined, 1]);
    delete server.retryAfter;
    bench.clock.advance(1);
    expect([(await store.open())?.holds(), asked()]).toEqual([[], 2]);
  });

  test('an answer of 500 does not say whether it was done, and neither does its record', async () => {
    const { open, bench, server } = inCluster();
    const store = open();
    await store.open();
    store.touch();
    server.breaks = true;
    expect(await store.save()).toBe(false);
    expect(bench.happened.filter(({ at }) => at === 'outcome').at(-1)).toMatchObject({ draft: { kind: 'unknown' } });
  });

  test('what cannot be written is tried again with the next change', async () => {
    const { open, bench } = inCluster();
    const store = open();
    await store.open();
    store.touch();
    bench.world.ledger = 'fails';
    expect(await store.save()).toBe(false);
    bench.world.ledger = 'works';
    expect(await store.save()).toBe(true);
  });
});
