/** What vitest's report says of files that failed, and of the same files after they were run again. */
import { existsSync, readFileSync } from 'node:fs';

/** The parts of vitest's JSON report that are read here; the others are carried along. */
export interface Report {
  readonly success: boolean;
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  /** Absolute path. */
  readonly name: string;
  /** `failed` also where a hook failed and no test was run. */
  readonly status: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages?: readonly string[];
  }[];
}

/** What waits for control planes: bounds of time do not hold while a machine's processors are taken away. */
const WAITS = /^test\/integration\/(?!oracle)/;
const TIMED_OUT = /^\w+: (Test|Hook) timed out in /;

/** Undefined where there is none: the run did not come to its end. */
export function readReport(path: string): Report | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report) : undefined;
}

export function failedFiles({ testResults }: Report): readonly string[] {
  return [...new Set(testResults.filter(({ status }) => status === 'failed').map(({ name }) => name))];
}

/**
 * Whether a failure may be the machine's. Elsewhere only one that ran out of time: what is wrong there has no other
 * reason than the code. `path` is relative to the project.
 */
export function mayHoldAlone(path: string, { testResults }: Report, name: string): boolean {
  if (WAITS.test(path)) return true;
  const failed = testResults
    .filter((file) => file.name === name)
    .flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed'));
  const messages = failed.flatMap(({ failureMessages = [''] }) => failureMessages);
  return messages.length > 0 && messages.every((message) => TIMED_OUT.test(message));
}

/** The first report with what the second says of the files that it has; every test is counted once. */
export function merged<T extends Report>(first: T, second: Report): T {
  const again = new Set(second.testResults.map(({ name }) => name));
  const testResults = [...first.testResults.filter(({ name }) => !again.has(name)), ...second.testResults];
  const statuses = testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const count = (...of: readonly string[]): number => statuses.filter((status) => of.includes(status)).length;
  return {
    ...first,
    success: second.success && testResults.every(({ status }) => status === 'passed'),
    numTotalTests: statuses.length,
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('pending', 'skipped', 'disabled'),
    numTodoTests: count('todo'),
    testResults,
  };
}
