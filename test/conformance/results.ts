/** What a run says: on the terminal, and in RESULTS.md. */
import { differenceOf } from './difference.ts';
import type { Options, Side } from './options.ts';
import type { TestResult } from './report.ts';
import type { SideRun } from './sides.ts';

/** What makes the run fail, one line each. */
export function faultsOf(sides: readonly SideRun[]): readonly string[] {
  const difference = compared(sides);
  return [
    ...(difference?.lost ?? []).map(({ name, why }) => `lost: ${name}: ${why}`),
    ...(difference === undefined ? sides.flatMap(failuresOf) : []),
    ...sides.filter(({ tests }) => count(tests, 'passed') === 0).map(({ side }) => `${side}: no test passed`),
    ...sides.flatMap(({ side, troubles, faults }) => [...troubles, ...faults].map((fault) => `${side}: ${fault}`)),
  ];
}

/** With nothing beside it to compare with, what fails has failed. */
const failuresOf = ({ side, tests }: SideRun): readonly string[] =>
  tests.filter(({ outcome }) => outcome === 'failed').map((test) => `${side}: failed: ${test.name}${reason(test)}`);

/** For people at a terminal: every test by name, then the difference. */
export function tellRun(sides: readonly SideRun[]): string {
  const faults = faultsOf(sides);
  const gained = compared(sides)?.gained ?? [];
  return [
    ...sides.flatMap(({ side, tests }) => [
      '',
      ...tests.map((test) => `${side} ${test.outcome}  ${test.name} (${test.seconds} s)${reason(test)}`),
    ]),
    '',
    ...sides.map(({ side, tests }) => `${side}: ${OUTCOMES.map((one) => `${count(tests, one)} ${one}`).join(', ')}`),
    ...gained.map((name) => `with Comptroller alone: ${name}`),
    ...(faults.length === 0 ? [sides.length > 1 ? ALL_WELL : 'nothing is wrong; nothing was compared'] : faults),
  ].join('\n');
}

const ALL_WELL = 'nothing that upstream passes is lost, and nothing else is wrong';

export interface RunRecord {
  readonly options: Options;
  readonly sides: readonly SideRun[];
  /** Those that Comptroller runs. */
  readonly controllers: readonly string[];
  /** YYYY-MM-DD */
  readonly date: string;
  readonly kubernetes: string;
  readonly comptroller: string;
  /** Of the checkout that ran; with a word behind it where that was changed. */
  readonly commit: string;
}

/** RESULTS.md. */
export function renderRun({ options, sides, controllers, date, kubernetes, comptroller, commit }: RunRecord): string {
  const { focus, skip, nodes, procs } = options;
  return `${[
    "# Upstream's end-to-end tests",
    '',
    'Written by `npm run conformance -- --record`; [main.ts](main.ts) says how. Nodes are simulated by kwok: what asks a',
    'container, a volume or a network fails with either manager, so the difference is what counts.',
    '',
    `- ${date}, Kubernetes ${kubernetes}, ${nodes} nodes, ${procs} tests at the same time`,
    `- focus \`${focus}\`, skip \`${skip}\``,
    ...(sides.some(({ side }) => side === 'comptroller')
      ? [`- ${sayComptroller(`${comptroller} (${commit})`, controllers)}`]
      : []),
    '',
    '| manager | passed | failed | skipped |',
    '|---|---|---|---|',
    ...sides.map(({ side, tests }) => `| ${side} | ${OUTCOMES.map((outcome) => count(tests, outcome)).join(' | ')} |`),
    '',
    ...sides.flatMap(({ says }) => (says === undefined ? [] : [`Beside the tests: ${says}.`, ''])),
    ...differenceLines(sides),
    ...tableLines(sides),
  ].join('\n')}\n`;
}

const OUTCOMES: readonly TestResult['outcome'][] = ['passed', 'failed', 'skipped'];
const count = (tests: readonly TestResult[], outcome: TestResult['outcome']): number =>
  tests.filter((test) => test.outcome === outcome).length;
const reason = ({ why }: TestResult): string => (why === undefined ? '' : `: ${why}`);

function sayComptroller(version: string, controllers: readonly string[]): string {
  const ours = controllers.map((name) => `\`${name}\``).join(', ');
  return `Comptroller ${version} runs ${ours}; upstream's manager beside it the rest`;
}

function compared(sides: readonly SideRun[]): ReturnType<typeof differenceOf> | undefined {
  const of = (side: Side): readonly TestResult[] | undefined => sides.find((run) => run.side === side)?.tests;
  const [upstream, comptroller] = [of('upstream'), of('comptroller')];
  return upstream === undefined || comptroller === undefined ? undefined : differenceOf(upstream, comptroller);
}

function differenceLines(sides: readonly SideRun[]): readonly string[] {
  const difference = compared(sides);
  const beside = sides.flatMap(({ side, troubles, faults }) =>
    [...troubles, ...faults].map((one) => `${side}: ${one}`),
  );
  return [
    ...(difference === undefined ? [] : ['## Passed by upstream, not by Comptroller', '']),
    ...(difference === undefined ? [] : listed(difference.lost.map(({ name, why }) => `${name}: ${why}`))),
    '## Wrong beside the tests',
    '',
    ...listed(beside),
  ];
}

const listed = (lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? ['Nothing.', ''] : [...lines.map((line) => `- ${cell(line)}`), ''];

function tableLines(sides: readonly SideRun[]): readonly string[] {
  const names = [...new Set(sides.flatMap(({ tests }) => tests.map(({ name }) => name)))].sort();
  const found = sides.map(({ tests }) => new Map(tests.map((test) => [test.name, test.outcome])));
  return [
    '## Every test',
    '',
    `| test | ${sides.map(({ side }) => side).join(' | ')} |`,
    `|---|${sides.map(() => '---').join('|')}|`,
    ...names.map((name) => `| ${cell(name)} | ${found.map((of) => of.get(name) ?? 'not run').join(' | ')} |`),
  ];
}

/** Names hold brackets and bars now and then; neither may become a link or a column. */
const cell = (text: string): string => text.replaceAll(/[\\|[\]<>*_`]/g, (char) => `\\${char}`);
