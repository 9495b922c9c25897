import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Life, nextTry, spreadOf, urgencyOf } from './slots.ts';

const hours = (count: number) => count * 3_600_000;

const life = (over: Partial<Life> = {}): Life => ({
  identity: 'replicaset',
  issued: 0,
  notAfter: hours(8),
  tried: undefined,
  failures: 0,
  ...over,
});

describe('nextTry', () => {
  it('lies around half of the life, for any life and any identity', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 20_000, max: hours(24) }), (identity, length) => {
        const at = nextTry(life({ identity, notAfter: length }));
        expect(at).toBeGreaterThanOrEqual(length * 0.4);
        expect(at).toBeLessThanOrEqual(length * 0.6);
      }),
    );
  });

  it('retries soon after the first failure and then ever more slowly', () => {
    const delays = [1, 2, 3, 4, 20].map((failures) => nextTry(life({ tried: hours(4), failures })) - hours(4));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 5 * 60_000]);
  });

  it('leaves a short life at least four tries before its end', () => {
    let at = nextTry(life({ notAfter: 20_000 }));
    let tries = 0;
    while (at < 20_000) {
      tries += 1;
      at = nextTry(life({ notAfter: 20_000, tried: at, failures: tries }));
    }
    expect(tries).toBeGreaterThanOrEqual(4);
  });

  it('spreads identities, and each always to the same place', () => {
    const spreads = ['reader', 'leader', 'authn', 'replicaset', 'serviceaccount'].map(spreadOf);
    expect(new Set(spreads).size).toBe(spreads.length);
    expect(spreadOf('reader')).toBe(spreadOf('reader'));
    for (const spread of spreads) expect(Math.abs(spread)).toBeLessThanOrEqual(1);
  });
});

describe('urgencyOf', () => {
  it.each([
    [0.5, 'calm'],
    [0.7, 'late'],
    [0.85, 'alarm'],
    [1, 'ended'],
  ])('at %f of the life is %s', (share, urgency) => expect(urgencyOf(life(), hours(8) * share)).toBe(urgency));
});
