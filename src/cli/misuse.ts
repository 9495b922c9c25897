import type { Command } from 'commander';

/**
 * Commander ends with 1 for a wrong flag; here 1 is an answer ("no", "something is wrong"), and 2 is for what was asked
 * wrongly. Of the command and of all below it.
 */
export function misused(command: Command): Command {
  command.configureOutput({ outputError: () => {} });
  command.exitOverride((error) => {
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') process.exit(0);
    if (error.code === 'commander.help') process.exit(2);
    throw new Error(error.message.replace(/^error: /, ''));
  });
  for (const one of command.commands) misused(one);
  return command;
}
