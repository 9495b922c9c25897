import { Command, InvalidArgumentError } from 'commander';

export interface Options {
  /** Faults are done again until so many minutes have passed; 0: each as often as it says. */
  readonly minutes: number;
  readonly seed: number;
  /** Only these; all when undefined. */
  readonly fault?: readonly string[];
  /** So many faults side by side, each on a control plane of its own. */
  readonly atOnce: number;
  /** Each once, in its short form. */
  readonly short: boolean;
  /** Writes RESULTS.md. */
  readonly record: boolean;
}

/** Parses the command line (without node and script); throws commander's error for a wrong one. */
export function parseOptions(argv: readonly string[], faults: readonly string[]): Options {
  return new Command('chaos')
    .description('does harm to Comptroller on a real control plane under load, and looks what it makes of it')
    .exitOverride()
    .option('--minutes <count>', 'go on until so many minutes have passed', number(1, 10_080), 0)
    .option('--seed <number>', 'where and when it hurts; the same again for the same seed', number(0, 2 ** 32 - 1), 1)
    .option('--fault <name...>', `only these: ${faults.join(', ')}`, oneOf(faults))
    .option('--at-once <count>', 'so many faults side by side, each on a control plane of its own', number(1, 8), 1)
    .option('--short', 'each fault once, in its short form', false)
    .option('--record', 'write test/chaos/RESULTS.md', false)
    .addHelpText('after', HELP)
    .parse(argv, { from: 'user' })
    .opts<Options>();
}

const HELP = `
After each fault: every Deployment as wished, the ledgers verify, ledgers and audit log agree one to one, no request
refused, no process that ended without a reason. Ends 1 when anything of that, or a fault's own expectation, did not hold.`;

function number(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`);
  };
}

function oneOf(names: readonly string[]): (text: string, before?: readonly string[]) => readonly string[] {
  return (text, before = []) => {
    if (!names.includes(text)) throw new InvalidArgumentError('there is no such fault');
    return [...before, text];
  };
}
