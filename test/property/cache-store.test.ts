import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { absorb } from '#cache/absorb.ts';
import { type Cached, createDecoder, type Decoder } from '#cache/decode.ts';
import { projectionOf } from '#cache/projections.ts';
import { createStore, type Store } from '#cache/store.ts';
import { HOSTILE, hostileName, type ModelObject, type ModelServer, modelServer } from './cache-model.ts';

/** What the client knows, kept the simple way: versions of each key that were delivered or acknowledged. */
interface Known {
  /** How far the watch has delivered, as an index into the history and as a version. */
  position: number;
  synced: number;
  /** Acknowledged own writes: the server's version right after each. */
  own: { key: string; rv: number; gone?: string; object?: ModelObject }[];
}

interface World {
  server: ModelServer;
  store: Store;
  decoder: Decoder;
  known: Known;
  /** Answers that are still on their way. */
  mail: (() => void)[];
  seen: { old: unknown; now: unknown }[];
  /** Uids of deletions whose object the client had never seen. */
  unplaced: string[];
}

type Op =
  | {
      op: 'create' | 'patch' | 'unfinalize' | 'remove';
      namespace: string;
      name: string;
      own: boolean;
      finalizer: boolean;
    }
  | { op: 'answer'; which: number }
  | { op: 'deliver'; count: number }
  | { op: 'repeat' | 'bookmark' | 'relist' | 'elsewhere' };

const ops: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constantFrom('create' as const, 'patch' as const, 'unfinalize' as const, 'remove' as const),
      namespace: fc.constantFrom('a', 'constructor'),
      name: hostileName,
      own: fc.boolean(),
      finalizer: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('answer' as const), which: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('repeat' as const, 'bookmark' as const, 'relist' as const, 'elsewhere' as const),
    }),
  },
);

function world(): World {
  const store = createStore('core/pods', (error) => {
    throw error;
  });
  const made: World = {
    server: modelServer(),
    store,
    decoder: createDecoder('core/pods', projectionOf('core/pods')),
    known: { position: 0, synced: 1, own: [] },
    mail: [],
    seen: [],
    unplaced: [],
  };
  store.replace([], '1', false);
  store.subscribe((old, now) => made.seen.push({ old, now }));
  return made;
}

const pod = (uid: string, resourceVersion: string): ModelObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'a', uid, resourceVersion, labels: {} },
});
const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

function mutate(world: World, op: Extract<Op, { namespace: string }>): void {
  const { server, store, decoder, known } = world;
  const { namespace, name } = op;
  const before = server.live().get(`${namespace}/${name}`);
  const answer = op.op === 'create' ? server.create(namespace, name, op.finalizer) : server[op.op](namespace, name);
  if (answer === undefined || !op.own) return;
  const rv = server.rv();
  const after = server.live().get(`${namespace}/${name}`);
  const verb = op.op === 'remove' ? 'delete' : op.op === 'create' ? 'create' : 'patch';
  world.mail.push(() => {
    const key = `${namespace}/${name}`;
    const absorbed = absorb(store, decoder, undefined, verb, clone(answer), { namespace, name });
    const uid = before?.metadata.uid ?? '';
    // A deletion of what the client has never seen cannot be placed; the cache then asks for a list.
    const unknown = absorbed.kind === 'unknown';
    if (unknown) expect(verb).toBe('delete');
    if (unknown) world.unplaced.push(uid);
    if (after === undefined) known.own.push({ key, rv, gone: uid });
    else known.own.push({ key, rv, object: after });
  });
}

function step(world: World, op: Op): void {
  const { server, store, decoder, known, mail } = world;
  const decode = (object: ModelObject): Cached => decoder.decode(clone(object)) as Cached;
  switch (op.op) {
    case 'answer':
      mail.splice(op.which % Math.max(mail.length, 1), 1)[0]?.();
      return;
    case 'deliver':
      for (const { type, object } of server.history.slice(known.position, known.position + op.count)) {
        store.apply(type, decode(object));
        known.position++;
        known.synced = Math.max(known.synced, Number(object.metadata.resourceVersion));
      }
      return;
    case 'repeat': {
      const last = server.history[known.position - 1];
      if (last !== undefined) expect(store.apply(last.type, decode(last.object))).toBe(false);
      return;
    }
    case 'bookmark':
      // A bookmark comes after everything before it.
      if (known.position < server.history.length) return;
      known.synced = server.rv();
      store.advance(String(server.rv()));
      return;
    case 'relist': {
      const objects = [...server.live().values()].map(decode);
      expect(store.contradiction(objects, String(server.rv()))).toBeUndefined();
      store.replace(objects, String(server.rv()), false);
      known.position = server.history.length;
      known.synced = server.rv();
      return;
    }
    case 'elsewhere':
      server.elsewhere();
      return;
    default:
      mutate(world, op);
  }
}

/** For each key the newest of what was delivered and what was acknowledged; an ended uid never. */
function expected({ server, known }: World): Map<string, string> {
  const delivered = server.at(known.synced);
  const dead = new Set(known.own.flatMap(({ gone }) => (gone === undefined ? [] : [gone])));
  const found = new Map<string, string>();
  for (const namespace of ['a', 'constructor']) {
    for (const name of HOSTILE) {
      const key = `${namespace}/${name}`;
      const own = known.own.filter(
        (write) => write.key === key && write.rv > known.synced && write.object !== undefined,
      );
      const newest = own.sort((a, b) => b.rv - a.rv)[0]?.object ?? delivered.get(key);
      if (newest !== undefined && !dead.has(newest.metadata.uid))
        found.set(key, `${newest.metadata.uid}@${newest.metadata.resourceVersion}`);
    }
  }
  return found;
}

function check(world: World): void {
  const { store } = world;
  const stamp = (object: unknown): string => {
    const { metadata } = object as ModelObject;
    return `${metadata.uid}@${metadata.resourceVersion}`;
  };
  const visible = new Map(
    store.all().map((object) => [`${object.metadata?.namespace}/${object.metadata?.name}`, stamp(object)]),
  );
  expect(visible).toEqual(expected(world));
  const all = store.all();
  for (const namespace of ['a', 'constructor']) {
    const here = all.filter((object) => object.metadata?.namespace === namespace);
    expect(new Set(store.indexes.inNamespace(namespace))).toEqual(new Set(here));
    expect(new Set(store.indexes.orphans(namespace))).toEqual(
      new Set(here.filter((object) => object.metadata?.ownerReferences === undefined)),
    );
  }
  for (const uid of HOSTILE) {
    const owned = all.filter((object) => object.metadata?.ownerReferences?.[0]?.uid === uid);
    expect(new Set(store.indexes.controlledBy(uid))).toEqual(new Set(owned));
  }
  for (const object of all) expect(Object.isFrozen(object) && Object.isFrozen(object.metadata?.labels)).toBe(true);
}

describe('the store against a linear history', () => {
  test('shows the newest of deliveries and own writes, and never an ended uid', () => {
    fc.assert(
      fc.property(fc.array(ops, { maxLength: 60 }), (run) => {
        const made = world();
        for (const op of run) {
          step(made, op);
          check(made);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test('when everything has come in, it is the server, and holds nothing else', () => {
    fc.assert(
      fc.property(fc.array(ops, { maxLength: 60 }), (run) => {
        const made = world();
        for (const op of run) step(made, op);
        for (const answer of made.mail.splice(0)) answer();
        step(made, { op: 'deliver', count: 1000 });
        step(made, { op: 'bookmark' });
        check(made);
        expect(made.store.size()).toBe(made.server.live().size);
        // What could not be placed waits for a list; everything else has left by itself.
        for (const uid of made.unplaced) made.store.forget(uid);
        expect(made.store.pending()).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('listeners see each delivered transition once, in order: folding them gives the delivered state', () => {
    fc.assert(
      fc.property(fc.array(ops, { maxLength: 60 }), (run) => {
        const made = world();
        for (const op of run) step(made, op);
        const folded = new Map<string, string>();
        for (const { old, now } of made.seen as { old?: ModelObject; now?: ModelObject }[]) {
          const { namespace, name } = (now ?? old)?.metadata ?? { namespace: '', name: '' };
          const key = `${namespace}/${name}`;
          expect(old?.metadata.uid).toBe(folded.get(key));
          if (now === undefined) folded.delete(key);
          else folded.set(key, now.metadata.uid);
        }
        const delivered = made.server.at(made.known.synced);
        expect(folded).toEqual(new Map([...delivered].map(([key, { metadata }]) => [key, metadata.uid])));
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, (store: Store, decode: (object: ModelObject) => Cached) => void, string[]]>([
    ['a list shows that', (store) => store.replace([], '110', false), ['- > x', 'x > -']],
    ['it is proved without a list', (store) => store.advance('110'), ['- > x', 'x > -']],
    [
      'a list shows another of its name',
      (store, decode) => store.replace([decode(pod('y', '108'))], '110', false),
      ['- > x', 'x > -', '- > y'],
    ],
    ['a list shows it', (store, decode) => store.replace([decode(pod('x', '100'))], '110', false), ['- > x']],
    [
      'it was delivered, and its end after it',
      (store, decode) => {
        store.apply('ADDED', decode(pod('x', '100')));
        store.apply('DELETED', decode(pod('x', '105')));
        store.advance('110');
      },
      ['- > x', 'x > -'],
    ],
    ['a restored store knows nothing of it', (store) => store.replace([], '50', true), []],
  ])('an own object that was never delivered and is gone comes and goes for listeners: %s', (_, act, said) => {
    const { store, decoder, seen } = world();
    store.overlay(decoder.decode(pod('x', '100')) as Cached);
    act(store, (object) => decoder.decode(object) as Cached);
    const uid = (object: unknown): string => (object as ModelObject | undefined)?.metadata.uid ?? '-';
    expect(seen.map(({ old, now }) => `${uid(old)} > ${uid(now)}`)).toEqual(said);
  });

  test('a restore is noticed, and a fresh list is then the whole truth', () => {
    fc.assert(
      fc.property(fc.array(ops, { maxLength: 40 }), fc.array(ops, { maxLength: 20 }), (first, second) => {
        const made = world();
        for (const op of first) step(made, op);
        const restored = { ...made, server: modelServer(), mail: [], known: { position: 0, synced: 1, own: [] } };
        for (const op of second) if ('namespace' in op) mutate(restored, { ...op, own: false });
        const objects = [...restored.server.live().values()].map(
          (object) => made.decoder.decode(clone(object)) as Cached,
        );
        const rv = String(restored.server.rv());
        if (restored.server.rv() < made.known.synced) expect(made.store.contradiction(objects, rv)).toBeDefined();
        let reached = false;
        made.store.whenSynced('9'.repeat(30), () => {
          reached = true;
        });
        made.store.replace(objects, rv, true);
        expect(reached).toBe(true);
        restored.known.position = restored.server.history.length;
        restored.known.synced = restored.server.rv();
        check(restored);
        for (const op of second) {
          step(restored, op);
          check(restored);
        }
      }),
      { numRuns: 300 },
    );
  });
});
