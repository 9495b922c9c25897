import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawFrom } from './draw.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/registry.ts';
import { parseOptions } from './options.ts';
import { inOrder, isAlone, SHORT_RUN } from './plan.ts';

const fault = (name: string, more: Partial<Fault> = {}): Fault => ({
  name,
  group: 'process',
  expects: 'x',
  inflict: async () => ({}),
  ...more,
});

describe('the order of faults', () => {
  test('those that can share an arena follow each other, those alone come last', () => {
    const faults = [
      fault('one'),
      fault('alone', { needs: { alone: true } }),
      fault('two', { needs: { replicas: 2 } }),
      fault('shimmed', { needs: { shim: true } }),
      fault('excused', { excuses: [{ finding: 'epochs', because: 'x' }] }),
      fault('one-more'),
      fault('two-more', { needs: { replicas: 2 } }),
    ];
    const names = inOrder(faults).map(({ name }) => name);
    expect(names).toEqual(['one', 'one-more', 'two', 'two-more', 'shimmed', 'alone', 'excused']);
  });

  test('each fault that is listed has a name of its own, and a reason for each excuse', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
    const excused = FAULTS.filter(({ excuses = [] }) => excuses.length > 0);
    expect(excused.filter((one) => !isAlone(one))).toEqual([]);
    expect(excused.flatMap(({ excuses = [] }) => excuses).filter(({ because }) => because.length < 20)).toEqual([]);
  });
});

describe('the short run', () => {
  const folder = join(import.meta.dirname, '../integration');

  test('each group of faults is tried by one file of CI', () => {
    const groups = [...new Set(FAULTS.map(({ group }) => group))];
    expect(Object.values(SHORT_RUN).flat().toSorted()).toEqual(groups.toSorted());
  });

  test.each(Object.keys(SHORT_RUN))('%s has its file, and no other part is tried in it', (part) => {
    const text = readFileSync(join(folder, `${part}.test.ts`), 'utf8');
    expect([...text.matchAll(/shortRun\('([^']+)'\)/g)].map(([, named]) => named)).toEqual([part]);
  });
});

describe('the command line', () => {
  test('a seed, a duration, faults by name', () => {
    const argv = ['--seed', '5', '--minutes', '9', '--at-once', '2', '--fault', 'a', 'b', '--short'];
    expect(parseOptions(argv, ['a', 'b'])).toEqual({
      seed: 5,
      minutes: 9,
      atOnce: 2,
      fault: ['a', 'b'],
      short: true,
      record: false,
    });
    expect(parseOptions([], [])).toEqual({ seed: 1, minutes: 0, atOnce: 1, short: false, record: false });
  });
});

describe('draws', () => {
  const tenOf = (seed: number, name: string): readonly number[] => {
    const draw = drawFrom(seed, name);
    return Array.from({ length: 10 }, () => draw.int(3, 9));
  };

  test('the same for the same seed and name, others for another seed or name', () => {
    expect(tenOf(1, 'a')).toEqual(tenOf(1, 'a'));
    expect(tenOf(1, 'a')).not.toEqual(tenOf(2, 'a'));
    expect(tenOf(1, 'a')).not.toEqual(tenOf(1, 'b'));
  });

  test('both ends are drawn, and nothing beyond them', () => {
    const draw = drawFrom(1, 'ends');
    const drawn = new Set(Array.from({ length: 300 }, () => draw.int(3, 9)));
    expect([...drawn].sort()).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(Array.from({ length: 300 }, () => draw.of(['x', 'y'])).filter((one) => one === 'x').length).toBeGreaterThan(
      99,
    );
    expect(Array.from({ length: 300 }, () => draw.chance(0.1)).filter(Boolean).length).toBeLessThan(60);
  });
});
