/** Reads ginkgo's JSON report: https://pkg.go.dev/github.com/onsi/ginkgo/v2/types#Report */

export interface TestResult {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  /** First line of the failure, or of the reason to skip. */
  readonly why?: string;
}

export interface Results {
  /** In the order of names. */
  readonly tests: readonly TestResult[];
  /** What makes the list above less than it should be: empty for a run that can be compared. */
  readonly troubles: readonly string[];
}

interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeType: string;
  readonly LeafNodeText: string;
  readonly State: string;
  readonly NumAttempts: number;
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
}

interface Suite {
  readonly PreRunStats: { readonly SpecsThatWillRun: number };
  readonly SpecialSuiteFailureReasons: readonly string[] | null;
  readonly SpecReports: readonly Spec[] | null;
}

/** `text` is the file that `--json-report` wrote, of one suite. */
export function parseReport(text: string): Results {
  const suites = JSON.parse(text) as unknown;
  if (!Array.isArray(suites) || suites.length !== 1) throw new Error('reading the report: expected one suite');
  const { PreRunStats, SpecialSuiteFailureReasons, SpecReports } = suites[0] as Suite;
  const specs = SpecReports ?? [];
  // Focus and skip leave the others in the report, as skipped without an attempt.
  const tests = specs.filter((spec) => spec.LeafNodeType === 'It' && spec.NumAttempts > 0).map(resultOf);
  const around = specs.filter(({ LeafNodeType, State }) => LeafNodeType !== 'It' && outcomeOf(State) === 'failed');
  const wanted = PreRunStats.SpecsThatWillRun;
  return {
    tests: tests.sort((a, b) => (a.name < b.name ? -1 : 1)),
    troubles: [
      ...(wanted === 0 ? ['no test has such a name'] : []),
      ...around.map((spec) => `${spec.LeafNodeType} failed: ${firstLine(spec)}`),
      ...(SpecialSuiteFailureReasons ?? []).filter((reason) => !isOneAmongMany(reason)),
      ...(tests.length < wanted ? [`${wanted - tests.length} of ${wanted} tests were not run`] : []),
    ],
  };
}

/** Said of every suite in which a test failed: the tests say it themselves. */
const isOneAmongMany = (reason: string): boolean => /^(Suite|Test) failed$/i.test(reason);

function resultOf(spec: Spec): TestResult {
  const outcome = outcomeOf(spec.State);
  return {
    name: nameOf(spec),
    outcome,
    seconds: Math.round(spec.RunTime / 1e8) / 10,
    ...(outcome !== 'passed' && { why: firstLine(spec) }),
  };
}

function outcomeOf(state: string): TestResult['outcome'] {
  if (state === 'passed') return 'passed';
  return state === 'skipped' || state === 'pending' ? 'skipped' : 'failed';
}

const nameOf = ({ ContainerHierarchyTexts, LeafNodeText }: Spec): string =>
  [...(ContainerHierarchyTexts ?? []), LeafNodeText].filter((part) => part !== '').join(' ');

function firstLine({ State, Failure }: Spec): string {
  const line = (Failure?.Message ?? '').split('\n').find((one) => one.trim() !== '') ?? State;
  return line.trim().slice(0, 200);
}
