import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { CONTROLLERS } from '#controllers/registry.ts';
import { raiseGeneration, readGenerations } from '#identity/generations.ts';
import { renderManifests, toYaml } from '#identity/manifests.ts';
import { DEFAULT_STATE_DIR, type Places, placesIn } from '#identity/places.ts';
import { identityNames } from '#identity/profiles.ts';
import { readStatus, requestRenewal, type StatusFile } from '#identity/status.ts';
import { pkcs12Command } from './certs-pkcs12.ts';

interface Options {
  readonly stateDir: string;
  readonly output?: 'table' | 'json';
  readonly timeout?: string;
  readonly generation?: string;
}

const stateDir = (): Option =>
  new Option('--state-dir <dir>', 'the state directory of the running process').default(DEFAULT_STATE_DIR);

export function certsCommand(): Command {
  const command = new Command('comptroller certs').description(
    "The controllers' client certificates. Works on this machine, as the user that Comptroller runs as.",
  );
  command
    .command('list')
    .description('identities of the running process, with user, serial and end')
    .addOption(stateDir())
    .addOption(new Option('-o, --output <format>', 'format').choices(['table', 'json']).default('table'))
    .action((options: Options) => void process.stdout.write(list(options)));
  command
    .command('renew')
    .description('renew one identity, or all; connections are made anew before the old ones close')
    .argument('[identity]', 'which; all when absent')
    .addOption(stateDir())
    .option('--timeout <seconds>', 'how long to wait', '30')
    .action(renew);
  command
    .command('revoke')
    .description('raise the generation of an identity and print its new binding: pipe it to kubectl apply -f -')
    .argument('<identity>', 'which')
    .addOption(stateDir())
    .option('--generation <number>', 'raise to this one: what the first replica printed, on each other replica')
    .action(revoke);
  command.addCommand(pkcs12Command());
  return command;
}

function list({ stateDir, output }: Options): string {
  const { identities } = running(placesIn(stateDir));
  if (output === 'json') return `${JSON.stringify(identities, null, 2)}\n`;
  const rows = identities.map((row) => [
    row.identity,
    row.user,
    row.generation === null ? '-' : `g${row.generation}`,
    row.serial,
    row.notAfter,
    row.renewsAt,
  ]);
  return table([['IDENTITY', 'USER', 'GENERATION', 'SERIAL', 'ENDS', 'RENEWS'], ...rows]);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

async function renew(identity: string | undefined, options: Options): Promise<void> {
  const places = placesIn(options.stateDir);
  const before = running(places);
  if (identity !== undefined) known(identity);
  const seconds = Number(options.timeout);
  if (!(seconds > 0 && seconds <= 3600)) throw new Error('--timeout must be a number of seconds from 1 to 3600');
  requestRenewal(places, identity);
  const wanted = before.identities.filter((row) => identity === undefined || row.identity === identity);
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const now = running(places);
    const done = wanted.every((old) =>
      now.identities.some((row) => row.identity === old.identity && row.serial !== old.serial),
    );
    if (done) return void process.stdout.write(`renewed ${wanted.map((row) => row.identity).join(', ')}\n`);
    if (Date.now() > end)
      throw new Error(`renewing: not done within ${seconds} s; the log of the running process says why`);
    await delay(100);
  }
}

/** The binding goes to standard output, for kubectl; what happens goes to the error output, for people. */
function revoke(identity: string, { stateDir, generation: wanted }: Options): void {
  known(identity);
  const places = placesIn(stateDir);
  mkdirSync(places.keeper, { recursive: true, mode: 0o700 });
  const generation = raiseGeneration(places.keeper, identity, wholeNumber(wanted));
  const isRunning = readStatus(places) !== undefined;
  if (isRunning) requestRenewal(places, identity);
  const files = renderManifests(CONTROLLERS, { mode: 'comptroller', generations: readGenerations(places.keeper) });
  process.stdout.write(toYaml(files.filter((file) => file.file === `rbac/${identity}.yaml`)));
  process.stderr.write(
    [
      `${identity}: the generation is now ${generation}.`,
      'Apply what was printed: from then on every certificate of an older generation has no rights.',
      isRunning
        ? 'The running process takes a certificate of the new generation by itself, in about a second.'
        : 'No process runs here; the next one takes a certificate of the new generation.',
      '',
    ].join('\n'),
  );
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error('--generation must be a whole number from 1 to 999999999');
}

function running(places: Places): StatusFile {
  const status = readStatus(places);
  if (status === undefined) {
    throw new Error(`no comptroller runs with this state directory (${places.status}); give --state-dir, or start it`);
  }
  return status;
}

function known(identity: string): void {
  const names = identityNames(CONTROLLERS);
  if (!names.includes(identity)) throw new Error(`the identity must be one of ${names.join(', ')}`);
}
