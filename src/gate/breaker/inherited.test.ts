import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '#kit/gate.ts';
import { type Ask, Books } from './books.ts';
import type { Root } from './port.ts';

const root = (id: string): Root => ({ id, present: false });
const MINUTE = 60_000;
const asked = (loss: number, more: Partial<Ask> = {}): Ask => ({
  controller: 'garbage-collector',
  root: root('web'),
  loss,
  evidence: 'absent',
  writes: loss,
  sample: [],
  ...more,
});

describe('a cause whose leader was killed in the middle of it', () => {
  const seen = (): Books => {
    const books = new Books(DEFAULT_LIMITS);
    books.ask(asked(20, { evidence: 'owner-deleted-seen', total: 300 }), 0);
    return books;
  };
  const next = (): Books => new Books(DEFAULT_LIMITS, seen().state());

  test('goes on without evidence, to what the first was let take and no further', () => {
    const books = next();
    for (let plan = 0; plan < 280; plan++) expect(books.ask(asked(1, { total: 280 }), 0).kind).toBe('pass');
    for (let plan = 0; plan < 40; plan++) expect(books.ask(asked(1), 0).kind).toBe('pass');
    expect(books.ask(asked(1), 0)).toMatchObject({ hold: { scope: 'cause', reason: 'too-much-of-its-cause' } });
  });

  test('does not for more than that, for another cause, or for as long as the first leads', () => {
    expect(next().ask(asked(1, { total: 301 }), 0).kind).toBe('held');
    expect(next().ask(asked(41, { root: root('other') }), 0).kind).toBe('held');
    expect(next().ask(asked(41), 11 * MINUTE).kind).toBe('held');
    expect(seen().ask(asked(41), 0).kind).toBe('held');
  });

  test('gives back what was not taken where it was charged', () => {
    const books = next();
    const answer = books.ask(asked(280), 0);
    expect(answer).toMatchObject({ kind: 'pass', side: 'evident' });
    books.refund('web', 'evident', 280);
    expect(books.ask(asked(280), 0).kind).toBe('pass');
  });
});
