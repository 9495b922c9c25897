import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFairQueue } from './fair-queue.ts';

const job = (tenant: string, at: number, length = 1) => ({ tenant, at, text: { length } });
const tenants = fc.constantFrom('a', 'b', '__proto__', 'constructor', '');

test('nothing is lost or doubled, and a tenant keeps its order', () => {
  const steps = fc.array(
    fc.oneof(
      tenants.map((tenant) => ({ tenant })),
      fc.nat(5).map((take) => ({ take })),
    ),
  );
  fc.assert(
    fc.property(steps, (all) => {
      const queue = createFairQueue<ReturnType<typeof job>>();
      const added: ReturnType<typeof job>[] = [];
      const taken: ReturnType<typeof job>[] = [];
      for (const [at, step] of all.entries()) {
        if ('take' in step) taken.push(...queue.take(step.take, 1_000));
        else {
          added.push(job(step.tenant, at));
          queue.add(job(step.tenant, at));
        }
        expect(queue.size()).toBe(added.length - taken.length);
      }
      taken.push(...queue.takeAll());
      for (const tenant of new Set(added.map((one) => one.tenant))) {
        const of = (jobs: typeof added) => jobs.filter((one) => one.tenant === tenant).map(({ at }) => at);
        expect(of(taken)).toEqual(of(added));
      }
    }),
  );
});

test('I15: a tenant that waits is passed by each other tenant once at most', () => {
  fc.assert(
    fc.property(fc.array(tenants, { minLength: 1, maxLength: 60 }), (order) => {
      const queue = createFairQueue<ReturnType<typeof job>>();
      for (const [at, tenant] of order.entries()) queue.add(job(tenant, at));
      const taken = queue.takeAll().map(({ tenant }) => tenant);
      for (const tenant of new Set(order)) {
        const turns = taken.flatMap((one, at) => (one === tenant ? [at] : []));
        const gaps = turns.slice(1).map((at, nth) => at - (turns[nth] ?? 0));
        expect(Math.max(1, ...gaps)).toBeLessThanOrEqual(new Set(order).size);
      }
    }),
  );
});

test('a batch ends where its bytes are used up, but takes one at least', () => {
  const queue = createFairQueue<ReturnType<typeof job>>();
  for (let at = 0; at < 4; at++) queue.add(job('a', at, 10));
  expect(queue.take(10, 15).map(({ at }) => at)).toEqual([0, 1]);
  expect(queue.take(10, 1).map(({ at }) => at)).toEqual([2]);
});
