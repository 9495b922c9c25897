import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TransportError } from '#api/failure.ts';
import { createSuspicion } from '#api/suspicion.ts';
import type { ApiObject } from '#core/resource.ts';
import { type FakeClock, fakeClock } from '#kit/fake-clock.ts';
import { type FakeListWatch, fakeListWatch, type OpenWatch, settle } from '#kit/fake-list-watch.ts';
import { type Recorded, recordingTelemetry } from '#kit/telemetry.ts';
import { createCache } from './cache.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Cache } from './port.ts';
import { SILENCE } from './reflector.ts';

let api: FakeListWatch;
let clock: FakeClock;
let telemetry: Recorded;
let abort: AbortController;

beforeEach(() => {
  api = fakeListWatch();
  clock = fakeClock();
  telemetry = recordingTelemetry();
  abort = new AbortController();
});
afterEach(async () => {
  abort.abort();
  await settle();
});

const PODS: CachePlan = { resource: 'core/pods', identity: 'reader' };

function pod(name: string, rv: string, more: object = {}): ApiObject {
  const metadata = { namespace: 'a', name, uid: `uid-${name}`, resourceVersion: rv, ...more };
  return { apiVersion: 'v1', kind: 'Pod', metadata } as ApiObject;
}

function make(...resources: CachePlan[]): Cache {
  const { reader, streams, identities } = api;
  return createCache({ reader, streams, identities, resources, clock, ...telemetry, random: () => 0 });
}

const last = (): OpenWatch => api.watches.at(-1) as OpenWatch;
const names = (cache: Cache): string[] =>
  cache
    .view(['core/pods'])
    .list('core/pods')
    .map(({ metadata }) => `${metadata?.name}@${metadata?.resourceVersion}`)
    .sort();

/** A cache of pods that has synced `x` at version 5 and watches on. */
async function synced(): Promise<Cache> {
  const cache = make(PODS);
  const started = cache.start(abort.signal);
  await settle();
  last().event('ADDED', pod('x', '3'));
  last().bookmark('5', true);
  await started;
  return cache;
}

const head = (rv: string, items: unknown[] = [], next?: string) => ({
  status: 200,
  body: { metadata: { resourceVersion: rv, ...(next !== undefined && { continue: next }) }, items },
});

describe('the first list', () => {
  test('comes as a watch, consistent, and is shown whole or not at all', async () => {
    const cache = make(PODS);
    let started = false;
    const starting = cache.start(abort.signal).then(() => {
      started = true;
    });
    await settle();
    expect(Object.fromEntries(last().query)).toEqual({
      watch: '1',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
    });
    expect(last()).toMatchObject({ identity: 'reader', path: '/api/v1/pods', silence: SILENCE });
    last().event('ADDED', pod('x', '3'));
    last().event('ADDED', pod('y', '4'));
    last().event('DELETED', pod('y', '5'));
    last().bookmark('5');
    await settle();
    expect(started).toBe(false);
    expect(names(cache)).toEqual([]);
    last().bookmark('6', true);
    await starting;
    expect(names(cache)).toEqual(['x@3']);
    expect(cache.syncedRV('core/pods')).toBe('6');
    last().event('MODIFIED', pod('x', '7'));
    await settle();
    expect(names(cache)).toEqual(['x@7']);
    expect(api.reads).toEqual([]);
  });

  test.each([400, 404, 422])('comes in pages where the API server answers %i to a WatchList', async (status) => {
    api.watchStatus = ({ query }) => ({ status: query.has('sendInitialEvents') ? status : 200 });
    api.list = (_path, query) =>
      query.get('continue') === 'two' ? head('9', [pod('y', '4')]) : head('9', [pod('x', '3')], 'two');
    const cache = make(PODS);
    await cache.start(abort.signal);
    await settle();
    expect(names(cache)).toEqual(['x@3', 'y@4']);
    expect(api.reads.map(({ query }) => query.toString())).toEqual(['limit=500', 'limit=500&continue=two']);
    expect(last().query.get('resourceVersion')).toBe('9');
    // It does not ask again.
    last().event('ERROR', { kind: 'Status', code: 410 });
    await settle();
    expect(api.watches.filter(({ query }) => query.has('sendInitialEvents'))).toHaveLength(1);
  });

  test('I15: comes in smaller pages where one does not fit, down to single objects', async () => {
    api.watchStatus = ({ query }) => ({ status: query.has('sendInitialEvents') ? 400 : 200 });
    api.list = (_path, query) => {
      if (Number(query.get('limit')) > 20) throw new TransportError('too-large');
      return query.has('continue') ? head('9', [pod('y', '4')]) : head('9', [pod('x', '3')], 'two');
    };
    const cache = make(PODS);
    await cache.start(abort.signal);
    expect(names(cache)).toEqual(['x@3', 'y@4']);
    expect(api.reads.map(({ query }) => query.get('limit'))).toEqual(['500', '100', '20', '20']);
  });

  test('starts again where a continue token ended half-way, and forgets the first half', async () => {
    api.watchStatus = ({ query }) => ({ status: query.has('sendInitialEvents') ? 400 : 200 });
    let pages = 0;
    api.list = (_path, query) => {
      pages++;
      if (query.has('continue')) return { status: 410, body: { code: 410 } };
      return pages === 1 ? head('9', [pod('old', '3')], 'two') : head('12', [pod('new', '10')]);
    };
    const cache = make(PODS);
    await cache.start(abort.signal);
    expect(names(cache)).toEqual(['new@10']);
  });

  test('comes in pages where the storage cannot stream it', async () => {
    api.list = () => head('9', [pod('x', '3')]);
    const cache = make(PODS);
    const started = cache.start(abort.signal);
    await settle();
    last().event('ERROR', { kind: 'Status', code: 500 });
    await started;
    expect(names(cache)).toEqual(['x@3']);
  });

  test('of Secrets asks for metadata only, as an identity of its own, and keeps nothing else', async () => {
    const cache = make({ resource: 'core/secrets', identity: 'secrets-metadata' });
    const started = cache.start(abort.signal);
    await settle();
    expect(last()).toMatchObject({
      identity: 'secrets-metadata',
      accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    });
    const metadata = { name: 's', namespace: 'a', uid: 'u', resourceVersion: '3' };
    last().event('ADDED', { kind: 'Secret', apiVersion: 'v1', metadata, data: { token: 'aHVudGVyMg==' } });
    last().bookmark('5', true);
    await started;
    expect(cache.view(['core/secrets']).list('core/secrets')).toEqual([
      { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata },
    ]);
    expect(cache.untracked('core/secrets')).toContain('/data');
  });

  test('waits as long as the API server asks', async () => {
    api.watchStatus = () => ({ status: 429, retryAfter: 7_000 });
    const cache = make(PODS);
    void cache.start(abort.signal);
    await settle();
    clock.advance(6_999);
    await settle();
    expect(api.watches).toHaveLength(1);
    clock.advance(1);
    await settle();
    expect(api.watches).toHaveLength(2);
  });

  test('is tried again, ever slower, while nothing answers', async () => {
    api.watchStatus = () => undefined;
    void make(PODS).start(abort.signal);
    await settle();
    for (const delay of [800, 1600, 3200, 6400, 10_000, 10_000]) {
      const before = api.watches.length;
      clock.advance(delay - 1);
      await settle();
      expect(api.watches).toHaveLength(before);
      clock.advance(1);
      await settle();
      expect(api.watches).toHaveLength(before + 1);
    }
  });
});

describe('the watch', () => {
  test('that stood for a while before it broke is not one more failure after those before it', async () => {
    await synced();
    for (const delay of [800, 1600, 3200]) {
      last().break();
      await settle();
      clock.advance(delay);
      await settle();
    }
    const count = api.watches.length;
    clock.advance(5_000);
    last().break();
    await settle();
    clock.advance(799);
    await settle();
    expect(api.watches).toHaveLength(count);
    clock.advance(1);
    await settle();
    expect(api.watches).toHaveLength(count + 1);
    last().break();
    await settle();
    clock.advance(1599);
    await settle();
    expect(api.watches).toHaveLength(count + 1);
    clock.advance(1);
    await settle();
    expect(api.watches).toHaveLength(count + 2);
  });

  test('that ends in order is taken up at once, from the last version', async () => {
    api.list = () => head('20');
    const cache = await synced();
    last().event('MODIFIED', pod('x', '8'));
    last().bookmark('11');
    await settle();
    last().end();
    await settle();
    expect(api.watches).toHaveLength(2);
    expect(Object.fromEntries(last().query)).toEqual({
      watch: '1',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
      resourceVersion: '11',
    });
    expect(names(cache)).toEqual(['x@8']);
  });

  test('that only ever ends is not taken up without a pause', async () => {
    api.list = () => head('20');
    await synced();
    last().end();
    await settle();
    last().end();
    await settle();
    const before = api.watches.length;
    clock.advance(799);
    await settle();
    expect(api.watches).toHaveLength(before);
    clock.advance(1);
    await settle();
    expect(api.watches).toHaveLength(before + 1);
  });

  test('that breaks is taken up after a pause and a look whether history went on', async () => {
    api.list = () => head('20');
    const cache = await synced();
    last().break();
    await settle();
    clock.advance(800);
    await settle();
    expect(api.reads.map(({ query }) => query.toString())).toEqual(['limit=1']);
    expect(last().query.get('resourceVersion')).toBe('5');
    expect(cache.era()).toBe(0);
  });

  test.each([
    ['an ERROR event', (watch: OpenWatch) => watch.event('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })],
    [
      'its status',
      (watch: OpenWatch) => {
        api.watchStatus = ({ query }) => ({ status: query.has('sendInitialEvents') ? 200 : 410 });
        watch.bookmark('6');
        watch.end();
      },
    ],
  ])('whose history is gone, by %s, lists afresh and announces what changed', async (_name, act) => {
    api.list = () => head('20');
    const cache = await synced();
    const seen: string[] = [];
    cache.subscribe('core/pods', (old, now) => seen.push(`${old?.metadata?.name} > ${now?.metadata?.name}`));
    act(last());
    await settle();
    expect(last().query.has('sendInitialEvents')).toBe(true);
    expect(names(cache)).toEqual(['x@3']);
    last().event('ADDED', pod('y', '7'));
    last().bookmark('9', true);
    await settle();
    expect(names(cache)).toEqual(['y@7']);
    expect(seen).toEqual(['x > undefined', 'undefined > y']);
    expect(cache.era()).toBe(0);
    expect(telemetry.counts.get('cache_relists_total{resource=core/pods,why=expired}')).toBe(1);
  });

  test('that brings what is no pod breaks, and the store stays as it was', async () => {
    const cache = await synced();
    last().event('ADDED', { kind: 'Node', apiVersion: 'v1', metadata: { name: 'n', uid: 'u', resourceVersion: '9' } });
    await settle();
    expect(last().aborted).toBe(true);
    expect(names(cache)).toEqual(['x@3']);
    expect(telemetry.lines.at(-1)?.fields).toEqual({ resource: 'core/pods', trouble: 'malformed' });
  });

  test('a listener that throws neither stops the cache nor other listeners', async () => {
    const cache = await synced();
    const seen: unknown[] = [];
    cache.subscribe('core/pods', () => {
      throw new RangeError('hunter2');
    });
    cache.subscribe('core/pods', (_old, now) => seen.push(now?.metadata?.resourceVersion));
    last().event('MODIFIED', pod('x', '7'));
    last().event('MODIFIED', pod('x', '8'));
    await settle();
    expect(seen).toEqual(['7', '8']);
    expect(JSON.stringify(telemetry.lines)).toContain('RangeError');
    expect(JSON.stringify(telemetry.lines)).not.toContain('hunter2');
  });
});

describe('a renewal', () => {
  beforeEach(() => {
    api.list = () => head('1000');
  });

  test('opens the new watch first, then ends the old one; what both bring is seen once', async () => {
    const cache = await synced();
    const seen: unknown[] = [];
    cache.subscribe('core/pods', (_old, now) => seen.push(now?.metadata?.resourceVersion));
    const old = last();
    api.identities.renew('reader');
    while (last() === old) await Promise.resolve();
    // Both are open, and the old one still delivers.
    old.event('MODIFIED', pod('x', '6'));
    const renewed = last();
    expect(renewed).not.toBe(old);
    expect(renewed).toMatchObject({ turn: 2, aborted: false });
    expect(renewed.query.get('resourceVersion')).toBe('5');
    await settle();
    expect(old.aborted).toBe(true);
    renewed.event('MODIFIED', pod('x', '6'));
    renewed.event('MODIFIED', pod('x', '7'));
    await settle();
    expect(seen).toEqual(['6', '7']);
    expect(api.watches).toHaveLength(2);
  });

  test('that finds an older history starts an era, and opens no watch that would say nothing', async () => {
    const cache = await synced();
    api.list = () => head('4');
    api.identities.renew('reader');
    await settle();
    expect(cache.era()).toBe(1);
    expect(api.watches.slice(1).map(({ query }) => query.has('sendInitialEvents'))).toEqual([true]);
  });

  test('that the API server refuses leaves the old watch, and is tried again', async () => {
    const cache = await synced();
    const old = last();
    api.watchStatus = ({ turn }) => ({ status: turn === 2 ? 401 : 200 });
    api.identities.renew('reader');
    await settle();
    expect(old.aborted).toBe(false);
    old.event('MODIFIED', pod('x', '6'));
    await settle();
    expect(names(cache)).toEqual(['x@6']);
    api.watchStatus = () => ({ status: 200 });
    clock.advance(800);
    await settle();
    expect(old.aborted).toBe(true);
    expect(last().query.get('resourceVersion')).toBe('6');
  });

  test('in the middle of a list is done when the list is whole', async () => {
    const cache = make(PODS);
    const started = cache.start(abort.signal);
    await settle();
    api.identities.renew('reader');
    await settle();
    expect(api.watches).toHaveLength(1);
    last().bookmark('5', true);
    await started;
    await settle();
    expect(api.watches.map(({ aborted, turn }) => ({ aborted, turn }))).toEqual([
      { aborted: true, turn: 1 },
      { aborted: false, turn: 2 },
    ]);
  });

  test('of every watch that is quiet follows an answer that is late, one after another', async () => {
    const { reader, streams, identities } = api;
    const suspicion = createSuspicion(clock);
    const names = ['core/pods', 'core/services', 'core/nodes'] as const;
    const resources = names.map((resource) => ({ resource, identity: 'reader' }));
    const cache = createCache({ reader, streams, identities, resources, clock, ...telemetry, suspicion });
    const started = cache.start(abort.signal);
    await settle();
    for (const watch of api.watches) watch.bookmark('5', true);
    await started;
    const opened = () => api.watches.slice(3).map(({ path, query }) => `${path} from ${query.get('resourceVersion')}`);
    const [pods, services] = api.watches;
    const since = clock.now().mono;
    services?.bookmark('6');
    await settle();
    clock.advance(2000);
    pods?.bookmark('7');
    await settle();
    // What came in the first half of the wait may have come before the connections died.
    clock.advance(1000);
    suspicion.raise({ identity: 'a', since });
    clock.advance(0);
    await settle();
    expect(opened()).toEqual(['/api/v1/services from 6']);
    clock.advance(50);
    await settle();
    expect(opened()).toEqual(['/api/v1/services from 6', '/api/v1/nodes from 5']);
    expect(api.watches.map(({ aborted }) => aborted)).toEqual([false, true, true, false, false]);
    // Another answer that is late soon after is heeded later: ten seconds after the one before.
    suspicion.raise({ identity: 'b', since: clock.now().mono });
    clock.advance(9_000);
    await settle();
    expect(opened()).toHaveLength(2);
    clock.advance(1_100);
    await settle();
    expect(opened()).toHaveLength(5);
    suspicion.raise({ identity: 'c', since: clock.now().mono });
    abort.abort();
    suspicion.raise({ identity: 'e', since: clock.now().mono });
    clock.advance(60_000);
    await settle();
    expect(opened()).toHaveLength(5);
  });

  test('of another identity is none of its business', async () => {
    await synced();
    api.identities.renew('leader');
    await settle();
    expect(api.watches).toHaveLength(1);
  });
});

describe('catching up (I8)', () => {
  test('is done at once where the store is at the list already', async () => {
    const cache = await synced();
    api.list = () => head('5', [pod('x', '3')]);
    await cache.catchUp(abort.signal);
    expect(api.reads).toHaveLength(1);
  });

  test('needs no bookmark where the list has nothing that the store lacks', async () => {
    const cache = await synced();
    api.list = () => head('50', [pod('x', '3')]);
    await cache.catchUp(abort.signal);
    expect(cache.syncedRV('core/pods')).toBe('50');
    expect(api.reads[0]?.accept).toContain('PartialObjectMetadataList');
  });

  test('waits for what the list has and the watch has not brought, and for deletions it has not', async () => {
    const cache = await synced();
    const many = [pod('y', '40'), pod('z', '41')];
    api.list = (_path, query) => (query.get('limit') === '1' ? head('50', [pod('y', '40')], 'more') : head('50', many));
    let done = false;
    const catching = cache.catchUp(abort.signal).then(() => {
      done = true;
    });
    await settle();
    clock.advance(50);
    await settle();
    last().event('ADDED', pod('y', '40'));
    last().event('ADDED', pod('z', '41'));
    await settle();
    expect(done).toBe(false);
    expect(cache.syncedRV('core/pods')).toBe('41');
    last().event('DELETED', pod('x', '45'));
    await settle();
    await catching;
    expect(cache.syncedRV('core/pods')).toBe('50');
    expect(names(cache)).toEqual(['y@40', 'z@41']);
  });

  test('lists afresh where the watch does not bring it in time', async () => {
    const cache = await synced();
    api.list = () => head('50', [pod('y', '40')]);
    const catching = cache.catchUp(abort.signal);
    await settle();
    clock.advance(10_000);
    await settle();
    expect(last().query.has('sendInitialEvents')).toBe(true);
    last().event('ADDED', pod('y', '40'));
    last().bookmark('60', true);
    await catching;
    expect(names(cache)).toEqual(['y@40']);
  });

  test('rejects when it is given up', async () => {
    const cache = await synced();
    api.list = () => new Promise(() => undefined);
    const stop = new AbortController();
    const catching = cache.catchUp(stop.signal);
    stop.abort();
    await expect(catching).rejects.toThrow();
  });

  test('a watch that runs ahead of a list that is on its way is no restore', async () => {
    const cache = await synced();
    let answer: (value: ReturnType<typeof head>) => void = () => undefined;
    api.list = () => new Promise((resolve) => (answer = resolve));
    const catching = cache.catchUp(abort.signal);
    await settle();
    last().event('MODIFIED', pod('x', '30'));
    await settle();
    answer(head('20', [pod('x', '3')]));
    await catching;
    expect(cache.era()).toBe(0);
  });

  test('a lost answer is resolved by a list that begins later, not by one that runs already', async () => {
    const cache = await synced();
    const answers: ((value: ReturnType<typeof head>) => void)[] = [];
    api.list = () => new Promise((resolve) => answers.push(resolve));
    const first = cache.uncertain('core/pods');
    await settle();
    const second = cache.uncertain('core/pods');
    const third = cache.uncertain('core/pods');
    const called: string[] = [];
    first.whenReached(() => called.push('first'));
    second.whenReached(() => called.push('second'));
    third.whenReached(() => called.push('third'))();
    answers[0]?.(head('5'));
    await settle();
    expect([first.reached(), second.reached(), called]).toEqual([true, false, ['first']]);
    answers[1]?.(head('5'));
    await settle();
    expect([second.reached(), third.reached(), called]).toEqual([true, true, ['first', 'second']]);
    expect(answers).toHaveLength(2);
  });
});

describe('a restore (I16)', () => {
  test('seen by one resource starts an era in all: fresh lists, and own writes of before do not count', async () => {
    const cache = make(PODS, { resource: 'core/namespaces', identity: 'reader' });
    const started = cache.start(abort.signal);
    await settle();
    for (const watch of api.watches) {
      if (watch.path.endsWith('pods')) watch.event('ADDED', pod('x', '30'));
      watch.bookmark('50', true);
    }
    await started;
    cache.absorb('core/pods', 'create', pod('own', '60'));
    expect(names(cache)).toEqual(['own@60', 'x@30']);
    const eras: string[] = [];
    cache.onEra((why, resource) => eras.push(`${resource}: ${why}`));
    api.list = () => head('40');
    const catching = cache.catchUp(abort.signal);
    await settle();
    expect(eras).toEqual(['core/pods: the resourceVersion of a list went back']);
    expect(cache.era()).toBe(1);
    const fresh = api.watches.slice(2);
    expect(fresh.map(({ query }) => query.has('sendInitialEvents'))).toEqual([true, true]);
    for (const watch of fresh) watch.bookmark('41', true);
    await catching;
    expect(names(cache)).toEqual([]);
    expect(cache.syncedRV('core/pods')).toBe('41');
    expect(cache.era()).toBe(1);
  });

  test('seen by two resources at once, one in the middle of a connection, is one era', async () => {
    const resources = ['core/pods', 'core/nodes', 'core/namespaces'] as const;
    const cache = make(...resources.map((resource) => ({ resource, identity: 'reader' })));
    const started = cache.start(abort.signal);
    await settle();
    const first = [...api.watches];
    for (const watch of first) watch.bookmark('50', true);
    await started;
    await settle();
    const answers: ((value: ReturnType<typeof head>) => void)[] = [];
    api.list = () => new Promise((resolve) => answers.push(resolve));
    api.watchStatus = ({ query }) => (query.has('sendInitialEvents') ? { status: 200 } : 'never');
    // Its timer is over, in order: its history was looked at just before, it is connecting, and hears nothing.
    first[2]?.bookmark('51');
    await settle();
    first[2]?.end();
    await settle();
    answers.pop()?.(head('51'));
    await settle();
    first[0]?.break();
    first[1]?.break();
    await settle();
    clock.advance(800);
    await settle();
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer(head('40'));
    await settle();
    expect(cache.era()).toBe(1);
    const fresh = api.watches.slice(3).filter(({ query }) => query.has('sendInitialEvents'));
    expect(fresh.map(({ path }) => path).sort()).toEqual(['/api/v1/namespaces', '/api/v1/nodes', '/api/v1/pods']);
    for (const watch of fresh) watch.bookmark('41', true);
    await settle();
    expect(resources.map((resource) => cache.syncedRV(resource))).toEqual(['41', '41', '41']);
    expect(telemetry.lines.filter(({ fields }) => fields.trouble === 'aborted')).toEqual([]);
  });

  test('is not slept through where the API server cannot list yet when it can watch again', async () => {
    const cache = await synced();
    api.list = () => ({ status: 503, body: {} });
    last().break();
    await settle();
    const before = api.watches.length;
    for (const delay of [800, 1600, 3200]) {
      clock.advance(delay);
      await settle();
    }
    // A watch from a version that is yet to come would be opened, and say nothing.
    expect(api.watches).toHaveLength(before);
    api.list = () => head('4');
    clock.advance(6400);
    await settle();
    expect(cache.era()).toBe(1);
    expect(last().query.has('sendInitialEvents')).toBe(true);
  });

  test('behind a bumped revision shows by an object at an older version than was seen', async () => {
    const cache = await synced();
    last().event('MODIFIED', pod('x', '8'));
    last().event('ERROR', { code: 410 });
    await settle();
    last().event('ADDED', pod('x', '3'));
    last().bookmark('1000', true);
    await settle();
    expect(cache.era()).toBe(1);
    last().event('ADDED', pod('x', '3'));
    last().bookmark('1001', true);
    await settle();
    expect(names(cache)).toEqual(['x@3']);
    expect(cache.era()).toBe(1);
  });

  test('shows by a deleted object that is there again', async () => {
    const cache = await synced();
    last().event('DELETED', pod('x', '8'));
    last().event('ERROR', { code: 410 });
    await settle();
    last().event('ADDED', pod('x', '3'));
    last().bookmark('1000', true);
    await settle();
    expect(cache.era()).toBe(1);
  });
});

describe('own writes', () => {
  test('are seen at once, and never twice', async () => {
    const cache = await synced();
    expect(cache.absorb('core/pods', 'create', pod('own', '9'))).toBeUndefined();
    expect(names(cache)).toEqual(['own@9', 'x@3']);
    const seen: unknown[] = [];
    cache.subscribe('core/pods', (_old, now) => seen.push(now?.metadata?.name));
    last().event('ADDED', pod('own', '9'));
    await settle();
    expect(seen).toEqual(['own']);
    expect(names(cache)).toEqual(['own@9', 'x@3']);
  });

  test('a Scale is a barrier at the version of what it scaled', async () => {
    const cache = await synced();
    const scale = {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'x', uid: 'uid-x', resourceVersion: '9' },
    };
    const barrier = cache.absorb('core/pods', 'patch', scale);
    let called = 0;
    barrier?.whenReached(() => {
      called++;
      expect(names(cache)).toEqual(['x@9']);
    });
    expect([names(cache), barrier?.reached(), called]).toEqual([['x@3'], false, 0]);
    last().event('MODIFIED', pod('x', '9'));
    await settle();
    expect([barrier?.reached(), called]).toEqual([true, 1]);
  });

  test.each([
    ['lives on while its spec holds finalizers', ['kubernetes'], ['shop']],
    ['is gone with the last of them', [], []],
  ])('a namespace that ends %s', async (_, finalizers, left) => {
    const cache = make({ resource: 'core/namespaces', identity: 'reader' });
    const started = cache.start(abort.signal);
    await settle();
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const namespace = (resourceVersion: string, held: string[]) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', uid: 'uid-shop', resourceVersion, deletionTimestamp },
      spec: { finalizers: held },
    });
    last().event('ADDED', namespace('3', ['kubernetes']));
    last().bookmark('5', true);
    await started;
    expect(cache.absorb('core/namespaces', 'update', namespace('9', finalizers))).toBeUndefined();
    const found = cache.view(['core/namespaces']).list('core/namespaces');
    expect(found.map(({ metadata }) => metadata?.name)).toEqual(left);
  });

  test('a deletion of what was never seen keeps that uid away until a later list', async () => {
    const cache = await synced();
    api.list = () => new Promise(() => undefined);
    const status = { kind: 'Status', status: 'Success', details: { name: 'y', uid: 'uid-y' } };
    const barrier = cache.absorb('core/pods', 'delete', status, { namespace: 'a', name: 'y' });
    expect(barrier?.reached()).toBe(false);
    last().event('ADDED', pod('y', '7'));
    await settle();
    expect(names(cache)).toEqual(['x@3']);
    last().event('DELETED', pod('y', '8'));
    last().event('ADDED', pod('y', '9', { uid: 'another' }));
    await settle();
    expect(names(cache)).toEqual(['x@3', 'y@9']);
  });

  test('outside of what the cache holds are not shown', async () => {
    const cache = make({ ...PODS, fieldSelector: 'metadata.name=x' });
    const started = cache.start(abort.signal);
    await settle();
    expect(last().query.get('fieldSelector')).toBe('metadata.name=x');
    last().bookmark('5', true);
    await started;
    cache.absorb('core/pods', 'create', pod('other', '9'));
    cache.absorb('core/pods', 'create', pod('x', '10'));
    expect(names(cache)).toEqual(['x@10']);
    expect(cache.absorb('core/nodes', 'patch', {})).toBeUndefined();
    expect(cache.uncertain('core/nodes').reached()).toBe(true);
  });
});

describe('views (I6)', () => {
  test('offer what is declared, and throw on all else', async () => {
    const cache = await synced();
    const view = cache.view(['core/pods']);
    expect(view.get('core/pods', { namespace: 'a', name: 'x' })?.metadata?.uid).toBe('uid-x');
    expect(view.get('core/pods', { namespace: 'a', name: 'constructor' })).toBeUndefined();
    expect(() => view.list('core/nodes')).toThrow('does not declare');
    expect(() => view.get('core/nodes', { name: 'n' })).toThrow('does not declare');
    expect(() => cache.view(['core/nodes'])).toThrow('does not hold');
    expect(Object.isFrozen(view.list('core/pods')[0])).toBe(true);
  });

  test('ages say how long nothing was heard', async () => {
    const cache = await synced();
    clock.advance(30_000);
    expect(cache.ages().get('core/pods')).toBe(30);
    last().bookmark('9');
    await settle();
    expect(cache.ages().get('core/pods')).toBe(0);
    expect(telemetry.counts.get('cache_objects{resource=core/pods}')).toBe(1);
  });
});
