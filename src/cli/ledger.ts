import { Command } from 'commander';
import { completenessCommand } from './ledger-completeness.ts';
import { endWithReader } from './ledger-options.ts';
import { queryCommand } from './ledger-query.ts';
import { showCommand } from './ledger-show.ts';
import { tailCommand } from './ledger-tail.ts';
import { verifyCommand } from './ledger-verify.ts';
import { whyCommand } from './ledger-why.ts';

const HELP = `
Exit codes: 0 yes (verified, complete, found), 1 no (something is wrong or missing), 2 could not decide, or used wrongly.
Everything works on a copy of the ledger's directory; nothing here contacts the cluster.`;

/** `comptroller ledger`: what automation did, and that nothing is missing. */
export function ledgerCommand(): Command {
  endWithReader();
  const command = new Command('comptroller ledger')
    .description('verify, search and explain ledgers, and join them with the API server audit log')
    .addHelpText('after', HELP);
  for (const make of [verifyCommand, showCommand, queryCommand, whyCommand, tailCommand, completenessCommand])
    command.addCommand(make());
  return command;
}
