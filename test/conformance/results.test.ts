import { describe, expect, test } from 'vitest';
import { parseOptions } from './options.ts';
import type { TestResult } from './report.ts';
import { faultsOf, renderRun, tellRun } from './results.ts';
import type { SideRun } from './sides.ts';

const passed = (name: string): TestResult => ({ name, outcome: 'passed', seconds: 1.5 });
const failed = (name: string): TestResult => ({ name, outcome: 'failed', seconds: 9, why: 'timed out' });
const side = (name: SideRun['side'], tests: readonly TestResult[], more: Partial<SideRun> = {}): SideRun => ({
  side: name,
  tests,
  troubles: [],
  faults: [],
  ...more,
});
const clean = [side('upstream', [passed('[a] b'), failed('c')]), side('comptroller', [passed('[a] b'), failed('c')])];
const lossy = [
  side('upstream', [passed('a'), failed('b')]),
  side('comptroller', [failed('a'), passed('b')], {
    faults: ['RBAC refused x to list y, 1 times'],
    says: '3 writes, 3 matched',
  }),
];

describe('what makes a run fail', () => {
  test('not what fails with upstream too', () => {
    expect(faultsOf(clean)).toEqual([]);
  });

  test('what fails where nothing is compared, and a run in which nothing passed', () => {
    expect(faultsOf([side('comptroller', [passed('a'), failed('b')])])).toEqual(['comptroller: failed: b: timed out']);
    expect(tellRun([side('comptroller', [passed('a')])])).toMatch(/nothing is wrong; nothing was compared$/);
    expect(faultsOf([side('upstream', [failed('a')]), side('comptroller', [failed('a')])])).toEqual([
      'upstream: no test passed',
      'comptroller: no test passed',
    ]);
  });

  test('a lost test, a refused right, a short list', () => {
    expect(faultsOf(lossy)).toEqual(['lost: a: failed: timed out', 'comptroller: RBAC refused x to list y, 1 times']);
    expect(faultsOf([side('upstream', [], { troubles: ['no test has such a name'] })])).toEqual([
      'upstream: no test passed',
      'upstream: no test has such a name',
    ]);
  });
});

test('the terminal gets every test by name, the counts, and the difference', () => {
  expect(tellRun(lossy).split('\n')).toEqual([
    '',
    'upstream passed  a (1.5 s)',
    'upstream failed  b (9 s): timed out',
    '',
    'comptroller failed  a (9 s): timed out',
    'comptroller passed  b (1.5 s)',
    '',
    'upstream: 1 passed, 1 failed, 0 skipped',
    'comptroller: 1 passed, 1 failed, 0 skipped',
    'with Comptroller alone: b',
    'lost: a: failed: timed out',
    'comptroller: RBAC refused x to list y, 1 times',
  ]);
  expect(tellRun(clean)).toMatch(/nothing that upstream passes is lost, and nothing else is wrong$/);
});

describe('RESULTS.md', () => {
  const record = (sides: readonly SideRun[]): string =>
    renderRun({
      options: parseOptions(['--focus', 'a|b']),
      sides,
      controllers: ['replicaset', 'serviceaccount'],
      date: '2026-01-02',
      kubernetes: 'v1.37.1',
      comptroller: '0.1.0',
      commit: 'abc1234',
    });

  test('says what was run, and each result', () => {
    const text = record(lossy);
    expect(text).toContain('- 2026-01-02, Kubernetes v1.37.1, 4 nodes, 2 tests at the same time\n- focus `a|b`');
    expect(text).toContain(
      "- Comptroller 0.1.0 (abc1234) runs `replicaset`, `serviceaccount`; upstream's manager beside it",
    );
    expect(text).toContain('Beside the tests: 3 writes, 3 matched.');
    expect(text).toContain('| upstream | 1 | 1 | 0 |\n| comptroller | 1 | 1 | 0 |');
    expect(text).toContain('not by Comptroller\n\n- a: failed: timed out\n\n## Wrong');
    expect(text).toContain(
      '| test | upstream | comptroller |\n|---|---|---|\n| a | passed | failed |\n| b | failed | passed |',
    );
  });

  test('says that nothing was lost, and keeps names from being markup', () => {
    const text = record(clean);
    expect(text).toContain('not by Comptroller\n\nNothing.\n\n## Wrong beside the tests\n\nNothing.\n');
    expect(text).toContain(String.raw`| \[a\] b | passed | passed |`);
  });

  test('of one side compares nothing', () => {
    const text = record([side('upstream', [passed('a')])]);
    expect(text).not.toContain('Comptroller 0.1.0');
    expect(text).not.toContain('not by Comptroller');
    expect(text).toContain('| a | passed |');
  });
});
