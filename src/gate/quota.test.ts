import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createQuotaGuard, DEFAULT_BUDGETS, FREE_BYTES } from './quota.ts';

const tight = {
  controller: { rate: 10, burst: 4 },
  verb: { rate: 10, burst: 3 },
  namespace: { rate: 10, burst: 2 },
  owner: { rate: 1, burst: 1 },
  bytes: { rate: 1000, burst: 4000 },
};
const at = (mono: number) => ({ wall: 0, mono });
const spending = (more = {}) => ({
  controller: 'replicaset',
  verb: 'create',
  namespace: 'a',
  owner: 'u1',
  bytes: 0,
  ...more,
});

describe('write budgets', () => {
  test('the narrowest empty scope refuses and says how long', () => {
    const guard = createQuotaGuard(tight);
    expect(guard.spend(spending(), at(0))).toEqual({ ok: true });
    expect(guard.spend(spending(), at(0))).toEqual({ ok: false, scope: 'owner', retryAfter: 1000 });
    expect(guard.spend(spending(), at(1000))).toEqual({ ok: true });
  });

  test('a refused write spends nothing in any scope', () => {
    const guard = createQuotaGuard(tight);
    guard.spend(spending(), at(0));
    for (let n = 0; n < 10; n++) guard.spend(spending(), at(0));
    expect(guard.spend(spending({ owner: 'u2' }), at(0))).toEqual({ ok: true });
  });

  test('hostile owners and namespaces have budgets of their own', () => {
    const guard = createQuotaGuard(tight);
    for (const owner of ['__proto__', 'constructor', 'valueOf']) {
      expect(guard.spend(spending({ owner, namespace: owner }), at(0)).ok).toBe(true);
    }
  });

  test('over any time never more than burst + rate x time is spent', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (gaps) => {
        const guard = createQuotaGuard(tight);
        let mono = 0;
        let spent = 0;
        for (const gap of gaps) {
          mono += gap;
          if (guard.spend(spending(), at(mono)).ok) spent += 1;
        }
        expect(spent).toBeLessThanOrEqual(tight.owner.burst + (mono / 1000) * tight.owner.rate + 1e-9);
      }),
    );
  });

  test('I15: heavy writes of a namespace spend its bytes together, whoever writes; light ones cost nothing', () => {
    const wide = { rate: 1000, burst: 1000 };
    const guard = createQuotaGuard({ ...tight, controller: wide, verb: wide, namespace: wide, owner: wide });
    const write = (over: number, more = {}) => guard.spend(spending({ bytes: FREE_BYTES + over, ...more }), at(0));
    expect(write(3000)).toEqual({ ok: true });
    expect(write(2500, { controller: 'deployment' })).toEqual({ ok: false, scope: 'bytes', retryAfter: 1500 });
    expect(write(0)).toEqual({ ok: true });
    expect(write(2500, { namespace: 'b' })).toEqual({ ok: true });
  });

  test('what is larger than the whole budget of bytes takes all of it, once it is full', () => {
    const guard = createQuotaGuard(tight);
    const giant = spending({ bytes: FREE_BYTES + 1_000_000 });
    expect(guard.spend(giant, at(0))).toEqual({ ok: true });
    expect(guard.spend(giant, at(3000))).toMatchObject({ ok: false, scope: 'bytes', retryAfter: 1000 });
    expect(guard.spend(giant, at(4000))).toEqual({ ok: true });
  });

  test('the defaults let a ReplicaSet of 500 start at once', () => {
    const guard = createQuotaGuard(DEFAULT_BUDGETS);
    expect(Array.from({ length: 500 }, () => guard.spend(spending(), at(0)).ok).every(Boolean)).toBe(true);
  });

  test('I15: many owners that are gone cost nothing, and one that spends is never forgotten', () => {
    const guard = createQuotaGuard({
      ...tight,
      controller: { rate: 1e9, burst: 1e9 },
      verb: { rate: 1e9, burst: 1e9 },
      namespace: { rate: 1e9, burst: 1e9 },
    });
    for (let n = 0; n < 45_000; n++) guard.spend(spending({ owner: `gone-${n}` }), at(n));
    const last = spending({ owner: 'now' });
    expect(guard.spend(last, at(45_000)).ok).toBe(true);
    for (let n = 0; n < 45_000; n++) guard.spend(spending({ owner: `more-${n}` }), at(45_000));
    expect(guard.spend(last, at(45_000)).ok).toBe(false);
  });
});
