import { CommanderError } from 'commander';
import { describe, expect, test, vi } from 'vitest';
import { managersOption, parseOptions } from './options.ts';

describe('options of npm run bench', () => {
  test('by default: two shapes, both managers with lifted limits, three rounds on a hundred nodes', () => {
    expect(parseOptions([])).toEqual({
      shapes: ['deployments-20x20', 'deployments-50x40'],
      managers: ['comptroller', 'upstream'],
      rounds: 3,
      nodes: 100,
      sources: false,
      profile: false,
    });
  });

  test('a group stands for its shapes, each once, and what fills the control plane comes last', () => {
    const { shapes } = parseOptions(['--shape', 'idle', 'growth', 'growth-2x']);
    expect(shapes).toEqual(['growth-1x', 'growth-2x', 'growth-4x', 'growth-8x', 'idle']);
  });

  test('what is recorded has a file of its own where it has a name', () => {
    expect(parseOptions(['--record']).record).toBe('RESULTS.md');
    expect(parseOptions(['--record', 'default-limits']).record).toBe('RESULTS-default-limits.md');
    expect(managersOption(parseOptions(['--manager', 'both-default']).managers)).toBe('both-default');
  });

  test('a profile is of one round of Comptroller alone', () => {
    const { shapes, managers, rounds } = parseOptions(['--profile', '--manager', 'all', '--rounds', '5']);
    expect({ shapes, managers, rounds }).toEqual({
      shapes: ['deployments-50x40'],
      managers: ['comptroller'],
      rounds: 1,
    });
  });

  test.each([
    ['--shape', 'constructor'],
    ['--manager', 'toString'],
    ['--rounds', '0'],
    ['--rounds', '1e2'],
    ['--nodes', ''],
    ['--record', '../x'],
  ])('%s %s is refused', (...argv) => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(() => parseOptions(argv)).toThrow(CommanderError);
    said.mockRestore();
  });
});
