import { describe, expect, test } from 'vitest';
import type { Fault } from './fault.ts';
import { renderResults, together } from './results.ts';
import type { Round } from './round.ts';

const fault = (name: string, more: Partial<Fault> = {}): Fault => ({
  name,
  group: 'process',
  expects: 'nothing bad | happens',
  inflict: async () => ({}),
  ...more,
});

const round = (more: Partial<Round> = {}): Round => ({
  hurt: 1000,
  recovery: 2000,
  measured: {},
  ends: 0,
  excused: new Map(),
  writes: 10,
  complaints: [],
  ...more,
});

const render = (done: readonly { fault: Fault; round: Round }[]): string =>
  renderResults({
    options: { minutes: 0, seed: 7, atOnce: 1, short: false, record: false },
    done,
    started: new Date('2026-01-02T03:04:00Z'),
    ended: new Date('2026-01-02T03:14:00Z'),
    kubernetes: 'v1.2.3',
    comptroller: '0.1.0',
  });

describe('the table of a run', () => {
  test('a row for each fault, with how long it took to recover and what was measured', () => {
    const killed = fault('killed');
    const text = render([
      { fault: killed, round: round({ recovery: 1000, measured: { kills: 3 } }) },
      { fault: killed, round: round({ recovery: 3000, measured: { kills: 5 } }) },
    ]);
    expect(text).toContain('seed 7');
    expect(text).toContain('1 faults, 2 times: every expectation held');
    expect(text).toContain('| process | `killed` | 2 | 2 | 1 s, 3 s | kills: 3, 5 |');
    expect(text).toContain('- `killed`: nothing bad \\| happens');
    expect(text).not.toContain('What did not hold');
  });

  test('what did not hold is told, and counted', () => {
    const text = render([{ fault: fault('bad'), round: round({ recovery: undefined, complaints: ['it *broke*'] }) }]);
    expect(text).toContain('1 FAILED');
    expect(text).toContain('| process | `bad` | 1 | **0** | - |  |');
    expect(text).toContain('- `bad`: it \\*broke\\*');
  });

  test('an excuse stands with its reason and with how often it was needed, also where it was not', () => {
    const excuses = [
      { finding: 'unrecorded', because: 'records were taken away' },
      { finding: 'unseen', because: 'so was the audit log' },
    ] as const;
    const text = render([
      { fault: fault('cut', { excuses }), round: round({ excused: new Map([['unrecorded', 4]]) }) },
    ]);
    expect(text).toContain('- `cut`: 4 unrecorded: records were taken away');
    expect(text).toContain('- `cut`: 0 unseen: so was the audit log');
  });

  test('several rounds: numbers as median and maximum, words as said last', () => {
    expect(together([{ a: 1, b: 'x' }, { a: 5, b: 'y' }, { a: 2 }])).toBe('a: 2, 5; b: y');
    expect(together([{ constructor: 4 }, {}])).toBe('constructor: 4');
  });
});
