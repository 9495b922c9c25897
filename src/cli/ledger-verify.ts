import type { Command } from 'commander';
import { json, type Keyed, keyed, print, subcommand, TRUST, verifyAll } from './ledger-options.ts';
import { exitOf, verifyText } from './ledger-output.ts';

export function verifyCommand(): Command {
  return keyed(subcommand('verify', 'recompute every log and hold it against its signed checkpoint'))
    .option('--strict', 'a log or an epoch that is named but not here makes the verdict undecided')
    .action(async ({ dir, key, output, strict }: Keyed & { strict?: boolean }) => {
      const report = await verifyAll(dir, key, { strict: strict === true });
      const trust = TRUST[key === undefined ? 'directory-key' : 'given-key'];
      await print(output === 'json' ? json('verify', { trust, ...report }) : verifyText(report));
      process.exitCode = exitOf(report.verdict);
    });
}
