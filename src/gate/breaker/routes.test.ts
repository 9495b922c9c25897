import { describe, expect, test } from 'vitest';
import type { DoorRequest, Route } from '#doors/port.ts';
import { DEFAULT_LIMITS, type GateBench, gateBench } from '#kit/gate.ts';
import { breakerRoutes } from './routes.ts';

const ANN = { name: 'ann', uid: '', groups: [], extra: new Map() };

/** The doors before a breaker that holds one ReplicaSet. */
async function setUp(otherLeader?: string) {
  const bench = gateBench();
  const { desk, store } = bench.breaker;
  const books = await store.open();
  const answer = books?.ask(
    {
      controller: 'replicaset',
      root: {
        id: 'u-web',
        ref: { resource: 'apps/replicasets', namespace: 'a', name: 'web', uid: 'u-web' },
        generation: 2,
        present: true,
      },
      loss: 55,
      has: 60,
      evidence: 'absent',
      writes: 55,
      sample: ['core/pods a/web-0'],
    },
    bench.clock.now().wall,
  );
  const id = answer?.kind === 'held' ? answer.hold.id : '';
  const routes = breakerRoutes({ desk, store, limits: DEFAULT_LIMITS, otherLeader: () => otherLeader });
  return { bench, id, ask: asker(routes) };
}

const asker =
  (routes: readonly Route[]) =>
  async (method: 'GET' | 'POST', path: string, body: unknown = '', user: DoorRequest['user'] = ANN) => {
    const leads = (route: Route): boolean =>
      path === route.path || (route.below === true && path.startsWith(route.path));
    const route = routes.find((one) => one.method === method && leads(one));
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await route?.handler({ path, query: new URLSearchParams(), user, body: text });
    return { status: answer?.status, verb: route?.verb, document: JSON.parse(answer?.body ?? '{}') };
  };

const notesOf = ({ happened }: GateBench): unknown[] =>
  happened.flatMap((one) => (one.at === 'note' ? [one.draft] : []));

describe('the doors of the breaker', () => {
  test('list and show the whole story', async () => {
    const { ask, id } = await setUp();
    const listed = await ask('GET', '/breaker');
    expect(listed).toMatchObject({
      status: 200,
      verb: 'get',
      document: { version: 'comptroller.dev/breaker/v1', kind: 'list', holds: [{ id, weight: 55 }], grants: [] },
    });
    const shown = await ask('GET', `/breaker/holds/${id}`);
    expect(shown.document.hold).toMatchObject({
      subject: 'apps/replicasets a/web',
      percent: 92,
      says: 'replicaset would take away 55, 92 % of what it has, and may take 40; 55 writes wait.',
      sample: ['core/pods a/web-0'],
    });
    expect(shown.document.hold.next).toHaveLength(3);
    expect(await ask('GET', '/breaker/holds/other')).toMatchObject({ status: 404 });
    expect(await ask('GET', '/breaker/holds')).toMatchObject({ status: 404 });
  });

  test('release under a verb of its own, in the name of who was authenticated', async () => {
    const { ask, id, bench } = await setUp();
    const done = await ask('POST', '/breaker/release', { id, reason: 'ticket 1', count: 60, expirySeconds: 60 });
    expect(done).toMatchObject({ status: 200, verb: 'release' });
    expect(done.document).toMatchObject({ kind: 'released', kept: true, grant: { left: 60, by: 'ann' } });
    expect(notesOf(bench)).toMatchObject([{ note: 'breaker-release', by: 'ann', said: 'ticket 1', expiry: 60_000 }]);
    expect((await ask('GET', '/breaker')).document).toMatchObject({ holds: [], grants: [{ hold: id }] });
    expect(await ask('POST', '/breaker/release', { id, reason: 'again' })).toMatchObject({ status: 404 });
  });

  test('reject under a verb of its own', async () => {
    const { ask, id } = await setUp();
    expect(await ask('POST', '/breaker/reject', { id, reason: 'no' })).toMatchObject({ status: 200, verb: 'reject' });
    expect((await ask('GET', '/breaker')).document.holds).toMatchObject([
      { state: 'rejected', rejectedBy: 'ann', rejectedWhy: 'no' },
    ]);
  });

  test.each([
    ['no JSON', 'hello', /^the body: it is not JSON/],
    ['no object', [1], /^the body: it is not an object/],
    ['no id', { reason: 'r' }, /^id: it is missing; give the id of a hold/],
    ['no reason', { id: 'x' }, /^reason: it is missing; give why/],
    ['a reason of spaces', { id: 'x', reason: '  ' }, /^reason: it is string; give why, in 1 to 700 characters/],
    ['a count below nothing', { id: 'x', reason: 'r', count: -1 }, /^count: it is number; give the weight/],
    [
      'an expiry that is text',
      { id: 'x', reason: 'r', expirySeconds: '1h' },
      /^expirySeconds: it is string; give whole/,
    ],
    [
      'another field',
      { id: 'x', reason: 'r', force: true },
      /^force: there is no such field; the fields are id, reason/,
    ],
    ['a hostile field', JSON.parse('{"id":"x","reason":"r","__proto__":1}'), /^__proto__: there is no such field/],
  ])('refuse %s by field, shape and remedy', async (_, body, says) => {
    const { ask, bench } = await setUp();
    const refused = await ask('POST', '/breaker/release', body);
    expect(refused.status).toBe(400);
    expect(refused.document.error).toMatch(says);
    expect(notesOf(bench)).toEqual([]);
  });

  test('a person without a name decides nothing', async () => {
    const { ask, id } = await setUp();
    expect(await ask('POST', '/breaker/release', { id, reason: 'r' }, { ...ANN, name: '' })).toMatchObject({
      status: 400,
    });
  });

  test('what the ledger does not record is not done', async () => {
    const { ask, id, bench } = await setUp();
    bench.world.ledger = 'fails';
    expect(await ask('POST', '/breaker/release', { id, reason: 'r' })).toMatchObject({ status: 503 });
    expect((await ask('GET', '/breaker')).document.holds).toHaveLength(1);
  });

  test('what could not be kept is done, and said to be so', async () => {
    const { ask, id, bench } = await setUp();
    bench.world.keeps = 'read-only';
    const done = await ask('POST', '/breaker/release', { id, reason: 'r' });
    expect(done).toMatchObject({ status: 202, document: { kept: false } });
  });

  test('leave for less than is held is none: it goes whole or not at all', async () => {
    const { ask, id, bench } = await setUp();
    const refused = await ask('POST', '/breaker/release', { id, reason: 'r', count: 15 });
    expect(refused.status).toBe(400);
    expect(refused.document.error).toMatch(/^count: it is less than the 55 that the hold asks for/);
    expect(notesOf(bench)).toEqual([]);
    expect((await ask('GET', '/breaker')).document.holds).toHaveLength(1);
  });

  test('where nobody leads, a replica says that', async () => {
    const { ask } = await setUp('');
    expect((await ask('GET', '/breaker')).document.error).toMatch(/^nobody leads now/);
  });

  test('a replica that does not lead says who does', async () => {
    const { ask, id } = await setUp('other-host_1');
    for (const [method, path] of [
      ['GET', '/breaker'],
      ['GET', `/breaker/holds/${id}`],
      ['POST', '/breaker/release'],
      ['POST', '/breaker/reject'],
    ] as const) {
      const answer = await ask(method, path, { id, reason: 'r' });
      expect([answer.status, answer.document.error]).toEqual([503, 'this replica does not lead; ask other-host_1']);
    }
  });
});
