import { describe, expect, test } from 'vitest';
import { parseReport } from './report.ts';

const spec = (name: string, State: string, more: object = {}) => ({
  ContainerHierarchyTexts: ['[sig-apps] ReplicaSet'],
  LeafNodeType: 'It',
  LeafNodeText: name,
  State,
  NumAttempts: 1,
  RunTime: 1_234_000_000,
  ...more,
});
const report = (SpecReports: readonly object[] | null, more: object = {}): string =>
  JSON.stringify([{ PreRunStats: { SpecsThatWillRun: SpecReports?.length ?? 0 }, SpecReports, ...more }]);

describe("ginkgo's report", () => {
  test('gives each test that started, by name', () => {
    const text = report([
      spec('c', 'skipped', { Failure: { Message: 'Only for windows' } }),
      spec('b', 'failed', { Failure: { Message: '\n  pods never came\nmore' } }),
      spec('a', 'passed'),
    ]);
    expect(parseReport(text)).toEqual({
      tests: [
        { name: '[sig-apps] ReplicaSet a', outcome: 'passed', seconds: 1.2 },
        { name: '[sig-apps] ReplicaSet b', outcome: 'failed', seconds: 1.2, why: 'pods never came' },
        { name: '[sig-apps] ReplicaSet c', outcome: 'skipped', seconds: 1.2, why: 'Only for windows' },
      ],
      troubles: [],
    });
  });

  test.each(['failed', 'panicked', 'aborted', 'interrupted', 'timedout'])('takes %s for failed', (state) => {
    expect(parseReport(report([spec('a', state)])).tests[0]).toMatchObject({ outcome: 'failed', why: state });
  });

  test('leaves out what focus left out', () => {
    const text = report([spec('a', 'passed'), spec('b', 'skipped', { NumAttempts: 0 })], {
      PreRunStats: { SpecsThatWillRun: 1 },
    });
    expect(parseReport(text)).toMatchObject({ tests: [{ name: '[sig-apps] ReplicaSet a' }], troubles: [] });
  });

  test.each([
    ['no test', report(null), ['no test has such a name']],
    [
      'a suite that could not begin',
      report([spec('', 'failed', { LeafNodeType: 'SynchronizedBeforeSuite', Failure: { Message: 'no nodes' } })]),
      ['SynchronizedBeforeSuite failed: no nodes', '1 of 1 tests were not run'],
    ],
    [
      'a suite that was cut short',
      report([spec('a', 'passed')], {
        PreRunStats: { SpecsThatWillRun: 3 },
        SpecialSuiteFailureReasons: ['Suite Timeout Elapsed'],
      }),
      ['Suite Timeout Elapsed', '2 of 3 tests were not run'],
    ],
  ])('says that the list is short: %s', (_, text, troubles) => {
    expect(parseReport(text).troubles).toEqual(troubles);
  });

  test.each(['[]', '{}', '[{},{}]'])('refuses what is no report of one suite: %s', (text) => {
    expect(() => parseReport(text)).toThrow('expected one suite');
  });
});
