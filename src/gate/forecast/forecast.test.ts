import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResourceQuota } from '#core/k8s/types.gen.ts';
import type { Outcome, Write } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createForecast } from './forecast.ts';
import type { Admission } from './port.ts';

const write: Write = { verb: 'create', resource: 'core/pods', object: {}, reason: 'why' };
const APPLIED: Outcome = { kind: 'applied', write };
const FULL: Outcome = { kind: 'failed', code: 'API_QUOTA_EXCEEDED', status: 403, write };
const BROKEN: Outcome = { kind: 'failed', code: 'API_UNAVAILABLE', write };
const UNKNOWN: Outcome = { kind: 'unknown', code: 'API_UNKNOWN', write };

const quota = (hard: number, used: number | undefined, name = 'q', namespace = 'a'): ResourceQuota => ({
  metadata: { namespace, name, uid: name },
  status: { hard: { pods: hard }, ...(used !== undefined && { used: { pods: used } }) },
});

function benchOf() {
  const clock = fakeClock();
  const telemetry = recordingTelemetry();
  const forecast = createForecast({ clock, meter: telemetry.meter });
  let tell: (old: ApiObject | undefined, now: ApiObject | undefined) => void = () => {};
  forecast.follow({
    subscribe: (_resource, listener) => {
      tell = listener;
      return () => {};
    },
  });
  const woken: string[] = [];
  forecast.onRoom((address) => woken.push(address));
  let shown: ResourceQuota | undefined;
  return {
    clock,
    woken,
    counts: telemetry.counts,
    /** The cache shows the quota so from now on. */
    show(now: ResourceQuota | undefined) {
      tell(shown, now);
      shown = now;
    },
    ask: (owner = 'o', namespace = 'a', object: ApiObject = {}): Admission =>
      forecast.ask({ resource: 'core/pods', namespace, object, owner, address: `address of ${owner}` }),
  };
}

/** What became of so many asks: letters a(dmitted), p(robe), d(elayed), f(ree). */
const kinds = (admissions: readonly Admission[]): string => admissions.map(({ kind }) => kind.charAt(0)).join('');
const many = (count: number, ask: () => Admission): Admission[] => Array.from({ length: count }, () => ask());
function settle(admission: Admission, outcome: Outcome | undefined): void {
  if (admission.kind === 'free' || admission.kind === 'delayed') throw new Error(`settling ${admission.kind}`);
  admission.settle(outcome);
}

describe('while there is room', () => {
  test('a namespace without quotas is free, whatever its name', () => {
    const { ask } = benchOf();
    expect(kinds([ask(), ask('o', '__proto__'), ask('o', 'constructor')])).toBe('fff');
  });

  test('of 50 at once as many go out as there is room for, and a probe', () => {
    const { ask, show, counts } = benchOf();
    show(quota(10, 0));
    expect(kinds(many(50, ask))).toBe(`${'a'.repeat(10)}p${'d'.repeat(39)}`);
    expect(counts.get('quota_forecast_total{verdict=delayed}')).toBe(39);
    expect(counts.get('quota_reserved{}')).toBe(11);
    expect(counts.get('quota_waiting{}')).toBe(1);
  });

  test('each of several quotas must have it', () => {
    const { ask, show } = benchOf();
    show(quota(10, 0));
    show(quota(2, 0, 'smaller'));
    expect(kinds(many(4, ask))).toBe('aapd');
  });

  test('what pods of one spec ask for follows the quotas, and the namespace', () => {
    const { ask, show } = benchOf();
    const spec = { containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }] };
    const one = (namespace = 'a') => ask('o', namespace, { spec } as ApiObject);
    const cpu = (hard: string): ResourceQuota => ({
      metadata: { namespace: 'a', name: 'q' },
      status: { hard: { 'requests.cpu': hard }, used: { 'requests.cpu': '0' } },
    });
    show(quota(9, 0));
    expect(kinds([one(), one()])).toBe('aa');
    show(cpu('3'));
    expect(kinds([one(), one(), one(), one(), one(), one('b')])).toBe('aaapdf');
    show(quota(9, 0));
    expect(kinds([one()])).toBe('a');
  });

  test('a failed write gives back what was reserved, and wakes who waits', () => {
    const { ask, show, woken } = benchOf();
    show(quota(1, 0));
    const first = ask();
    settle(ask('other'), FULL);
    expect(kinds([ask('other')])).toBe('d');
    settle(first, BROKEN);
    expect(woken).toEqual(['address of other']);
  });

  test('one that was done is reserved until the count shows it, not twice', () => {
    const { ask, show } = benchOf();
    show(quota(3, 0));
    const [first, second] = many(2, ask) as [Admission, Admission];
    settle(first, APPLIED);
    show(quota(3, 2));
    settle(second, APPLIED);
    expect(kinds([ask('other'), ask('other')])).toBe('ap');
  });

  test('what the count never shows is reserved for a while only, longer where the answer was lost', () => {
    const { ask, show, clock } = benchOf();
    show(quota(2, 0));
    const [done, lost] = many(2, ask) as [Admission, Admission];
    settle(done, APPLIED);
    settle(lost, UNKNOWN);
    const room = (): string => {
      const found = many(2, () => ask(`at ${clock.now().mono}`));
      for (const one of found) if (one.kind !== 'delayed') settle(one, BROKEN);
      return kinds(found);
    };
    clock.advance(4999);
    expect(room()).toBe('pd');
    clock.advance(1);
    expect(room()).toBe('ap');
    clock.advance(10_000);
    expect(room()).toBe('aa');
  });
});

describe('while there is none', () => {
  test('probes go out after 1, 2, 4, ... seconds, at most every five minutes', () => {
    const { ask, show, clock } = benchOf();
    show(quota(1, 1));
    const waits: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      settle(ask(), FULL);
      const next = ask();
      if (next.kind !== 'delayed') throw new Error(`asking: ${next.kind}`);
      waits.push(next.retryAfter / 1000);
      clock.advance(next.retryAfter - 1);
      expect(ask().kind).toBe('delayed');
      clock.advance(1);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  test('a refusal stands, whatever is said later of writes that left before it', () => {
    const { ask, show, clock } = benchOf();
    show(quota(2, 0));
    const [first, second, probe] = many(3, ask) as [Admission, Admission, Admission];
    settle(first, APPLIED);
    settle(probe, FULL);
    settle(second, APPLIED);
    expect(ask()).toEqual({ kind: 'delayed', retryAfter: 1000 });
    clock.advance(1000);
    settle(ask(), FULL);
    expect(ask()).toEqual({ kind: 'delayed', retryAfter: 2000 });
    show(quota(3, 2));
    settle(ask(), APPLIED);
    expect(kinds([ask()])).toBe('p');
  });

  test('one probe of an owner at a time, and each owner its own', () => {
    const { ask, show, clock } = benchOf();
    show(quota(1, 1));
    const probe = ask();
    clock.advance(10_000);
    expect(kinds([probe, ask(), ask('other')])).toBe('pdp');
  });

  test('a probe that says nothing of quotas is tried again without doubling', () => {
    const { ask, show, clock } = benchOf();
    show(quota(1, 1));
    for (const outcome of [BROKEN, undefined, BROKEN]) {
      settle(ask(), outcome);
      expect(ask()).toEqual({ kind: 'delayed', retryAfter: 1000 });
      clock.advance(1000);
    }
  });

  test.each<[string, (show: ReturnType<typeof benchOf>['show']) => void]>([
    ['the limit is raised', (show) => show(quota(2, 1))],
    ['less is used', (show) => show(quota(1, 0))],
    ['the quota goes', (show) => show(undefined)],
  ])('%s: who waits is woken', (_, change) => {
    const { ask, show, woken } = benchOf();
    show(quota(1, 1));
    settle(ask(), FULL);
    ask();
    show(quota(1, 1));
    expect(woken).toEqual([]);
    change(show);
    expect(woken).toEqual(['address of o']);
    expect(ask().kind).not.toBe('delayed');
  });

  test('who waits for a count is woken by the count', () => {
    const { ask, show, woken } = benchOf();
    show(quota(5, undefined));
    settle(ask(), FULL);
    expect(kinds([ask()])).toBe('d');
    show(quota(5, 0));
    expect(woken).toEqual(['address of o']);
    expect(kinds([ask()])).toBe('a');
  });

  test('a hundred that wait are woken a few at a time, as long as there is room', () => {
    const { ask, show, clock, woken } = benchOf();
    show(quota(1, 1));
    for (let n = 0; n < 100; n += 1) {
      settle(ask(`o${n}`), FULL);
      ask(`o${n}`);
    }
    show(quota(26, 1));
    expect(woken).toHaveLength(10);
    const run = (): void => {
      for (const address of woken.splice(0)) {
        const admission = ask(address.replace('address of ', ''));
        if (admission.kind === 'admitted') settle(admission, APPLIED);
      }
    };
    let total = 0;
    for (let n = 0; n < 20; n += 1) {
      total += woken.length;
      run();
      clock.advance(100);
    }
    expect(total).toBe(30);
  });
});

describe('where the API server knows better', () => {
  test('a probe that is admitted ends the delaying for its owner, until one is refused', () => {
    const { ask, show, woken, counts } = benchOf();
    show(quota(1, 1));
    const probe = ask();
    ask();
    settle(probe, APPLIED);
    expect(woken).toEqual(['address of o']);
    expect(counts.get('quota_forecast_mistaken_total{api=admitted}')).toBe(1);
    const next = many(3, ask);
    expect(kinds(next)).toBe('aaa');
    settle(next[0] as Admission, FULL);
    expect(kinds([ask()])).toBe('d');
  });

  test('a refusal that nobody foresaw delays the owner until something gives way', () => {
    const { ask, show, clock, counts } = benchOf();
    show(quota(10, 0));
    for (const admission of many(5, ask)) settle(admission, FULL);
    expect(ask()).toEqual({ kind: 'delayed', retryAfter: 1000 });
    expect(counts.get('quota_forecast_mistaken_total{api=refused}')).toBe(5);
    show(quota(10, 3));
    expect(kinds([ask()])).toBe('d');
    clock.advance(1000);
    settle(ask(), FULL);
    expect(ask()).toEqual({ kind: 'delayed', retryAfter: 2000 });
    show(quota(10, 2));
    expect(kinds([ask()])).toBe('a');
  });

  test('a refusal of a write that left before room came does not count', () => {
    const { ask, show } = benchOf();
    show(quota(1, 0));
    const early = ask();
    show(quota(5, 0));
    settle(early, FULL);
    expect(kinds([ask()])).toBe('a');
  });
});

/**
 * A world with one quota: writers that want pods, an API server that counts them, a cache that shows its counts late.
 * Each writer runs when it is woken or when the time that it was told has come.
 */
function worldOf(limit: number, delay: number) {
  const bench = benchOf();
  const { clock, show, ask } = bench;
  const server = { hard: limit, used: 0, refusals: 0 };
  const told = () => {
    const { hard, used } = server;
    clock.after(delay, () => show(quota(hard, used)));
  };
  const missing = new Map<string, number>();
  const run = (owner: string): void => {
    const admission = (missing.get(owner) ?? 0) > 0 ? ask(owner) : undefined;
    if (admission === undefined) return;
    if (admission.kind === 'delayed') return void clock.after(admission.retryAfter, () => run(owner));
    clock.after(3, () => {
      const fits = server.used < server.hard;
      if (fits) {
        server.used += 1;
        missing.set(owner, (missing.get(owner) ?? 0) - 1);
        told();
      } else server.refusals += 1;
      clock.after(3, () => {
        if (admission.kind !== 'free') admission.settle(fits ? APPLIED : FULL);
        run(owner);
      });
    });
  };
  show(quota(limit, 0));
  return { ...bench, server, told, missing, run };
}

test('property: all that there is room for comes to be, and the API server refuses few', () => {
  const draw = fc.record({
    limit: fc.nat(8),
    wishes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
    delay: fc.integer({ min: 0, max: 50 }),
    steps: fc.array(fc.record({ raise: fc.integer({ min: -2, max: 4 }), freed: fc.nat(2) }), { maxLength: 5 }),
  });
  fc.assert(
    fc.property(draw, ({ limit, wishes, delay, steps }) => {
      const world = worldOf(limit, delay);
      const { clock, server, missing } = world;
      const wake = (): void => {
        for (const address of world.woken.splice(0)) world.run(address.replace('address of ', ''));
      };
      const pass = (time: number): void => {
        for (let at = 0; at < time; at += 10) {
          clock.advance(10);
          wake();
        }
      };
      wishes.forEach((count, n) => {
        missing.set(`o${n}`, count);
        world.run(`o${n}`);
      });
      pass(2000);
      for (const { raise, freed } of steps) {
        server.hard = Math.max(0, server.hard + raise);
        server.used = Math.max(0, server.used - freed);
        world.told();
        const room = server.hard - server.used;
        const left = [...missing.values()].reduce((sum, n) => sum + n, 0);
        pass(2000);
        expect(server.used).toBeGreaterThanOrEqual(server.hard - Math.max(0, room - left));
      }
      // Probes after 0, 1, 3 and 7 seconds, and one for each time that room ended anew, of each writer.
      expect(server.refusals).toBeLessThanOrEqual(wishes.length * (5 + 3 * steps.length));
      pass(20_000);
      expect(world.counts.get('quota_reserved{}') ?? 0).toBe(0);
    }),
    { numRuns: 60 },
  );
});

describe('where admission asks for more than the forecast knows', () => {
  test('I15: who is refused what fits waits for another state of the quota, and is not woken by room again and again', () => {
    const { clock, show, ask, woken } = benchOf();
    show(quota(20, 0));
    const owners = Array.from({ length: 12 }, (_, nth) => `o${nth}`);
    for (const owner of owners) settle(ask(owner), FULL);
    const waits = (owner: string): void => {
      const again = ask(owner);
      if (again.kind !== 'delayed') settle(again, FULL);
    };
    owners.forEach(waits);
    settle(ask('other'), BROKEN);
    let seen = 0;
    for (let turn = 0; turn < 100; turn++) {
      clock.advance(100);
      const now = woken.slice(seen);
      seen = woken.length;
      for (const address of now) waits(address.replace('address of ', ''));
    }
    expect(woken.length).toBeLessThanOrEqual(owners.length);
    show(quota(21, 0));
    expect(woken.length).toBeGreaterThan(seen);
  });
});
