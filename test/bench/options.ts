import { Command, InvalidArgumentError, Option } from 'commander';
import { GROUPS, SHAPES } from './shapes.ts';

/** Who runs the control loops. `upstream-default` has the limits on its requests that upstream ships. */
export type Manager = 'comptroller' | 'upstream' | 'upstream-default';

export interface Options {
  /** Names of shapes, in this order on one control plane. */
  readonly shapes: readonly string[];
  readonly managers: readonly Manager[];
  readonly rounds: number;
  readonly nodes: number;
  /** The file beside this one that is written: `RESULTS.md`, or `RESULTS-<name>.md`. */
  readonly record?: string;
  /** Comptroller from its sources instead of what `npm run build` makes of them. */
  readonly sources: boolean;
  /** Sums up where Comptroller's time went, instead of comparing. */
  readonly profile: boolean;
}

const MANAGERS: Readonly<Record<string, readonly Manager[]>> = {
  comptroller: ['comptroller'],
  upstream: ['upstream'],
  'upstream-default': ['upstream-default'],
  both: ['comptroller', 'upstream'],
  'both-default': ['comptroller', 'upstream-default'],
  all: ['comptroller', 'upstream', 'upstream-default'],
};

/** What `--manager` says for them. */
export const managersOption = (managers: readonly Manager[]): string =>
  Object.keys(MANAGERS).find((name) => MANAGERS[name]?.join() === managers.join()) ?? '';

/** Parses the command line (without node and script); throws commander's error for a wrong one. */
export function parseOptions(argv: readonly string[]): Options {
  const { shape, manager, record, ...options } = program()
    .parse(argv, { from: 'user' })
    .opts<Omit<Options, 'record'> & { shape: readonly string[]; manager: string; record?: string | true }>();
  const shapes = inOrder([...new Set(shape.flatMap((name) => GROUPS[name] ?? [name]))]);
  const all = { ...options, ...recorded(record), shapes, managers: MANAGERS[manager] ?? [] };
  return options.profile ? { ...all, shapes: shapes.slice(-1), managers: ['comptroller'], rounds: 1 } : all;
}

function recorded(name: string | true | undefined): Pick<Options, 'record'> {
  if (name === undefined) return {};
  return { record: name === true ? 'RESULTS.md' : `RESULTS-${name}.md` };
}

/** What fills the control plane for good comes last. */
function inOrder(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => Number(SHAPES[a]?.present !== undefined) - Number(SHAPES[b]?.present !== undefined));
}

function program(): Command {
  return new Command('bench')
    .description("Comptroller and upstream's manager in turns on one control plane with simulated nodes")
    .exitOverride()
    .addOption(
      new Option('--shape <names...>', 'what they have to do')
        .choices([...Object.keys(SHAPES), ...Object.keys(GROUPS)])
        .default(['deployments-20x20', 'deployments-50x40']),
    )
    .addOption(
      new Option(
        '--manager <side>',
        'who does it; both: Comptroller and upstream with its limits lifted, or with those it ships',
      )
        .choices(Object.keys(MANAGERS))
        .default('both'),
    )
    .option('--rounds <count>', 'for each manager; their order alternates', between(1, 100), 3)
    .option('--nodes <count>', 'simulated nodes', between(1, 1000), 100)
    .option('--record [name]', 'write test/bench/RESULTS.md, or RESULTS-<name>.md', fileName)
    .option('--sources', 'Comptroller from its sources, not from what `npm run build` makes of them', false)
    .option('--profile', "profile Comptroller's run process for one round of the last shape", false)
    .addHelpText('after', `\nShapes:\n${shapes()}\n\n${HELP}`);
}

const HELP = `Ends 1 when the ledger does not verify, when ledger and audit log do not agree, when the API server refused Comptroller
a right, or when a manager ended by itself.`;

function shapes(): string {
  const single = Object.entries(SHAPES).map(([name, { does }]) => [name, does] as const);
  const groups = Object.entries(GROUPS).map(([name, names]) => [name, names.join(', ')] as const);
  return [...single, ...groups].map(([name, does]) => `  ${name.padEnd(18)} ${does}`).join('\n');
}

function fileName(text: string): string {
  if (/^[a-z][a-z-]{0,30}$/.test(text)) return text;
  throw new InvalidArgumentError('expected small letters and hyphens, such as default-limits');
}

function between(from: number, to: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,5}$/.test(text) && count >= from && count <= to) return count;
    throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`);
  };
}
