/** What a run says: on the terminal, and in RESULTS.md. */
import type { Fault, Measured } from './fault.ts';
import type { Options } from './options.ts';
import type { Round } from './round.ts';

export interface Done {
  readonly fault: Fault;
  readonly round: Round;
}

export interface ResultsOf {
  readonly options: Options;
  readonly done: readonly Done[];
  readonly started: Date;
  readonly ended: Date;
  readonly kubernetes: string;
  readonly comptroller: string;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** For people who watch. */
export function tellRound({ name }: Fault, round: Round): readonly string[] {
  const { hurt, recovery, writes, measured, complaints } = round;
  const numbers = Object.entries(measured).map(([what, value]) => `${what} ${value}`);
  if (complaints.length > 0)
    return [[`${name}: FAILED`, ...numbers].join('; '), ...complaints.map((line) => `  ${line}`)];
  const took = recovery === undefined ? '' : `, as wished ${seconds(recovery)} later`;
  return [`${name}: held; ${[`hurt for ${seconds(hurt)}${took}`, `${writes} writes joined`, ...numbers].join('; ')}`];
}

/** RESULTS.md. */
export function renderResults({ options, done, started, ended, kubernetes, comptroller }: ResultsOf): string {
  const groups = [...Map.groupBy(done, ({ fault }) => fault)];
  const failed = groups.filter(([, rounds]) => rounds.some(({ round }) => round.complaints.length > 0)).length;
  return `${[
    '# Faults',
    '',
    'Written by `npm run chaos -- --record`; [main.ts](main.ts) says how. Each fault is done to Comptroller on a real control',
    'plane while Deployments and namespaces come, roll, scale and go. After each: every Deployment as wished, the ledgers',
    "verify, ledgers and the API server's audit log agree one to one, nothing refused, no process that ended without a reason.",
    '',
    `- ${started.toISOString().slice(0, 16)}Z, ${Math.round((ended.getTime() - started.getTime()) / 60_000)} minutes, seed ${options.seed}, ${options.atOnce} at once${options.short ? ', short' : ''}`,
    `- Comptroller ${comptroller}, Kubernetes ${kubernetes}, Node ${process.version}`,
    `- ${groups.length} faults, ${done.length} times: ${failed === 0 ? 'every expectation held' : `${failed} FAILED`}`,
    '',
    '| group | fault | times | held | as wished again: p50, max | measured |',
    '|---|---|---|---|---|---|',
    ...groups.map(([fault, rounds]) =>
      row(
        fault,
        rounds.map(({ round }) => round),
      ),
    ),
    '',
    '## What each must hold',
    '',
    ...groups.map(([{ name, expects }]) => `- \`${name}\`: ${cell(expects)}`),
    '',
    ...excuseLines(groups.map(([fault, rounds]) => [fault, rounds.map(({ round }) => round)])),
    ...failureLines(done),
  ].join('\n')}`;
}

function row({ group, name }: Fault, rounds: readonly Round[]): string {
  const held = rounds.filter(({ complaints }) => complaints.length === 0).length;
  const recoveries = rounds.flatMap(({ recovery }) => (recovery === undefined ? [] : [recovery]));
  const recovery =
    recoveries.length === 0
      ? '-'
      : spread(
          recoveries.map((ms) => ms / 1000),
          ' s',
        );
  const measured = together(rounds.map((round) => round.measured));
  const times = held === rounds.length ? `${held}` : `**${held}**`;
  return `| ${group} | \`${name}\` | ${rounds.length} | ${times} | ${recovery} | ${cell(measured)} |`;
}

/** Numbers of several rounds as median and maximum; words as the last round said them. */
export function together(all: readonly Measured[]): string {
  const keys = [...new Set(all.flatMap((one) => Object.keys(one)))];
  return keys
    .map((key) => {
      const values = all.flatMap((one) => (Object.hasOwn(one, key) ? [one[key] as string | number] : []));
      const numbers = values.filter((value) => typeof value === 'number');
      const last = values.at(-1);
      return `${key}: ${numbers.length === values.length && numbers.length > 1 ? spread(numbers, '') : last}`;
    })
    .join('; ');
}

function spread(values: readonly number[], unit: string): string {
  const sorted = [...values].sort((a, b) => a - b);
  const tell = (value: number): string => `${Number(value.toFixed(1))}${unit}`;
  return `${tell(sorted[Math.floor((sorted.length - 1) / 2)] as number)}, ${tell(sorted.at(-1) as number)}`;
}

function excuseLines(groups: readonly (readonly [Fault, readonly Round[]])[]): readonly string[] {
  const lines = groups.flatMap(([{ name, excuses = [] }, rounds]) =>
    excuses.map(({ finding, because }) => {
      const count = rounds.reduce((sum, { excused }) => sum + (excused.get(finding) ?? 0), 0);
      return `- \`${name}\`: ${count} ${finding}: ${cell(because)}`;
    }),
  );
  return lines.length === 0 ? [] : ['## What the books could not show, and why', '', ...lines, ''];
}

function failureLines(done: readonly Done[]): readonly string[] {
  const lines = done.flatMap(({ fault, round }) =>
    round.complaints.map((line) => `- \`${fault.name}\`: ${cell(line)}`),
  );
  return lines.length === 0 ? [] : ['## What did not hold', '', ...lines, ''];
}

/** Nothing that was found may become markup or a column. */
const cell = (text: string): string => text.replaceAll(/[\\|<>*_`]/g, (char) => `\\${char}`).replaceAll('\n', ' ');
