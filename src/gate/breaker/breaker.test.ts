import { describe, expect, test } from 'vitest';
import { nothing } from '#core/plan.ts';
import {
  create,
  deleted,
  holdOf,
  kindsOf,
  leave,
  NAMESPACE,
  notes,
  removals,
  remove,
  seen,
  web,
} from '#kit/breaker.ts';
import { planOf, wired } from '#kit/gate.ts';
import { EMPTY } from './books.ts';
import { parseState } from './state.ts';

describe('before the first wrong deletion', () => {
  test('a scale-down of most of what there is is held whole: not one pod goes', async () => {
    const { bench, run, events } = seen();
    expect(kindsOf(await run(planOf(...removals(55))))).toEqual(['GATE_HELD']);
    expect(wired(bench.happened)).toEqual([]);
    expect(notes(bench, 'breaker-trip')).toMatchObject([
      { controller: 'replicaset', weight: 55, limit: 40, percent: 92, writes: 55, evidence: 'absent' },
    ]);
    expect(events).toMatchObject([{ reason: 'BreakerTripped', type: 'Warning', regarding: { name: 'web' } }]);
    expect(bench.happened.filter(({ at }) => at === 'denial')).toHaveLength(20);
  });

  test('what takes nothing away goes on', async () => {
    const { bench, run } = seen();
    expect(await run(planOf(...removals(55), [create]))).toEqual([...Array(55).fill('GATE_HELD'), 'applied']);
    expect(wired(bench.happened).map(({ verb }) => verb)).toEqual(['create']);
  });

  test('what is within its limits goes, and is charged over several plans', async () => {
    const { bench, run } = seen();
    expect(kindsOf(await run(planOf(...removals(20))))).toEqual(['applied']);
    expect(kindsOf(await run(planOf(...removals(20, 20))))).toEqual(['applied']);
    expect(kindsOf(await run(planOf(...removals(1, 40))))).toEqual(['GATE_HELD']);
    expect(deleted(bench)).toBe(40);
  });

  test('a plan that goes out in groups is charged whole before the first of them', async () => {
    const { bench, run } = seen();
    expect(kindsOf(await run({ ...planOf(...removals(55)), spread: 'slow-start' }))).toEqual(['GATE_HELD', 'skipped']);
    expect(deleted(bench)).toBe(0);
    expect(notes(bench, 'breaker-trip')).toMatchObject([{ weight: 55, writes: 55 }]);
    const within = seen();
    within.bench.world.answer = () => ({ kind: 'answered', status: 403, body: { kind: 'Status' } });
    const said = await within.run({ ...planOf(...removals(30)), spread: 'slow-start' });
    expect(said.filter((kind) => kind === 'skipped')).toHaveLength(29);
    expect(within.bench.breaker.store.books?.state().accounts).toMatchObject([{ tallies: [{ covered: 30, used: 0 }] }]);
  });

  test('what the API server did not do is not charged: it may be tried again', async () => {
    const { bench, run } = seen();
    const { answer } = bench.world;
    bench.world.answer = () => ({ kind: 'answered', status: 409, body: { kind: 'Status', reason: 'Conflict' } });
    for (let attempt = 0; attempt < 5; attempt++)
      expect(kindsOf(await run(planOf(...removals(30))))).toEqual(['API_CONFLICT']);
    bench.world.answer = answer;
    expect(kindsOf(await run(planOf(...removals(30))))).toEqual(['applied']);
  });

  test("a plan's own word counts before what the cache says: root, evidence and total", async () => {
    const { run } = seen();
    const blast = { root: { resource: 'apps/deployments', namespace: 'a', name: 'gone', uid: 'u-gone' } } as const;
    const plan = {
      ...planOf(...removals(55)),
      blast: { ...blast, evidence: 'owner-deleted-seen' as const, total: 60 },
    };
    expect(kindsOf(await run(plan))).toEqual(['applied']);
    const more = {
      ...planOf(...removals(1)),
      blast: { ...blast, evidence: 'owner-deleted-seen' as const, total: 5001 },
    };
    expect(kindsOf(await run(more))).toEqual(['GATE_HELD']);
  });

  test('I11: a held plan is not asked again by itself, and policy refuses first', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    await run(planOf(...removals(55)));
    expect(notes(bench, 'breaker-trip')).toHaveLength(1);
    const judged = seen({ decide: () => ({ kind: 'error', bundle: undefined, code: 'POLICY_MISSING', micros: 0 }) });
    expect(kindsOf(await judged.run(planOf(...removals(55))))).not.toContain('GATE_HELD');
    expect(judged.bench.breaker.store.books?.holds() ?? []).toEqual([]);
  });
});

describe('a hold ends', () => {
  test('when its owner wishes something else, seen also in a plan that writes nothing; what waited is woken', async () => {
    const { bench, run, woken, events } = seen();
    await run(planOf(...removals(55)));
    await run(nothing('in-order'));
    expect(bench.breaker.store.books?.holds()).toHaveLength(1);
    await run(nothing('in-order'), 3);
    expect(bench.breaker.store.books?.holds()).toEqual([]);
    expect(notes(bench, 'breaker-void')).toMatchObject([{ why: 'the owner changed', root: { name: 'web' } }]);
    expect(woken).toEqual(['replicaset|replicaset|a/web']);
    expect(events.at(-1)).toMatchObject({ reason: 'BreakerVoided' });
  });

  test.each([
    ['gone', [NAMESPACE], 'the owner is gone'],
    ['replaced', [NAMESPACE, { ...web(2), metadata: { ...web(2).metadata, uid: 'another' } }], 'the owner is gone'],
    ['changed, and nobody looked', [NAMESPACE, web(3)], 'the owner changed'],
  ])('when its owner is %s', async (_, objects, why) => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    bench.world.objects = objects;
    bench.clock.advance(10_000);
    await bench.breaker.desk.sweep();
    expect(bench.breaker.store.books?.holds()).toEqual([]);
    expect(notes(bench, 'breaker-void')).toMatchObject([{ why }]);
  });

  test('never by time', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    for (let day = 0; day < 3; day++) {
      bench.clock.advance(86_400_000);
      await bench.breaker.desk.sweep();
    }
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
  });

  test('by a person: on record with the reason before anything goes, for that much, once', async () => {
    const { bench, run, woken } = seen();
    await run(planOf(...removals(55)));
    const done = await bench.breaker.desk.release(holdOf(bench), 'a planned move', leave);
    expect(done).toMatchObject({ ok: true, kept: true, grant: { left: 55 } });
    expect(notes(bench, 'breaker-release')).toMatchObject([{ by: 'ann', said: 'a planned move', weight: 55 }]);
    expect(woken).toEqual(['replicaset|replicaset|a/web']);
    expect(kindsOf(await run(planOf(...removals(55))))).toEqual(['applied']);
    expect(deleted(bench)).toBe(55);
  });

  test('not by a person whom the ledger cannot name', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    bench.world.ledger = 'fails';
    expect(await bench.breaker.desk.release(holdOf(bench), 'why', leave)).toEqual({ ok: false, why: 'unrecorded' });
    expect(await bench.breaker.desk.reject(holdOf(bench), 'ann', 'why')).toEqual({ ok: false, why: 'unrecorded' });
    bench.world.ledger = 'works';
    expect(kindsOf(await run(planOf(...removals(55))))).toEqual(['GATE_HELD']);
  });

  test('not by a rejection: it stays refused, and only the owner changes that', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    expect(await bench.breaker.desk.reject(holdOf(bench), 'eve', 'a mistake')).toMatchObject({ ok: true });
    expect(notes(bench, 'breaker-reject')).toMatchObject([{ by: 'eve', said: 'a mistake' }]);
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
    expect(kindsOf(await run(planOf(...removals(1)), 3))).toEqual(['applied']);
  });
});

describe('what is kept', () => {
  test('I18: a hold, a rejection and a grant are there after a restart', async () => {
    const first = seen();
    await first.run(planOf(...removals(55)));
    const second = seen({ kept: first.bench.world.kept });
    expect(kindsOf(await second.run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
    await second.bench.breaker.desk.release(holdOf(second.bench), 'why', leave);
    const third = seen({ kept: second.bench.world.kept });
    expect(kindsOf(await third.run(planOf(...removals(55))))).toEqual(['applied']);
    const fourth = seen({ kept: third.bench.world.kept });
    expect(kindsOf(await fourth.run(planOf(...removals(55))))).toEqual(['GATE_HELD']);
  });

  test('a trip is kept before the refusal is told; plain counts within seconds', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(10)));
    expect(parseState(bench.world.kept ?? '')?.accounts).toEqual([]);
    bench.clock.advance(5_000);
    await bench.breaker.store.save();
    expect(parseState(bench.world.kept ?? '')?.accounts).toMatchObject([{ id: 'u-web', tallies: [{ used: 10 }] }]);
    await run(planOf(...removals(50)));
    expect(parseState(bench.world.kept ?? '')?.holds).toHaveLength(1);
  });

  test.each([
    ['cannot be read', { keeps: 'unreadable' as const }],
    ['is malformed', { kept: '{"v":2}' }],
    ['is of another version', { kept: JSON.stringify({ ...EMPTY, v: 1 }) }],
    ['cannot be made', { keeps: 'read-only' as const }],
  ])('where it %s there is no allowance, and that is said; what takes nothing away goes on', async (_, change) => {
    const { bench, run } = seen(change);
    expect(await run(planOf([remove(0)], [create]))).toEqual(['GATE_BREAKER_STATE', 'applied']);
    expect(deleted(bench)).toBe(0);
    const { lines } = bench.parts as unknown as { lines: { level: string; fields: { remedy?: string } }[] };
    expect(lines.find(({ level }) => level === 'error')?.fields.remedy).toContain('comptroller-breaker');
    Object.assign(bench.world, { keeps: 'works', kept: undefined });
    bench.clock.advance(3_000);
    expect(await run(planOf([remove(0)]))).toEqual(['applied']);
  });

  test('evidence and grants that cannot be kept let nothing go', async () => {
    const { bench, run } = seen();
    await run(planOf(...removals(55)));
    await bench.breaker.desk.release(holdOf(bench), 'why', leave);
    bench.world.keeps = 'read-only';
    expect(kindsOf(await run(planOf(...removals(55))))).toEqual(['GATE_BREAKER_STATE']);
    bench.world.keeps = 'works';
    expect(kindsOf(await run(planOf(...removals(55))))).toEqual(['applied']);
  });

  test('I16: where history went back, nothing is taken away before a person has looked', async () => {
    const { bench, run } = seen();
    await bench.breaker.desk.holdAll('history-went-back');
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['GATE_HELD']);
    expect(await bench.breaker.desk.reject(holdOf(bench), 'eve', 'no')).toEqual({ ok: false, why: 'unrejectable' });
    await bench.breaker.desk.release(holdOf(bench), 'the restore was ours', leave);
    expect(kindsOf(await run(planOf(...removals(1))))).toEqual(['applied']);
  });
});
