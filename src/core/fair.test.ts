import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFair } from './fair.ts';

const all = <T>(fair: { next(): T | undefined }): T[] => {
  const out: T[] = [];
  for (let item = fair.next(); item !== undefined; item = fair.next()) out.push(item);
  return out;
};

describe('turns of tenants', () => {
  test('who comes last with one item waits for one item of each other tenant', () => {
    const fair = createFair<string>();
    for (let n = 0; n < 100; n++) for (const tenant of ['a', '__proto__']) fair.add(tenant, `${tenant}${n}`);
    fair.add('constructor', 'x');
    expect(all(fair).slice(0, 4)).toEqual(['a0', '__proto__0', 'x', 'a1']);
  });

  test('everything comes out once, in order for each tenant', () => {
    const items = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'valueOf'), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(items, (steps) => {
        const fair = createFair<readonly [string, number]>();
        const out: (readonly [string, number])[] = [];
        for (const [at, [tenant, serve]] of steps.entries()) {
          fair.add(tenant, [tenant, at]);
          const item = serve ? fair.next() : undefined;
          if (item !== undefined) out.push(item);
        }
        out.push(...all(fair));
        expect(fair.size()).toBe(0);
        expect(out.map(([, at]) => at).sort((a, b) => a - b)).toEqual(steps.map((_, at) => at));
        for (const tenant of ['a', 'b', 'c', 'valueOf']) {
          const own = out.filter(([one]) => one === tenant).map(([, at]) => at);
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
      }),
    );
  });

  test('what has to go is the newest of whoever has most', () => {
    const fair = createFair<string>();
    for (const [tenant, item] of [
      ['a', 'a0'],
      ['b', 'b0'],
      ['b', 'b1'],
      ['c', 'c0'],
    ] as const)
      fair.add(tenant, item);
    expect([fair.dropOfMost(), fair.size(), all(fair)]).toEqual(['b1', 3, ['a0', 'b0', 'c0']]);
    expect(createFair().dropOfMost()).toBeUndefined();
  });
});
