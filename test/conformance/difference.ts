import type { TestResult } from './report.ts';

export interface Difference {
  /** Upstream passes them, Comptroller does not; `why` says what it did instead. */
  readonly lost: readonly { readonly name: string; readonly why: string }[];
  /** The other way round: a flake, or a fault of upstream's. */
  readonly gained: readonly string[];
}

/** Compares the same tests with upstream's manager and with Comptroller. */
export function differenceOf(upstream: readonly TestResult[], comptroller: readonly TestResult[]): Difference {
  const ours = new Map(comptroller.map((test) => [test.name, test]));
  const passed = upstream.filter(({ outcome }) => outcome === 'passed');
  const theirs = new Set(passed.map(({ name }) => name));
  return {
    lost: passed.flatMap(({ name }) => {
      const found = ours.get(name);
      return found?.outcome === 'passed' ? [] : [{ name, why: whyLost(found) }];
    }),
    gained: comptroller
      .filter(({ name, outcome }) => outcome === 'passed' && !theirs.has(name))
      .map(({ name }) => name),
  };
}

function whyLost(found: TestResult | undefined): string {
  return found === undefined ? 'was not run' : `${found.outcome}: ${found.why ?? ''}`;
}
