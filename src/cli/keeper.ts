import { Command, Option } from 'commander';
import { DEFAULT_STATE_DIR, placesIn } from '#identity/places.ts';
import { NAMING_MODES, type NamingMode } from '#identity/profiles.ts';
import { spawnKeeper } from '#keeper/spawn.ts';

interface Options {
  readonly caCert: string;
  readonly caKey: string;
  readonly stateDir: string;
  readonly socket?: string;
  readonly mode: NamingMode;
}

/** `comptroller keeper`: the keeper in a hardened process below this one; both end together. */
export async function keeper(args: readonly string[]): Promise<void> {
  const options = new Command('comptroller keeper')
    .description('Holds the CA key and the checkpoint key, and signs with them for `comptroller run`.')
    .requiredOption('--ca-cert <file>', "PEM of the CA that signs the controllers' certificates")
    .requiredOption('--ca-key <file>', 'its private key: unencrypted PEM, EC or RSA, mode 0600')
    .option(
      '--state-dir <dir>',
      'where Comptroller keeps its state; the keeper uses the folder keeper in it',
      DEFAULT_STATE_DIR,
    )
    .option('--socket <file>', 'unix socket to listen on (default: keeper/keeper.sock in the state directory)')
    .addOption(
      new Option('--mode <mode>', 'names in the certificates').choices([...NAMING_MODES]).default('comptroller'),
    )
    .parse([...args], { from: 'user' })
    .opts<Options>();
  const places = placesIn(options.stateDir);
  const { caCert, caKey, mode } = options;
  const socket = options.socket ?? places.keeperSocket;
  if (mode === 'upstream') process.stderr.write(UPSTREAM_WARNING);
  const running = await spawnKeeper({ socket, caCert, caKey, stateDir: places.keeper, mode }, { hold: true });
  process.stdout.write(`keeper: listening on ${socket}\n`);
  const stop = (): void => void running.stop();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  process.exitCode = (await running.exited) ?? 1;
}

export const UPSTREAM_WARNING = [
  'WARNING: naming mode upstream.',
  "Certificates carry the user names of upstream's controllers and get the rights of the stock bindings:",
  'wider than needed, not revocable by generation, not held by the admission policies. For a migration only.',
  '',
].join('\n');
