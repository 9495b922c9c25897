import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RecordedRequest, Streams, Writer } from '#api/port.ts';
import { createReader } from '#api/read.ts';
import { failureOf } from '#api/status.ts';
import { createStreams } from '#api/watch.ts';
import { createWriter } from '#api/write.ts';
import { createCache } from '#cache/cache.ts';
import type { CachePlan } from '#cache/plan-caches.ts';
import type { Cache } from '#cache/port.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import { pathOf, type Resource } from '#core/resource.ts';
import type { Credential, Identities } from '#identity/port.ts';
import { withCluster } from '#kit/cluster.ts';
import { type Recorded, recordingTelemetry } from '#kit/telemetry.ts';
import { until } from '#kit/wait.ts';
import { systemClock } from '#telemetry/clock.ts';

const world = withCluster({ name: 'list-watch', nodes: 0 });
const CONFIGMAPS: CachePlan = { resource: 'core/configmaps', identity: 'reader' };

/** Two certificates of one user: a renewal is the second turn. */
const contexts: SecureContext[] = [];
let turn = 1;
const callbacks = new Set<(credential: Credential) => void>();
const identities: Identities = {
  current: (identity) => ({ identity, turn, context: contexts[(turn - 1) % 2] }) as Credential,
  onRenewal: (callback) => {
    callbacks.add(callback);
    return () => callbacks.delete(callback);
  },
};
function renew(identity: string): void {
  turn++;
  for (const callback of callbacks) callback(identities.current(identity));
}

beforeAll(async () => {
  for (const commonName of ['first', 'second']) {
    const { certFile, keyFile } = await world.cluster.issue({ commonName, organizations: ['system:masters'] });
    const [cert, key, ca] = [certFile, keyFile, world.cluster.caFile].map((file) => readFileSync(file));
    contexts.push(createSecureContext({ cert, key, ca }));
  }
});

interface Client {
  readonly cache: Cache;
  readonly telemetry: Recorded;
  readonly signal: AbortSignal;
  write(verb: WireRequest['verb'], resource: Resource, at: Place, body?: unknown, type?: string): Promise<Answer>;
}
type Place = { namespace?: string; name?: string; subresource?: string };

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** An API server of before WatchList. */
function withoutWatchList(streams: Streams): Streams {
  return {
    watch: (identity, path, options) =>
      path.includes('sendInitialEvents')
        ? Promise.resolve({ status: 400, lines: (async function* none() {})() })
        : streams.watch(identity, path, options),
  };
}

function client(...resources: CachePlan[]): Client {
  return clientOver((streams) => streams, ...resources);
}

function clientOver(over: (streams: Streams) => Streams, ...resources: CachePlan[]): Client {
  const telemetry = recordingTelemetry();
  const abort = new AbortController();
  const endpoint = { server: world.cluster.server, version: '0.0.0' };
  const common = { endpoint, identities, clock: systemClock, ...telemetry };
  const reader = createReader(common);
  const writer = createWriter({ ...common, isRecorded: () => true });
  ends.push(async () => {
    abort.abort();
    await Promise.all([reader.close(), writer.close()]);
  });
  const cache = createCache({ ...common, reader, streams: over(createStreams(common)), resources });
  return { cache, telemetry, signal: abort.signal, write: (...args) => send(writer, ...args) };
}

const METHODS = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
} as const;
let audit = 0;

async function send(
  writer: Writer,
  verb: WireRequest['verb'],
  resource: Resource,
  at: Place,
  body?: unknown,
  contentType = verb === 'patch' ? 'application/merge-patch+json' : 'application/json',
): Promise<Answer> {
  const { name, ...place } = at;
  const recorded: RecordedRequest = {
    auditId: `test-${++audit}`,
    request: {
      class: 'write',
      identity: 'writer',
      verb,
      method: METHODS[verb],
      path: pathOf(resource, verb === 'create' && at.subresource === undefined ? place : at),
      contentType,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      target: { resource },
      timeout: 10_000,
    },
  };
  const answer = await writer.send(recorded, () => true);
  if (answer.kind === 'refused') throw new Error('the fence refused');
  return answer;
}

/** Creates ConfigMaps, sixteen at once. */
async function createMany(made: Client, namespace: string, count: number): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const answer = await made.write(
        'create',
        'core/configmaps',
        { namespace },
        { metadata: { name: `c-${at}` }, data: { at: String(at) } },
      );
      expect(answer).toMatchObject({ kind: 'answered', status: 201 });
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
}

const named = (prefix: string) =>
  world.admin
    .create('core/namespaces', { metadata: { generateName: `${prefix}-` } })
    .then(({ metadata }) => metadata?.name as string);
const took = async (act: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
};

describe('a first list', () => {
  test('start and catch-up take less than a second on an idle cluster, without waiting for a bookmark', async () => {
    const resources: Resource[] = [
      'core/pods',
      'core/namespaces',
      'core/serviceaccounts',
      'apps/replicasets',
      'core/nodes',
    ];
    const { cache, signal } = client(
      ...resources.map((resource) => ({ resource, identity: 'reader' })),
      { ...CONFIGMAPS, fieldSelector: 'metadata.name=kube-root-ca.crt' },
      { resource: 'core/secrets', identity: 'secrets-metadata' },
    );
    expect(await took(() => cache.start(signal))).toBeLessThan(1000);
    // A write elsewhere moves every list's version, and no watch of ours.
    await world.admin.create('core/limitranges', {
      metadata: { name: 'moved', namespace: 'default' },
      spec: { limits: [] },
    });
    expect(await took(() => cache.catchUp(signal))).toBeLessThan(1000);
  });

  test('of 3,000 objects comes as one stream, and is the same in pages', async () => {
    const namespace = await named('many');
    const streamed = client(CONFIGMAPS);
    await createMany(streamed, namespace, 3000);
    const byStream = await took(() => streamed.cache.start(streamed.signal));
    const paged = clientOver(withoutWatchList, CONFIGMAPS);
    await paged.cache.start(paged.signal);
    const all = (cache: Cache): unknown[] =>
      [...cache.view(['core/configmaps']).list('core/configmaps', namespace)].sort((a, b) =>
        (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1,
      );
    expect(all(streamed.cache)).toHaveLength(3000);
    expect(all(paged.cache)).toEqual(all(streamed.cache));
    expect(byStream).toBeLessThan(10_000);
    expect(JSON.stringify(all(streamed.cache)[0])).not.toContain('managedFields');
  });
});

/** Creates, changes and deletes without a pause, and keeps what the API server acknowledged. */
function auditor(
  made: Client,
  namespace: string,
): { stop(): Promise<ReadonlyMap<string, string>>; acknowledged: string[] } {
  const live = new Map<string, string>();
  const acknowledged: string[] = [];
  let running = true;
  const patient = async (...args: Parameters<Client['write']>): Promise<Answer> => {
    // While the API server is away a write fails or is lost; here it is then simply done again.
    let answer: Answer = { kind: 'lost' };
    const answered = async (): Promise<boolean> => {
      answer = await made.write(...args);
      return !running || (answer.kind === 'answered' && answer.status < 500);
    };
    await until(answered, { why: 'the API server to answer a write', timeout: 60_000 });
    return answer;
  };
  const work = (async () => {
    for (let at = 0; running; at++) {
      const name = `w-${at}`;
      const place = { namespace, name };
      await patient('create', 'core/configmaps', { namespace }, { metadata: { name } });
      await patient('patch', 'core/configmaps', place, { data: { at: String(at) } });
      if (at % 3 === 0) await patient('delete', 'core/configmaps', place);
      acknowledged.push(name);
    }
    for (const { metadata } of await world.admin.list('core/configmaps', { namespace }))
      live.set(metadata?.name ?? '', metadata?.resourceVersion ?? '');
  })();
  return {
    acknowledged,
    stop: async () => {
      running = false;
      await work;
      return live;
    },
  };
}

/** Folds what the listener hears: what was missed is missing in it. */
function listen(cache: Cache, namespace: string): { heard: Map<string, string>; ever: Set<string>; gaps: unknown[] } {
  const heard = new Map<string, string>();
  const ever = new Set<string>();
  const gaps: unknown[] = [];
  cache.subscribe('core/configmaps', (old, now) => {
    const { metadata } = now ?? old ?? {};
    if (metadata?.namespace !== namespace) return;
    // Each transition goes from the version that was heard last.
    const last = heard.get(metadata.name ?? '');
    if (old?.metadata?.resourceVersion !== last) gaps.push({ last, old, now });
    ever.add(metadata.name ?? '');
    if (now === undefined) heard.delete(metadata.name ?? '');
    else heard.set(metadata.name ?? '', metadata.resourceVersion ?? '');
  });
  return { heard, ever, gaps };
}

describe('no event is missed', () => {
  test('over renewals: the new watch stands before the old one ends', async () => {
    const namespace = await named('renewal');
    const made = client(CONFIGMAPS);
    await made.cache.start(made.signal);
    const { heard, ever, gaps } = listen(made.cache, namespace);
    const auditing = auditor(made, namespace);
    for (let renewals = 1; renewals <= 5; renewals++) {
      const target = auditing.acknowledged.length + 50;
      renew('reader');
      await until(() => auditing.acknowledged.length >= target, { why: 'writes to go on', timeout: 20_000 });
    }
    const live = await auditing.stop();
    await made.cache.catchUp(made.signal);
    expect(heard).toEqual(live);
    expect(gaps).toEqual([]);
    expect(auditing.acknowledged.filter((name) => !ever.has(name))).toEqual([]);
    expect(auditing.acknowledged.length).toBeGreaterThan(200);
    const relists = [...made.telemetry.counts.keys()].filter((name) => name.startsWith('cache_relists_total'));
    expect(relists).toEqual(['cache_relists_total{resource=core/configmaps,why=start}']);
  });

  test('over the death of the API server: versions resume, or the list is read afresh', async () => {
    const namespace = await named('restart');
    const made = client(CONFIGMAPS);
    await made.cache.start(made.signal);
    const { heard, gaps } = listen(made.cache, namespace);
    const auditing = auditor(made, namespace);
    await until(() => auditing.acknowledged.length > 50, { why: 'writes to begin', timeout: 20_000 });
    await world.cluster.restartApiServer();
    const target = auditing.acknowledged.length + 50;
    await until(() => auditing.acknowledged.length > target, { why: 'writes to go on', timeout: 30_000 });
    const live = await auditing.stop();
    await made.cache.catchUp(made.signal);
    expect(heard).toEqual(live);
    expect(gaps).toEqual([]);
    expect(made.cache.era()).toBe(0);
  });

  test('when the API server no longer has the history since our version: the list is read afresh', async () => {
    const namespace = await named('expired');
    // Asks for versions that are long gone, until the answer is 410.
    let asked = 0;
    const made = clientOver(
      (streams) => ({
        watch: (identity, path, options) => {
          const old = path.replace(/([?&]resourceVersion=)\d+/, '$11');
          if (old !== path) asked++;
          return streams.watch(identity, asked === 1 ? old : path, options);
        },
      }),
      CONFIGMAPS,
    );
    await made.cache.start(made.signal);
    const { heard, gaps } = listen(made.cache, namespace);
    await createMany(made, namespace, 20);
    const relists = (): number =>
      made.telemetry.counts.get('cache_relists_total{resource=core/configmaps,why=expired}') ?? 0;
    renew('reader');
    await until(() => relists() === 1, { why: 'the list to be read afresh', timeout: 20_000 });
    await world.admin.delete('core/configmaps', { namespace, name: 'c-7' });
    await made.cache.catchUp(made.signal);
    expect(heard.size).toBe(19);
    expect(gaps).toEqual([]);
    expect(made.cache.era()).toBe(0);
  });
});

describe('what the API server really answers', () => {
  test('every way to end an object hides it at once, and a late event does not bring it back', async () => {
    const namespace = await named('ends');
    const made = client(
      CONFIGMAPS,
      { resource: 'core/serviceaccounts', identity: 'reader' },
      { resource: 'core/pods', identity: 'reader' },
    );
    const { cache } = made;
    await cache.start(made.signal);
    const body = (answer: Answer): { metadata: { resourceVersion: string; uid: string } } =>
      (answer.kind === 'answered' ? answer.body : undefined) as never;
    const seen = (resource: 'core/configmaps' | 'core/serviceaccounts' | 'core/pods', name: string): boolean =>
      cache.view([resource]).get(resource, { namespace, name }) !== undefined;
    const make = async (resource: Resource, object: { metadata: { name: string } }): Promise<void> => {
      const answer = await made.write('create', resource, { namespace }, object);
      expect(answer).toMatchObject({ status: 201 });
      expect(cache.absorb(resource, 'create', body(answer))).toBeUndefined();
    };
    const container = { name: 'c', image: 'registry.example/app:1' };
    await make('core/serviceaccounts', { metadata: { name: 'default' } });
    await make('core/configmaps', { metadata: { name: 'plain' } });
    const held = { metadata: { name: 'held', finalizers: ['example.com/test'] } };
    await make('core/configmaps', held);
    await make('core/pods', {
      metadata: { name: 'pod' },
      // Of no node: else it would be given time to end.
      spec: { containers: [container], automountServiceAccountToken: false, schedulerName: 'nobody' },
    } as never);
    expect([seen('core/configmaps', 'plain'), seen('core/configmaps', 'held'), seen('core/pods', 'pod')]).toEqual([
      true,
      true,
      true,
    ]);

    // A Status with the uid; an object without any mark; a pod with grace 0.
    for (const [resource, name] of [
      ['core/configmaps', 'plain'],
      ['core/serviceaccounts', 'default'],
      ['core/pods', 'pod'],
    ] as const) {
      const answer = await made.write('delete', resource, { namespace, name });
      expect(cache.absorb(resource, 'delete', body(answer), { namespace, name })).toBeUndefined();
      expect(seen(resource, name)).toBe(false);
    }
    // The last finalizer goes: the answer carries the OLD version.
    const marked = await made.write('delete', 'core/configmaps', { namespace, name: 'held' });
    cache.absorb('core/configmaps', 'delete', body(marked));
    expect(seen('core/configmaps', 'held')).toBe(true);
    const ended = await made.write(
      'patch',
      'core/configmaps',
      { namespace, name: 'held' },
      { metadata: { finalizers: null } },
    );
    expect(body(ended).metadata.resourceVersion).toBe(body(marked).metadata.resourceVersion);
    expect(cache.absorb('core/configmaps', 'patch', body(ended))).toBeUndefined();
    expect(seen('core/configmaps', 'held')).toBe(false);
    await cache.catchUp(made.signal);
    expect(cache.view(['core/configmaps']).list('core/configmaps', namespace)).toEqual([]);
  });

  test('a Scale is a barrier that the watch reaches', async () => {
    const namespace = await named('scale');
    const made = client({ resource: 'apps/replicasets', identity: 'reader' });
    await made.cache.start(made.signal);
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const spec = { replicas: 0, selector: { matchLabels: { app: 'x' } }, template };
    await world.admin.create('apps/replicasets', { metadata: { name: 'r', namespace }, spec });
    const scaled = await made.write(
      'patch',
      'apps/replicasets',
      { namespace, name: 'r', subresource: 'scale' },
      { spec: { replicas: 3 } },
    );
    const barrier = made.cache.absorb(
      'apps/replicasets',
      'patch',
      scaled.kind === 'answered' ? scaled.body : undefined,
    );
    expect(barrier).toBeDefined();
    await new Promise<void>((resolve) => barrier?.whenReached(resolve));
    expect(made.cache.view(['apps/replicasets']).get('apps/replicasets', { namespace, name: 'r' })).toMatchObject({
      spec: { replicas: 3 },
    });
  });

  test('refusals map to codes, and of an exceeded quota its numbers are kept', async () => {
    const namespace = await named('codes');
    const made = client(CONFIGMAPS);
    const code = async (...args: Parameters<Client['write']>): Promise<unknown> => {
      const answer = await made.write(...args);
      if (answer.kind !== 'answered') return answer.kind;
      const failure = failureOf(args[0], answer.status, answer.body);
      return failure.quota === undefined ? failure.code : `${failure.code} ${failure.quota}`;
    };
    const place = { namespace, name: 'x' };
    await made.write('create', 'core/configmaps', { namespace }, { metadata: { name: 'x' } });
    expect(await code('create', 'core/configmaps', { namespace }, { metadata: { name: 'x' } })).toBe('API_EXISTS');
    expect(await code('patch', 'core/configmaps', place, { metadata: { uid: 'another' } })).toBe('API_GONE');
    expect(await code('patch', 'core/configmaps', place, { metadata: { resourceVersion: '1' } })).toBe('API_CONFLICT');
    expect(await code('delete', 'core/configmaps', place, { preconditions: { uid: 'another' } })).toBe('API_GONE');
    expect(await code('delete', 'core/configmaps', place, { preconditions: { resourceVersion: '1' } })).toBe(
      'API_CONFLICT',
    );
    expect(await code('delete', 'core/configmaps', { namespace, name: 'y' })).toBe('API_GONE');
    expect(await code('create', 'core/configmaps', { namespace }, { metadata: { name: 'Not A Name' } })).toBe(
      'API_INVALID',
    );
    expect(await code('create', 'core/configmaps', { namespace }, {})).toBe('API_INVALID');
    const quota = { metadata: { name: 'few', namespace }, spec: { hard: { 'count/configmaps': '1' } } };
    await world.admin.create('core/resourcequotas', quota);
    await world.admin.patch(
      'core/resourcequotas',
      { namespace, name: 'few', subresource: 'status' },
      {
        status: { hard: { 'count/configmaps': '1' }, used: { 'count/configmaps': '1' } },
      },
    );
    // Until the API server has seen the quota and its status it refuses without numbers, or lets pass.
    const counted = async (): Promise<boolean> =>
      /^API_QUOTA_EXCEEDED/.test(
        `${await code('create', 'core/configmaps', { namespace }, { metadata: { generateName: 'q-' } })}`,
      );
    await until(counted, { why: 'the quota to be in force', timeout: 30_000 });
    expect(await code('create', 'core/configmaps', { namespace }, { metadata: { name: 'z' } })).toBe(
      'API_QUOTA_EXCEEDED exceeded quota: few, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1',
    );
    await world.admin.delete('core/namespaces', { name: namespace });
    expect(await code('create', 'core/serviceaccounts', { namespace }, { metadata: { name: 'late' } })).toBe(
      'API_NAMESPACE_TERMINATING',
    );
  });
});
