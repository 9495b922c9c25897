import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Discovery } from '#core/discovery.ts';
import { type ApiObject, pathOf, type Resource } from '#core/resource.ts';
import { type FakeClock, fakeClock } from '#kit/fake-clock.ts';
import { type FakeListWatch, fakeListWatch, type OpenWatch, settle } from '#kit/fake-list-watch.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createCache } from './cache.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Cache } from './port.ts';

let api: FakeListWatch;
let clock: FakeClock;
let abort: AbortController;

beforeEach(() => {
  api = fakeListWatch();
  clock = fakeClock();
  abort = new AbortController();
});
afterEach(async () => {
  abort.abort();
  await settle();
});

const WIDGETS: Resource = 'example.com/widgets@v1,Widget,namespaced';
const PODS: CachePlan = { resource: 'core/pods', identity: 'reader' };
const discovery: Discovery = { served: [], failed: [] };
const planOf = (resource: Resource): CachePlan => ({ resource, identity: 'collector', metadataOnly: true });
const metadata = (name: string, resourceVersion: string) => ({
  namespace: 'a',
  name,
  uid: `uid-${name}`,
  resourceVersion,
});
const partial = (name: string, rv: string) =>
  ({ apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: metadata(name, rv) }) as ApiObject;
const pod = (name: string, rv: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name, rv),
});

async function started(...resources: CachePlan[]): Promise<Cache> {
  const { reader, streams, identities } = api;
  const cache = createCache({
    reader,
    streams,
    identities,
    resources,
    clock,
    ...recordingTelemetry(),
    random: () => 0,
  });
  void cache.start(abort.signal);
  await settle();
  return cache;
}

const watchOf = (path: string): OpenWatch => api.watches.findLast((one) => one.path === path) as OpenWatch;
const WIDGET_PATH = '/apis/example.com/v1/widgets';

/** What a subscriber hears, as text. */
function heardBy({ tracked }: Cache): string[] {
  const heard: string[] = [];
  const version = (object: ApiObject | undefined) => object?.metadata?.resourceVersion ?? '-';
  tracked.subscribe((resource, old, now) => {
    heard.push(`${resource} ${(now ?? old)?.metadata?.name} ${version(old)}>${version(now)}`);
  });
  return heard;
}

describe('a tracked resource that no controller lists', () => {
  test('is watched as metadata, under the identity of its plan, and never waited for', async () => {
    const cache = await started();
    const heard = heardBy(cache);
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    const watch = watchOf(WIDGET_PATH);
    expect(watch).toMatchObject({ identity: 'collector', accept: expect.stringContaining('PartialObjectMetadata') });
    expect([...cache.tracked.current().resources]).toEqual([[WIDGETS, { synced: false }]]);
    watch.event('ADDED', partial('x', '3'));
    watch.bookmark('5', true);
    await settle();
    expect([...cache.tracked.current().resources]).toEqual([[WIDGETS, { synced: true }]]);
    watch.event('DELETED', partial('x', '7'));
    await settle();
    expect(heard).toEqual([`${WIDGETS} x ->3`, `${WIDGETS} x 3>-`]);
  });

  test('tells of every change of the set, and once it is known', async () => {
    const cache = await started();
    const told: unknown[] = [];
    const stop = cache.tracked.onChange(({ resources }) =>
      told.push([...resources.values()].map(({ synced }) => synced)),
    );
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    watchOf(WIDGET_PATH).bookmark('5', true);
    await settle();
    cache.tracked.set({ discovery, plans: [] });
    stop();
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    expect(told).toEqual([[false], [true], []]);
  });

  test('is watched no longer once it is out of the set, and afresh when it is back', async () => {
    const cache = await started();
    const heard = heardBy(cache);
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    const first = watchOf(WIDGET_PATH);
    first.event('ADDED', partial('x', '3'));
    first.bookmark('5', true);
    await settle();
    cache.tracked.set({ discovery, plans: [] });
    await settle();
    expect([first.aborted, cache.tracked.get(WIDGETS, { namespace: 'a', name: 'x' })]).toEqual([true, undefined]);
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    const second = watchOf(WIDGET_PATH);
    expect(second).not.toBe(first);
    second.event('ADDED', partial('y', '9'));
    second.bookmark('9', true);
    await settle();
    expect(heard).toEqual([`${WIDGETS} x ->3`, `${WIDGETS} y ->9`]);
  });

  test('shows what it holds, own writes included, to whoever asks and to late subscribers', async () => {
    const cache = await started();
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    watchOf(WIDGET_PATH).event('ADDED', partial('x', '3'));
    watchOf(WIDGET_PATH).bookmark('5', true);
    await settle();
    cache.absorb(WIDGETS, 'patch', partial('x', '8'), { namespace: 'a', name: 'x' });
    expect(cache.tracked.get(WIDGETS, { namespace: 'a', name: 'x' })?.metadata?.resourceVersion).toBe('8');
    expect(heardBy(cache)).toEqual([`${WIDGETS} x ->8`]);
  });

  describe('whose history went back', () => {
    const NAMESPACES: CachePlan = { resource: 'core/namespaces', identity: 'reader' };
    const CLUSTER = ['/api/v1/pods', '/api/v1/namespaces'];

    /** All at version 5, pods at 7; lists answer as told from now on. */
    async function known(list: (path: string) => string | undefined, tracked: Resource = WIDGETS): Promise<Cache> {
      const cache = await started(PODS, NAMESPACES);
      for (const path of CLUSTER) watchOf(path)?.bookmark(path === '/api/v1/pods' ? '7' : '5', true);
      cache.tracked.set({ discovery, plans: [planOf(tracked)] });
      await settle();
      watchOf(pathOf(tracked)).event('ADDED', partial('x', '4'));
      watchOf(pathOf(tracked)).bookmark('5', true);
      await settle();
      api.list = (path) => {
        const resourceVersion = list(path);
        return resourceVersion === undefined
          ? { status: 503, body: {} }
          : { status: 200, body: { metadata: { resourceVersion }, items: [] } };
      };
      return cache;
    }
    async function wait(): Promise<void> {
      for (let waited = 0; waited < 5; waited++) {
        await settle();
        clock.advance(60_000);
      }
    }
    const listsSince = (before: number): string[] =>
      api.watches.slice(before).flatMap(({ path, query }) => (query.has('sendInitialEvents') ? [path] : []));
    const syncedNow = (cache: Cache) => [...cache.tracked.current().resources.values()].map(({ synced }) => synced);

    test("with the cluster's starts a new era with all others", async () => {
      const cache = await known(() => '2');
      const before = api.watches.length;
      watchOf(WIDGET_PATH).break();
      await wait();
      expect(cache.era()).toBe(1);
      expect(listsSince(before)).toEqual(expect.arrayContaining([...CLUSTER, WIDGET_PATH]));
    });

    test('without it, as behind an API server of its own, is listed afresh alone', async () => {
      const cache = await known((path) => (path === WIDGET_PATH ? '2' : '9'));
      const eras: string[] = [];
      cache.onEra((why) => eras.push(why));
      const before = api.watches.length;
      watchOf(WIDGET_PATH).break();
      await wait();
      expect([cache.era(), eras, new Set(listsSince(before))]).toEqual([0, [], new Set([WIDGET_PATH])]);
      expect(syncedNow(cache)).toEqual([false]);
      watchOf(WIDGET_PATH).event('ADDED', partial('x', '1'));
      watchOf(WIDGET_PATH).bookmark('2', true);
      await wait();
      expect(cache.tracked.get(WIDGETS, { namespace: 'a', name: 'x' })?.metadata?.resourceVersion).toBe('1');
      expect(syncedNow(cache)).toEqual([true]);
    });

    test("is judged by what knows most of the cluster's", async () => {
      const cache = await known((path) => (path === WIDGET_PATH ? '2' : '6'));
      watchOf(WIDGET_PATH).break();
      await wait();
      expect(cache.era()).toBe(1);
    });

    test('is asked about again where the cluster did not answer', async () => {
      let answers = false;
      const cache = await known((path) => (path === WIDGET_PATH ? '2' : answers ? '9' : undefined));
      const before = api.watches.length;
      watchOf(WIDGET_PATH).break();
      await wait();
      expect(api.watches).toHaveLength(before);
      answers = true;
      await wait();
      expect([cache.era(), new Set(listsSince(before))]).toEqual([0, new Set([WIDGET_PATH])]);
    });

    test('in that an object came back that was deleted, is listed afresh alone as well', async () => {
      const cache = await known(() => '9');
      watchOf(WIDGET_PATH).event('DELETED', partial('x', '6'));
      await settle();
      watchOf(WIDGET_PATH).event('ERROR', { code: 410, reason: 'Expired' });
      await wait();
      for (let lists = 0; lists < 2; lists++) {
        watchOf(WIDGET_PATH).event('ADDED', partial('x', '4'));
        watchOf(WIDGET_PATH).bookmark('9', true);
        await wait();
      }
      expect(cache.era()).toBe(0);
      expect(cache.tracked.get(WIDGETS, { namespace: 'a', name: 'x' })?.metadata?.resourceVersion).toBe('4');
    });

    test("of what was built in is the cluster's word, also where a restore let versions go on", async () => {
      const LEASES: Resource = 'coordination.k8s.io/leases';
      const cache = await known(() => '9', LEASES);
      watchOf(pathOf(LEASES)).event('DELETED', partial('x', '6'));
      await settle();
      watchOf(pathOf(LEASES)).event('ERROR', { code: 410, reason: 'Expired' });
      await wait();
      watchOf(pathOf(LEASES)).event('ADDED', partial('x', '4'));
      watchOf(pathOf(LEASES)).bookmark('9', true);
      await wait();
      expect(cache.era()).toBe(1);
    });

    test('counts as known again only once its new list is in, also where others saw it', async () => {
      const cache = await known((path) => (path === WIDGET_PATH ? '9' : '2'));
      const told: boolean[][] = [];
      cache.tracked.onChange(() => told.push(syncedNow(cache)));
      watchOf('/api/v1/pods').break();
      await wait();
      expect([cache.era(), syncedNow(cache), told]).toEqual([1, [false], [[false]]]);
      watchOf(WIDGET_PATH).bookmark('9', true);
      await wait();
      expect([syncedNow(cache), told]).toEqual([[true], [[false], [true]]]);
    });
  });

  test('counts as known after winning only once it has passed what was there then', async () => {
    const cache = await started();
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    watchOf(WIDGET_PATH).bookmark('5', true);
    await settle();
    const told: boolean[] = [];
    cache.tracked.onChange(({ resources }) => told.push(...[...resources.values()].map(({ synced }) => synced)));
    api.list = () => ({ status: 200, body: { metadata: { resourceVersion: '9' }, items: [partial('x', '8')] } });
    await cache.catchUp(abort.signal);
    await settle();
    expect(told).toEqual([false]);
    watchOf(WIDGET_PATH).event('ADDED', partial('x', '8'));
    await settle();
    expect(told).toEqual([false, true]);
  });

  test('is let go of when the process ends, and nothing is tracked after that', async () => {
    const cache = await started();
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    await settle();
    const watch = watchOf(WIDGET_PATH);
    abort.abort();
    cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
    expect([watch.aborted, cache.tracked.current().resources.size]).toEqual([true, 0]);
  });
});

describe('a tracked resource that controllers list as well', () => {
  test('is shared with them, whole as they want it, and stays theirs when it is tracked no longer', async () => {
    const cache = await started(PODS);
    const heard = heardBy(cache);
    watchOf('/api/v1/pods').event('ADDED', pod('p', '3'));
    watchOf('/api/v1/pods').bookmark('5', true);
    await settle();
    cache.tracked.set({ discovery, plans: [planOf('core/pods')] });
    await settle();
    expect([...cache.tracked.current().resources.values()]).toEqual([{ synced: true }]);
    expect(api.watches.map(({ identity }) => identity)).toEqual(['reader']);
    cache.tracked.set({ discovery, plans: [] });
    watchOf('/api/v1/pods').event('MODIFIED', pod('p', '7'));
    await settle();
    expect(heard).toEqual(['core/pods p ->3']);
    expect(cache.view(['core/pods']).list('core/pods')).toHaveLength(1);
  });

  test('has a cache of its own where theirs holds one name only', async () => {
    const cache = await started({ ...PODS, fieldSelector: 'metadata.name=p' });
    cache.tracked.set({ discovery, plans: [planOf('core/pods')] });
    await settle();
    expect(api.watches.map(({ identity, query }) => [identity, query.get('fieldSelector')])).toEqual([
      ['reader', 'metadata.name=p'],
      ['collector', null],
    ]);
  });
});

test('a subscriber that leaves hears nothing more', async () => {
  const cache = await started();
  const heard: unknown[] = [];
  const stop = cache.tracked.subscribe((resource) => heard.push(resource));
  cache.tracked.set({ discovery, plans: [planOf(WIDGETS)] });
  await settle();
  stop();
  watchOf(WIDGET_PATH).event('ADDED', partial('x', '3'));
  watchOf(WIDGET_PATH).bookmark('5', true);
  await settle();
  expect(heard).toEqual([]);
});
