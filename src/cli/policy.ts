import { Command } from 'commander';
import { compileCommands } from './policy-compile.ts';
import { decideCommands } from './policy-decide.ts';
import { keyCommands } from './policy-keys.ts';

/** `comptroller policy`: for the people who write, sign and ship rules. */
export function policyCommand(): Command {
  const command = new Command('policy').description('build, test, sign and try policy bundles');
  for (const sub of [...compileCommands(), ...keyCommands(), ...decideCommands()]) command.addCommand(sub);
  return command;
}
