import { Command, InvalidArgumentError, Option } from 'commander';

/** Who runs the control loops while the tests run. */
export type Side = 'upstream' | 'comptroller';

export interface Options {
  /** Regular expressions in Go's syntax, as ginkgo takes them. */
  readonly focus: string;
  readonly skip: string;
  /** In this order, each on a control plane of its own. */
  readonly sides: readonly Side[];
  readonly procs: number;
  readonly nodes: number;
  /** Writes RESULTS.md. */
  readonly record: boolean;
  /** Minutes for one side's tests. */
  readonly timeout: number;
}

/** What upstream leaves out of a plain run too, and what needs features that are off by default. */
export const DEFAULT_SKIP = String.raw`\[(Flaky|Disruptive|Feature:[^\]]+)\]`;

const SIDES: Readonly<Record<string, readonly Side[]>> = {
  upstream: ['upstream'],
  comptroller: ['comptroller'],
  both: ['upstream', 'comptroller'],
};

/** Parses the command line (without node and script); throws commander's error for a wrong one. */
export function parseOptions(argv: readonly string[]): Options {
  const { manager, ...options } = program().parse(argv, { from: 'user' }).opts<Options & { manager: string }>();
  return { ...options, sides: SIDES[manager] ?? [] };
}

function program(): Command {
  return new Command('conformance')
    .description("upstream's end-to-end tests against simulated nodes, with upstream's manager and with Comptroller")
    .exitOverride()
    .requiredOption('--focus <re>', "which tests, as ginkgo's --focus", regularExpression)
    .option('--skip <re>', "which of them not, as ginkgo's --skip", regularExpression, DEFAULT_SKIP)
    .addOption(
      new Option('--manager <side>', 'who runs the control loops; both: one after the other, and the difference')
        .choices(Object.keys(SIDES))
        .default('both'),
    )
    .option('--procs <count>', 'tests at the same time', between(1, 32), 2)
    .option('--nodes <count>', 'simulated nodes', between(1, 1000), 4)
    .option('--timeout <minutes>', 'for the tests of one side', between(1, 1440), 120)
    .option('--record', 'write test/conformance/RESULTS.md', false)
    .addHelpText('after', HELP);
}

const HELP = `
Ends 1 if Comptroller does not pass a test that upstream passes, if a test was lost on the way, if the API server
refused Comptroller a right, or if ledger and audit log do not agree. What happened is kept in test-results/conformance.`;

function regularExpression(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('expected a regular expression');
}

function between(from: number, to: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,5}$/.test(text) && count >= from && count <= to) return count;
    throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`);
  };
}
