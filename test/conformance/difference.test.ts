import { expect, test } from 'vitest';
import { differenceOf } from './difference.ts';
import type { TestResult } from './report.ts';

const a = (name: string, outcome: TestResult['outcome'], why?: string): TestResult => ({
  name,
  outcome,
  seconds: 1,
  ...(why !== undefined && { why }),
});

test('only what upstream passes counts', () => {
  const upstream = [
    a('fine', 'passed'),
    a('lost', 'passed'),
    a('missing', 'passed'),
    a('shy', 'passed'),
    a('needs containers', 'failed', 'no exec'),
    a('flaky', 'failed'),
    a('windows', 'skipped'),
    a('constructor', 'passed'),
  ];
  const comptroller = [
    a('fine', 'passed'),
    a('lost', 'failed', 'timed out'),
    a('shy', 'skipped', 'no such kind'),
    a('needs containers', 'failed', 'no exec'),
    a('flaky', 'passed'),
    a('windows', 'skipped'),
    a('constructor', 'passed'),
    a('only here', 'passed'),
  ];
  expect(differenceOf(upstream, comptroller)).toEqual({
    lost: [
      { name: 'lost', why: 'failed: timed out' },
      { name: 'missing', why: 'was not run' },
      { name: 'shy', why: 'skipped: no such kind' },
    ],
    gained: ['flaky', 'only here'],
  });
});
