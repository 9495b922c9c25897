import { describe, expect, test } from 'vitest';
import { renderRounds } from './results.ts';
import type { Round } from './rounds.ts';
import { quantile, spread, tell } from './spread.ts';

function round(manager: Round['manager'], nth: number, cpu: number, shape = 'deployments-20x20'): Round {
  const turn = { shape, manager, round: nth };
  const phase = {
    ...turn,
    phase: 'create',
    wall: cpu * 2,
    cpu,
    controlPlane: 1,
    others: 0,
    requests: { create: 420, get: 3 },
  };
  const memory = { peak: cpu * 2 ** 20, resident: 2 ** 20, proportional: 2 ** 20 };
  return { ...turn, phases: [phase], memory, window: { from: 0, to: 1 } };
}

/** The cells of the line that begins so. */
function line(text: string, ...start: string[]): readonly string[] {
  const rows = text.split('\n').map((one) =>
    one
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
  return rows.find((cells) => start.every((cell, at) => cells[at] === cell)) ?? [];
}

describe('results of a benchmark', () => {
  test('ratios are of the same round, with their spread', () => {
    const rounds = [
      round('comptroller', 1, 1),
      round('upstream', 1, 2),
      round('upstream', 2, 4),
      round('comptroller', 2, 8),
      round('comptroller', 3, 3),
      round('upstream', 3, 3),
    ];
    expect(line(renderRounds(rounds), 'create', 'upstream', '1.00 (0.50–2.00)')).toEqual([
      'create',
      'upstream',
      '1.00 (0.50–2.00)',
      '1.00 (0.50–2.00)',
      '',
      '',
    ]);
    expect(line(renderRounds(rounds), 'all')[4]).toBe('1.00 (0.50–2.00)');
  });

  test('writes come before reads, what was not sent is left out', () => {
    expect(line(renderRounds([round('comptroller', 1, 1)]), 'create', 'comptroller').at(-1)).toBe('create 420, get 3');
  });

  test('a manager alone has no ratios', () => {
    expect(renderRounds([round('comptroller', 1, 1)])).not.toContain('multiple');
  });

  test('growth is told a pod', () => {
    const rounds = [round('comptroller', 1, 2, 'growth-1x'), round('comptroller', 1, 8, 'growth-4x')];
    expect(line(renderRounds(rounds), 'comptroller', '10.0')).toEqual(['comptroller', '10.0', '10.0']);
  });
});

describe('spread', () => {
  test('of an even number the median lies between two', () => {
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(quantile([0, 100], 0.99)).toBe(99);
  });

  test('a single value is told alone', () => {
    expect([tell(spread([1.234])), tell(spread([1, 2, 4]), 0)]).toEqual(['1.23', '2 (1–4)']);
  });
});
