import { describe, expect, test } from 'vitest';
import { failedFiles, mayHoldAlone, merged, type Report } from './second-try.ts';

const file = (name: string, status: string, ...statuses: readonly string[]) => ({
  name,
  status,
  assertionResults: statuses.map((one, nth) => ({ status: one, fullName: `${name} ${nth}` })),
});

const report = (success: boolean, ...testResults: Report['testResults']): Report => ({
  success,
  numTotalTests: 0,
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults,
});

const FIRST = report(
  false,
  file('/held.test.ts', 'passed', 'passed', 'passed'),
  file('/late.test.ts', 'failed', 'passed', 'failed'),
  file('/hook.test.ts', 'failed', 'skipped', 'skipped'),
);

describe('files that failed', () => {
  test('are named once, also those of which no test was run', () => {
    expect(failedFiles(FIRST)).toEqual(['/late.test.ts', '/hook.test.ts']);
  });

  test('count by what they did the second time, and all others by the first', () => {
    const second = report(
      true,
      file('/late.test.ts', 'passed', 'passed', 'passed'),
      file('/hook.test.ts', 'passed', 'passed', 'passed'),
    );
    expect(merged(FIRST, second)).toMatchObject({
      success: true,
      numTotalTests: 6,
      numPassedTests: 6,
      numFailedTests: 0,
      numPendingTests: 0,
    });
  });

  test('that fail again have failed', () => {
    const second = report(
      false,
      file('/late.test.ts', 'failed', 'passed', 'failed'),
      file('/hook.test.ts', 'passed', 'passed', 'passed'),
    );
    const result = merged(FIRST, second);
    expect(result).toMatchObject({ success: false, numTotalTests: 6, numPassedTests: 5, numFailedTests: 1 });
    expect(failedFiles(result)).toEqual(['/late.test.ts']);
  });

  test('of which the second run says nothing have failed still', () => {
    const result = merged(FIRST, report(true, file('/late.test.ts', 'passed', 'passed', 'passed')));
    expect(result).toMatchObject({ success: false, numPassedTests: 4, numPendingTests: 2 });
    expect(failedFiles(result)).toEqual(['/hook.test.ts']);
  });

  test('keep a run from success when the second one had an error of no test', () => {
    const second = report(false, file('/late.test.ts', 'passed', 'passed'), file('/hook.test.ts', 'passed', 'passed'));
    expect(merged(FIRST, second).success).toBe(false);
  });
});

describe('a file that failed', () => {
  const failing = (...messages: readonly string[]): Report =>
    report(false, {
      name: '/it.test.ts',
      status: 'failed',
      assertionResults: messages.map((message) => ({
        status: 'failed',
        fullName: 'it',
        failureMessages: [message],
      })),
    });
  const COUNTEREXAMPLE = 'Error: Property failed after 17 tests\n{ seed: 1, path: "16:2" }';
  const LATE = 'TestTimeoutError: Test timed out in 60000ms.\nIf this is a long-running test, pass a timeout value';

  test.each([
    ['test/integration/failover.test.ts', [COUNTEREXAMPLE], true],
    ['test/integration/oracle.test.ts', [COUNTEREXAMPLE], false],
    ['test/property/deployment.test.ts', [COUNTEREXAMPLE], false],
    ['test/property/deployment.test.ts', [LATE], true],
    ['test/property/deployment.test.ts', [LATE, COUNTEREXAMPLE], false],
    ['src/core/json.test.ts', ['AssertionError: expected 1 to be 2'], false],
    ['src/core/json.test.ts', [], false],
  ])('%s that says %j may hold alone: %s', (path, messages, expected) => {
    expect(mayHoldAlone(path, failing(...messages), '/it.test.ts')).toBe(expected);
  });
});
