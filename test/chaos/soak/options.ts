import { Command, InvalidArgumentError } from 'commander';

export interface Options {
  readonly minutes: number;
  /** Of the load. */
  readonly seed: number;
  /** Writes SOAK.md and SOAK.png beside the faults' results. */
  readonly record: boolean;
}

/** Parses the command line (without node and script); throws commander's error for a wrong one. */
export function parseOptions(argv: readonly string[]): Options {
  return new Command('soak')
    .description(
      'runs Comptroller under load for an hour while its certificates are renewed every minute, and looks whether it stays as it is',
    )
    .exitOverride()
    .option('--minutes <count>', 'for how long', number(1, 10_080), 60)
    .option('--seed <number>', 'the same changes again for the same seed', number(0, 2 ** 32 - 1), 1)
    .option('--record', 'write test/chaos/SOAK.md and SOAK.png', false)
    .addHelpText(
      'after',
      '\nThe report and the picture are in test-results/soak. Ends 1 when something was not flat, missed or wrong.',
    )
    .parse(argv, { from: 'user' })
    .opts<Options>();
}

function number(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`);
  };
}
