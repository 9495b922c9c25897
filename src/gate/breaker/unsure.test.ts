import { describe, expect, test } from 'vitest';
import type { DeleteCollection, Outcome, Write } from '#core/plan.ts';
import { DEFAULT_LIMITS } from '#kit/gate.ts';
import type { Pending } from '../work.ts';
import { type Answer, Books } from './books.ts';
import type { Charge } from './loss.ts';
import type { Root } from './port.ts';
import { createUnsure } from './unsure.ts';

const ROOT: Root = {
  id: 'u-shop',
  ref: { resource: 'core/namespaces', name: 'shop', uid: 'u-shop' },
  present: true,
};

const collection = (expected: number, resource = 'core/pods'): Charge => {
  const write = {
    verb: 'deletecollection',
    reason: 'namespace-content',
    resource,
    namespace: 'shop',
    propagation: 'Background',
    expected,
  } as DeleteCollection;
  return charge(write, expected);
};
const charge = (write: Write, weight: number): Charge => ({
  pending: { write } as Pending,
  loss: { weight, follows: 0, destructive: true },
  rolls: false,
});

/** Tries that delete what is there, as the breaker makes them; `answered` says what became of each. */
function world() {
  const books = new Books(DEFAULT_LIMITS);
  const unsure = createUnsure();
  const attempt = (one: Charge, answered: Outcome['kind'], wall = 0): Answer => {
    unsure.stillThere(books, ROOT, [one], wall);
    const answer = books.ask(
      {
        controller: 'namespace',
        root: ROOT,
        namespace: 'shop',
        loss: one.loss.weight,
        evidence: 'namespace-terminating',
        writes: 1,
        sample: [],
      },
      wall,
    );
    if (answer.kind === 'pass')
      unsure.learn(
        ROOT,
        { side: answer.side, wall },
        [one],
        [[{ write: one.pending.write, kind: answered } as Outcome]],
      );
    return answer;
  };
  const charged = (): number => books.state().accounts[0]?.tallies[0]?.charged ?? 0;
  const used = (): number => books.state().accounts[0]?.tallies.reduce((sum, tally) => sum + tally.used, 0) ?? 0;
  return { books, unsure, attempt, charged, used };
}

describe('a collection that was deleted with an answer that told nothing', () => {
  test('is charged once, however many tries the API server needs for it', () => {
    const { attempt, charged } = world();
    for (let left = 3000; left > 0; left -= 180) expect(attempt(collection(left), 'unknown').kind).toBe('pass');
    expect(charged()).toBe(3000);
  });

  test('is charged for what came since', () => {
    const { attempt, charged } = world();
    attempt(collection(100), 'unknown');
    attempt(collection(250), 'unknown');
    expect(charged()).toBe(250);
  });

  test('pays for no other collection, and not for what a try took that was answered', () => {
    const { attempt, charged } = world();
    attempt(collection(100), 'unknown');
    attempt(collection(100, 'core/services'), 'applied');
    expect(charged()).toBe(200);
    attempt(collection(40), 'applied');
    attempt(collection(40), 'applied');
    // 60 went with the first try, 40 with the second; what is there now is charged anew.
    expect(charged()).toBe(240);
  });

  test('a single object is charged by each try, as it was', () => {
    const { attempt, charged } = world();
    const one = {
      verb: 'delete',
      reason: 'r',
      resource: 'core/pods',
      namespace: 'shop',
      name: 'a',
    } as unknown as Write;
    attempt(charge(one, 1), 'unknown');
    attempt(charge(one, 1), 'unknown');
    expect(charged()).toBe(2);
  });

  test('is given back to what was charged for it, and to nothing that was charged long after', () => {
    const { attempt, used } = world();
    attempt(collection(100), 'unknown');
    attempt(collection(60, 'core/services'), 'applied', 20 * 60_000);
    attempt(collection(100), 'applied', 20 * 60_000);
    expect(used()).toBe(160);
  });

  test('the latest are remembered, however many came to nothing more', () => {
    const { unsure, attempt, charged } = world();
    const { write } = collection(1).pending as { write: Write };
    for (let n = 0; n < 2000; n++)
      unsure.learn(
        { ...ROOT, id: `u-${n}` },
        { side: 'bare', wall: 0 },
        [collection(1)],
        [[{ write, kind: 'unknown' } as Outcome]],
      );
    attempt(collection(100), 'unknown');
    attempt(collection(100), 'unknown');
    expect(charged()).toBe(100);
  });
});
