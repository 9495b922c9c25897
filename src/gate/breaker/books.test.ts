import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '#kit/gate.ts';
import { type Answer, type Ask, Books } from './books.ts';
import type { Root } from './port.ts';
import { parseState, renderState } from './state.ts';

const root = (id: string, generation = 1): Root => ({
  id,
  ref: { resource: 'apps/replicasets', namespace: 'a', name: id, uid: id },
  generation,
  present: true,
});
const asked = (loss: number, more: Partial<Ask> = {}): Ask => ({
  controller: 'replicaset',
  root: root('web'),
  loss,
  evidence: 'absent',
  writes: loss,
  sample: [],
  ...more,
});
const MINUTE = 60_000;
const held = (answer: Answer) => (answer.kind === 'held' ? answer.hold : undefined);
const saidOf = (answer: Answer): string => {
  const hold = held(answer);
  return hold === undefined ? answer.kind : `${hold.scope} ${hold.reason}`;
};

describe('a cause', () => {
  test.each([
    ['up to its weight, whatever the share', asked(40, { has: 40 }), 'pass'],
    ['more, and less than half of what it has', asked(400, { has: 1000 }), 'pass'],
    ['exactly half', asked(50, { has: 100 }), 'pass'],
    ['more, and more than half', asked(55, { has: 60 }), 'too-much-of-its-cause'],
    ['more, where what it has is not known', asked(41), 'too-much-of-its-cause'],
    ['the most', asked(1000, { has: 1_000_000 }), 'pass'],
    ['more than the most, however small the share', asked(1001, { has: 1_000_000 }), 'too-much-without-evidence'],
    ['much, with evidence', asked(5000, { evidence: 'namespace-terminating' }), 'pass'],
    ['more, with evidence', asked(5001, { evidence: 'owner-terminating' }), 'too-much-with-evidence'],
    ['a total that is more than this plan', asked(1, { total: 41 }), 'too-much-of-its-cause'],
    ['a loss that is no number', asked(Number.NaN), 'too-much-of-its-cause'],
    ['nothing', asked(0), 'pass'],
  ] as const)('may take %s', (_, ask, expected) => {
    const answer = new Books(DEFAULT_LIMITS).ask(ask, 0);
    expect(held(answer)?.reason ?? answer.kind).toBe(expected);
  });

  test('is charged over all its plans, and what was covered at the first of them is not charged again', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(10, { total: 40 }), 0).kind).toBe('pass');
    for (let plan = 0; plan < 3; plan++) expect(books.ask(asked(10), 0).kind).toBe('pass');
    expect(books.ask(asked(1), 0)).toMatchObject({ kind: 'held', tripped: true, hold: { weight: 41, limit: 40 } });
  });

  test('what it had at the beginning is what its share is of', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(300, { has: 1000 }), 0).kind).toBe('pass');
    expect(books.ask(asked(200, { has: 700 }), 0).kind).toBe('pass');
    expect(books.ask(asked(1, { has: 500 }), 0).kind).toBe('held');
  });

  test('what had evidence does not count against what has none', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(1000, { evidence: 'owner-terminating' }), 0).kind).toBe('pass');
    expect(books.ask(asked(40), 0).kind).toBe('pass');
    expect(books.ask(asked(1), 0).kind).toBe('held');
  });

  test('what took nothing away may be tried again', () => {
    const books = new Books(DEFAULT_LIMITS);
    for (let attempt = 0; attempt < 10; attempt++) {
      expect(books.ask(asked(30), 0).kind).toBe('pass');
      books.refund('web', 'bare', 30);
    }
    expect(books.ask(asked(30), 0).kind).toBe('pass');
    expect(books.ask(asked(30), 0).kind).toBe('held');
  });

  test('what had evidence makes no room for what has none, and a total of the one is none of the other', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(1, { evidence: 'owner-terminating', total: 4000 }), 0).kind).toBe('pass');
    expect(held(books.ask(asked(41), 0))).toMatchObject({ reason: 'too-much-of-its-cause', weight: 41 });
  });

  test('what goes only later is covered by what was asked for it before', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(40, { follows: 39 }), 0).kind).toBe('pass');
    for (let pod = 0; pod < 39; pod++) expect(books.ask(asked(1), 0).kind).toBe('pass');
    expect(books.ask(asked(1), 0).kind).toBe('held');
  });

  test('a rollout that its owner lets interrupt it counts in the window, once, and not for the cause', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(0, { rolled: 1000 }), 0).kind).toBe('pass');
    expect(books.ask(asked(40), 0).kind).toBe('pass');
    expect(books.state().window).toMatchObject([{ bare: 1040, all: 1040 }]);
    expect(saidOf(books.ask(asked(0, { rolled: 4500, root: root('other') }), 0))).toBe(
      'cluster too-much-in-all-without-evidence',
    );
  });

  test('a rollout that lowers first and deletes after counts once, also where the lowering is tried again', () => {
    const books = new Books(DEFAULT_LIMITS);
    const lowers = asked(0, { rolled: 700, rolledFollows: 700 });
    for (let attempt = 0; attempt < 3; attempt++) expect(books.ask(lowers, 0).kind).toBe('pass');
    expect(books.ask(asked(0, { rolled: 500 }), 0).kind).toBe('pass');
    expect(books.ask(asked(0, { rolled: 200 }), 0).kind).toBe('pass');
    expect(books.state().window).toMatchObject([{ bare: 700, all: 700 }]);
    // The next turn of it is one more.
    expect(books.ask(lowers, 0).kind).toBe('pass');
    expect(books.state().window).toMatchObject([{ bare: 1400, all: 1400 }]);
  });

  test('in steady use it forgets each minute by itself, as the window does', () => {
    const books = new Books(DEFAULT_LIMITS);
    for (let at = 0; at < 20; at++) expect(books.ask(asked(5, { has: 100 }), at * 5 * MINUTE).kind).toBe('pass');
    for (let at = 0; at < 40; at++) expect(books.ask(asked(4), (100 + at) * MINUTE).kind).toBe('pass');
    expect(books.ask(asked(5), 140 * MINUTE).kind).toBe('held');
  });

  test('its account is closed ten minutes after its last use; a hold is not', () => {
    const books = new Books(DEFAULT_LIMITS);
    books.ask(asked(40), 0);
    books.ask(asked(55, { root: root('other') }), 0);
    expect(books.ask(asked(1), 9 * MINUTE).kind).toBe('held');
    books.drop(books.holds()[1]?.id ?? '');
    books.sweep(20 * MINUTE);
    expect(books.ask(asked(40), 20 * MINUTE).kind).toBe('pass');
    expect(books.ask(asked(1, { root: root('other') }), 1e9).kind).toBe('held');
  });

  test('evidence that was needed must be kept before the write; what any cause may take need not', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.ask(asked(40, { evidence: 'owner-terminating' }), 0)).toMatchObject({ vital: false });
    expect(books.ask(asked(41, { root: root('b'), evidence: 'owner-terminating' }), 0)).toMatchObject({ vital: true });
  });

  test('what could not be kept is taken back, whole', () => {
    const books = new Books(DEFAULT_LIMITS);
    const answer = books.ask(asked(41, { evidence: 'owner-terminating' }), 0);
    if (answer.kind === 'pass') answer.undo();
    const { accounts, window } = books.state();
    expect(accounts).toMatchObject([{ tallies: [{ covered: 0, charged: 0, used: 0 }] }]);
    expect(window).toMatchObject([{ bare: 0, all: 0 }]);
  });
});

describe('the cluster', () => {
  const causes = (books: Books, count: number, ask: Partial<Ask>, wall = 0): string[] =>
    Array.from({ length: count }, (_, at) => {
      const answer = books.ask(asked(1000, { ...ask, has: 1e6, root: root(`c${at}-${wall}`) }), wall);
      return saidOf(answer);
    });

  test('trips over what all causes take together, and then holds everything', () => {
    const books = new Books(DEFAULT_LIMITS);
    const said = causes(books, 6, {});
    expect(said).toEqual([...Array(5).fill('pass'), 'cluster too-much-in-all-without-evidence']);
    expect(books.ask(asked(0.2, { evidence: 'owner-terminating' }), 0).kind).toBe('held');
    expect(books.ask(asked(1), 100 * MINUTE).kind).toBe('held');
  });

  test('holds for all evidence together, too', () => {
    const said = causes(new Books(DEFAULT_LIMITS), 21, { evidence: 'namespace-terminating' });
    expect(said.at(-2)).toBe('pass');
    expect(said.at(-1)).toBe('cluster too-much-in-all');
  });

  test('forgets after ten minutes, by either direction of the wall clock', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(causes(books, 5, {})).not.toContain('cluster too-much-in-all-without-evidence');
    expect(causes(books, 5, {}, 10 * MINUTE)).toEqual(Array(5).fill('pass'));
    expect(causes(books, 5, {}, -10 * MINUTE)).toEqual(Array(5).fill('pass'));
  });

  test('cannot be rejected; its release begins the window anew', () => {
    const books = new Books(DEFAULT_LIMITS);
    causes(books, 6, {});
    const [hold] = books.holds();
    expect(books.reject(hold?.id ?? '', 'eve', 'no')).toBeUndefined();
    books.release(hold?.id ?? '', { by: 'ann', expiry: MINUTE }, 0);
    expect(causes(books, 1, {}, 1)).toEqual(['pass']);
  });

  test('I16: where history went back, everything destructive is held, once', () => {
    const books = new Books(DEFAULT_LIMITS);
    expect(books.holdAll('history-went-back', 0)).toMatchObject({ scope: 'cluster', state: 'open' });
    expect(books.holdAll('history-went-back', 0)).toBeUndefined();
    expect(books.ask(asked(0.2), 0).kind).toBe('held');
    expect(books.ask(asked(0), 0).kind).toBe('held');
  });

  test('I16: for another reason, too, while it is held for one', () => {
    const books = new Books(DEFAULT_LIMITS);
    causes(books, 6, {});
    expect(books.holdAll('history-went-back', 0)).toMatchObject({ reason: 'history-went-back' });
    books.release(books.holds()[0]?.id ?? '', { by: 'ann', expiry: MINUTE }, 0);
    expect(saidOf(books.ask(asked(1), 0))).toBe('cluster history-went-back');
  });

  test('I16: what another leader held for in its time is not held for again, what came later is', () => {
    const books = new Books(DEFAULT_LIMITS);
    const first = books.holdAll('history-went-back', 10 * MINUTE);
    books.release(first?.id ?? '', { by: 'ann', expiry: MINUTE }, 11 * MINUTE);
    expect(books.holdAll('history-went-back', 90 * MINUTE, 9 * MINUTE)).toBeUndefined();
    expect(books.holdAll('history-went-back', 90 * MINUTE, 80 * MINUTE)).toBeDefined();
  });

  test('what weighs nothing waits for no number', () => {
    const books = new Books(DEFAULT_LIMITS);
    causes(books, 6, {});
    expect(books.ask(asked(0), 0).kind).toBe('pass');
    expect(books.ask(asked(0, { total: 1 }), 0).kind).toBe('held');
  });
});

describe('I15: a namespace', () => {
  const claims = (books: Books, namespace: string, count: number, more: Partial<Ask> = {}): string[] =>
    Array.from({ length: count }, (_, at) =>
      saidOf(books.ask(asked(10, { root: root(`${namespace}-${at}`), namespace, ...more }), 0)),
    );

  test('that takes much stops itself, and no other', () => {
    const books = new Books(DEFAULT_LIMITS);
    const said = claims(books, 'a', 501);
    expect(said.filter((one) => one === 'pass')).toHaveLength(125);
    expect(new Set(said.slice(125))).toEqual(new Set(['namespace too-much-in-its-namespace-without-evidence']));
    expect(books.holds()).toMatchObject([{ scope: 'namespace', namespace: 'a', weight: 10, limit: 1250 }]);
    expect(claims(books, 'b', 1)).toEqual(['pass']);
    expect(books.ask(asked(1), 0).kind).toBe('pass');
  });

  test('with evidence may take as much as one cause may', () => {
    const books = new Books(DEFAULT_LIMITS);
    const more = { evidence: 'owner-terminating' } as const;
    expect(new Set(claims(books, 'a', 500, more))).toEqual(new Set(['pass']));
    expect(claims(books, 'a', 1, more)).toEqual(['namespace too-much-in-its-namespace']);
  });

  test('with many holds is held whole, however many there are', () => {
    const books = new Books(DEFAULT_LIMITS);
    const said = claims(books, 'a', 600, { loss: 55 });
    expect(said.slice(0, 20)).toEqual(Array(20).fill('cause too-much-of-its-cause'));
    expect(new Set(said.slice(20))).toEqual(new Set(['namespace too-many-holds']));
    expect(books.holds()).toHaveLength(21);
    expect(claims(books, 'b', 1)).toEqual(['pass']);
  });

  test('released, begins its part of the window anew; it cannot be rejected', () => {
    const books = new Books(DEFAULT_LIMITS);
    claims(books, 'a', 126);
    const id = books.holds()[0]?.id ?? '';
    expect(books.reject(id, 'eve', 'no')).toBeUndefined();
    books.release(id, { by: 'ann', expiry: MINUTE }, 0);
    expect(new Set(claims(books, 'a', 100, { controller: 'other' }))).toEqual(new Set(['pass']));
  });

  test('more holds than can be remembered hold nothing else: what is over its limit is refused, and no more', () => {
    const books = new Books(DEFAULT_LIMITS);
    for (let at = 0; at < 300; at++) books.ask(asked(55, { root: root(`r${at}`), namespace: `n${at}` }), 0);
    expect(books.ask(asked(55, { root: root('next'), namespace: 'next' }), 0)).toEqual({ kind: 'full' });
    expect(books.ask(asked(1, { root: root('next'), namespace: 'next' }), 0).kind).toBe('pass');
    expect(books.holds()).toHaveLength(300);
  });
});

describe('a hold', () => {
  const tripped = (generation = 1): { books: Books; id: string } => {
    const books = new Books(DEFAULT_LIMITS);
    const answer = books.ask(asked(55, { root: root('web', generation) }), 0);
    return { books, id: answer.kind === 'held' ? answer.hold.id : '' };
  };

  test('is latched: everything of its root waits, of any controller, however small', () => {
    const { books, id } = tripped();
    const again = books.ask(asked(0.2, { controller: 'garbage-collector', evidence: 'owner-terminating' }), 0);
    expect(again).toMatchObject({ kind: 'held', tripped: false, hold: { id } });
    expect(books.ask(asked(1, { root: root('other') }), 0).kind).toBe('pass');
    expect(books.ask(asked(0), 0).kind).toBe('pass');
  });

  test('is void when its root wishes something else, and only then', () => {
    const { books } = tripped(3);
    expect(books.voided('web', 3)).toEqual([]);
    expect(books.voided('web', undefined)).toEqual([]);
    expect(books.voided('other', 4)).toEqual([]);
    expect(books.voided('web', 4)).toHaveLength(1);
    expect(books.ask(asked(1, { root: root('web', 4) }), 0).kind).toBe('pass');
  });

  test('released, lets go what it asked for, once, for that controller and that wish', () => {
    const { books, id } = tripped();
    expect(books.release(id, { by: 'ann', expiry: MINUTE }, 0)?.grant).toMatchObject({ left: 55, by: 'ann' });
    expect(books.ask(asked(55, { controller: 'other' }), 0).kind).toBe('held');
  });

  test('released, what follows draws on the grant, and may add what any cause may take', () => {
    const { books, id } = tripped();
    books.release(id, { by: 'ann', expiry: MINUTE }, 0);
    expect(books.ask(asked(55), 0)).toMatchObject({ kind: 'pass', vital: true });
    expect(books.grants()).toMatchObject([{ left: 0 }]);
    expect(books.ask(asked(40), 0).kind).toBe('pass');
    expect(books.ask(asked(1), 0).kind).toBe('held');
  });

  test.each(['absent', 'owner-terminating'] as const)(
    'released, plan after plan draws on it: evidence %s',
    (evidence) => {
      const books = new Books(DEFAULT_LIMITS);
      const some = (loss: number) => books.ask(asked(loss, { evidence }), 0);
      const id = held(some(6000))?.id ?? '';
      books.release(id, { by: 'ann', expiry: MINUTE }, 0);
      for (let plan = 0; plan < 6; plan++) expect(some(1000).kind).toBe('pass');
      expect(books.grants()).toMatchObject([{ left: evidence === 'absent' ? 0 : 5000 }]);
    },
  );

  test('released with evidence, draws of one grant do not count against each other', () => {
    const books = new Books({ ...DEFAULT_LIMITS, weightPerCauseWithEvidence: 100 });
    const some = (loss: number) => books.ask(asked(loss, { evidence: 'owner-terminating' }), 0);
    books.release(held(some(1000))?.id ?? '', { by: 'ann', expiry: MINUTE }, 0);
    expect([some(500).kind, some(500).kind, some(100).kind, some(1).kind]).toEqual(['pass', 'pass', 'pass', 'held']);
  });

  test('released again, what is left of the first grant does not stand before the second', () => {
    const { books, id } = tripped();
    books.release(id, { by: 'ann', expiry: MINUTE }, 0);
    const again = held(books.ask(asked(120), 0))?.id ?? '';
    books.release(again, { by: 'ann', expiry: MINUTE }, 0);
    const passed = books.ask(asked(120), 0);
    expect(passed.kind).toBe('pass');
    expect(books.grants().map(({ left }) => left)).toEqual([0, 55]);
    if (passed.kind === 'pass') passed.undo();
    expect(books.grants().map(({ left }) => left)).toEqual([55, 120]);
  });

  test('a grant that is swept while its state could not be kept is given back, and not one that is void by then', () => {
    const { books, id } = tripped();
    books.release(id, { by: 'ann', expiry: MINUTE }, 0);
    const passed = books.ask(asked(55), 0);
    books.sweep(0);
    expect(books.grants()).toEqual([]);
    if (passed.kind === 'pass') passed.undo();
    expect(books.grants()).toMatchObject([{ hold: id, left: 55 }]);
    const again = books.ask(asked(55), 0);
    books.sweep(0);
    books.voided('web', 2);
    if (again.kind === 'pass') again.undo();
    expect([again.kind, books.grants()]).toEqual(['pass', []]);
  });

  test('cannot be rejected where no owner could end that', () => {
    const books = new Books(DEFAULT_LIMITS);
    const answer = books.ask(asked(55, { root: { id: 'podgc/podgc/singleton', present: false } }), 0);
    expect(books.reject(held(answer)?.id ?? '', 'eve', 'no')).toBeUndefined();
  });

  test.each([
    ['after it has run out', { expiry: MINUTE }, 2 * MINUTE, 1],
    ['for another wish of the owner', { expiry: MINUTE }, 0, 2],
  ])('released with %s: it trips again', (_, leave, wall, generation) => {
    const { books, id } = tripped();
    books.release(id, { by: 'ann', ...leave }, 0);
    books.voided('web', generation);
    expect(books.ask(asked(55, { root: root('web', generation) }), wall)).toMatchObject({
      kind: 'held',
      tripped: true,
    });
  });

  test('rejected, stays refused until the owner changes; it can still be released', () => {
    const { books, id } = tripped();
    expect(books.reject(id, 'eve', 'a mistake')).toMatchObject({ state: 'rejected', by: 'eve', said: 'a mistake' });
    expect(books.ask(asked(1), 0)).toMatchObject({ kind: 'held', tripped: false });
    expect(books.release(id, { by: 'ann', expiry: MINUTE }, 0)?.grant).toMatchObject({ left: 55 });
    expect(books.ask(asked(55), 0).kind).toBe('pass');
  });
});

describe('what is kept', () => {
  test('fits, whatever there is, and never at the price of a hold', () => {
    const books = new Books({ ...DEFAULT_LIMITS, weightPerWindow: 1e9, weightPerWindowInAll: 1e9 });
    const long = (at: number): Root => ({
      id: `${at}`.padEnd(36, 'u'),
      ref: { resource: 'apps/replicasets', namespace: 'n'.repeat(63), name: `${at}`.padEnd(253, 'n'), uid: 'u' },
      generation: 1,
      present: true,
    });
    for (let at = 0; at < 5000; at++) books.ask(asked(1, { root: long(at), namespace: `n${at}` }), 0);
    const sample = Array.from({ length: 20 }, () => 's'.repeat(600));
    for (let at = 5000; at < 5300; at++) books.ask(asked(55, { root: long(at), sample }), 0);
    const json = renderState(books.state());
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(512 * 1024);
    expect(parseState(json)?.holds).toHaveLength(300);
  });

  test.each([
    ['no JSON', '{'],
    ['another version', JSON.stringify({ ...new Books(DEFAULT_LIMITS).state(), v: 1 })],
    ['something added', JSON.stringify({ ...new Books(DEFAULT_LIMITS).state(), more: 1 })],
    [
      'a weight below nothing',
      JSON.stringify({ ...new Books(DEFAULT_LIMITS).state(), window: [{ minute: 1, bare: -1, all: 0, of: [] }] }),
    ],
    ['far too much', ' '.repeat(600 * 1024)],
    ['a list', '[]'],
  ])('is not believed when it is %s', (_, json) => expect(parseState(json)).toBeUndefined());
});
