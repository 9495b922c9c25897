import { Command, InvalidArgumentError } from 'commander';
import { askDoor, type DoorOptions, doorCommand } from './breaker-options.ts';
import { holdText, listText, type ShownGrant, type ShownHold } from './breaker-output.ts';
import { plain } from './ledger-output.ts';

const HELP = `
What is held is in the replica that leads: another one says who that is. Its certificate is self-signed and made in memory
unless run has --tls-cert-file: then give --insecure-skip-tls-verify, on its own host.

Exit codes: 0 done, 2 not done; standard error says why.`;

interface Listed {
  readonly holds: readonly ShownHold[];
  readonly grants: readonly ShownGrant[];
}

interface Decided {
  readonly kept: boolean;
  readonly hold: ShownHold;
  readonly grant?: ShownGrant;
}

interface Word extends DoorOptions {
  readonly reason: string;
  readonly count?: number;
  readonly expiry?: number;
}

/** `comptroller breaker`: what is held because it would take too much away, and what becomes of it. */
export function breakerCommand(): Command {
  const command = new Command('comptroller breaker')
    .description('list, show, release and reject what the blast-radius breaker holds')
    .addHelpText('after', HELP);
  for (const make of [listCommand, showCommand, releaseCommand, rejectCommand]) command.addCommand(make());
  return command;
}

function listCommand(): Command {
  return doorCommand('list', 'list what is held, and what people let go').action(async (options: DoorOptions) => {
    const found = await askDoor<Listed>(options, 'GET', '/breaker');
    print(options, found, () => listText(found.holds, found.grants));
  });
}

function showCommand(): Command {
  return doorCommand('show', 'tell the whole story of one hold')
    .argument('<hold>', 'its id')
    .action(async (id: string, options: DoorOptions) => {
      const found = await askDoor<{ hold: ShownHold }>(options, 'GET', `/breaker/holds/${encodeURIComponent(id)}`);
      print(options, found, () => holdText(found.hold));
    });
}

function releaseCommand(): Command {
  return doorCommand('release', 'let go what is held, once; your name and the reason go into the ledger')
    .argument('<hold>', 'its id')
    .requiredOption('--reason <text>', 'why; up to 700 characters')
    .option('--count <weight>', 'how much; what the hold asked for by default, and never less', positive)
    .option('--expiry <seconds>', 'for how long; 3600 by default', positive)
    .action(async (id: string, options: Word) => {
      const { reason, count, expiry } = options;
      const body = { id, reason, ...(count && { count }), ...(expiry && { expirySeconds: expiry }) };
      const done = await askDoor<Decided>(options, 'POST', '/breaker/release', body);
      print(options, done, () =>
        decided(`released ${id}: up to ${done.grant?.left ?? 0} for ${done.hold.subject}`, done),
      );
    });
}

function rejectCommand(): Command {
  return doorCommand('reject', 'keep refused what is held, until its owner changes; it alarms no longer')
    .argument('<hold>', 'its id')
    .requiredOption('--reason <text>', 'why; up to 700 characters')
    .action(async (id: string, options: Word) => {
      const done = await askDoor<Decided>(options, 'POST', '/breaker/reject', { id, reason: options.reason });
      print(options, done, () => decided(`rejected ${id}: ${done.hold.subject} stays as it is`, done));
    });
}

function decided(what: string, { kept }: Decided): string {
  const warning = 'it could not be kept in the cluster yet: should this replica end now, the hold is there again';
  return `${plain(what)}\n${kept ? '' : `${warning}\n`}`;
}

function print({ output }: DoorOptions, document: object, text: () => string): void {
  process.stdout.write(output === 'json' ? `${JSON.stringify(document, undefined, 2)}\n` : text());
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('it is no number above 0.');
  return value;
}
