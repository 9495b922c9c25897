import process from 'node:process';
import { parseArgs } from 'node:util';
import { NAMING_MODES, type NamingMode } from '#identity/profiles.ts';
import type { KeeperSettings } from './arguments.ts';
import { type RunningKeeper, startKeeper } from './server/start.ts';

/**
 * The keeper process. Says `ready` on its output once it listens; ends on SIGTERM and SIGINT, and, when it was started
 * `--with-parent`, as soon as its input closes. Exit code 1 with one line on the error output when it cannot start.
 */
async function main(): Promise<void> {
  process.umask(0o077);
  const { settings, withParent } = readArguments(process.argv.slice(2));
  const keeper = await startKeeper({ ...settings, now: Date.now });
  dropNetwork();
  const stop = stopper(keeper);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (withParent) {
    process.stdin.once('end', stop).once('error', stop).resume();
    process.stdout.on('error', () => undefined);
  }
  process.stdout.write('ready\n');
}

interface Permission {
  has(scope: string): boolean;
  drop(scope: string): void;
}

/** Listening is over: from here on no connection can be made out of this process. Under the permission model only. */
function dropNetwork(): void {
  const permission = process.permission as Permission | undefined;
  if (permission === undefined) return;
  permission.drop('net');
  if (permission.has('net')) throw new Error('starting the keeper: the right to the network could not be given up');
}

function stopper(keeper: RunningKeeper): () => void {
  let stopping = false;
  return () => {
    if (stopping) return;
    stopping = true;
    void keeper.close().finally(() => process.exit(0));
  };
}

function readArguments(argv: string[]): { settings: KeeperSettings; withParent: boolean } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      socket: text,
      'ca-cert': text,
      'ca-key': text,
      'state-dir': text,
      mode: { type: 'string', default: 'comptroller' },
      'with-parent': { type: 'boolean', default: false },
    },
  });
  const need = (name: 'socket' | 'ca-cert' | 'ca-key' | 'state-dir'): string => {
    const value = values[name];
    if (value === undefined || !value.startsWith('/'))
      throw new Error(`starting the keeper: --${name} must be an absolute path`);
    return value;
  };
  const mode = NAMING_MODES.find((known) => known === values.mode) satisfies NamingMode | undefined;
  if (mode === undefined) throw new Error(`starting the keeper: --mode must be one of ${NAMING_MODES.join(', ')}`);
  const settings = {
    socket: need('socket'),
    caCert: need('ca-cert'),
    caKey: need('ca-key'),
    stateDir: need('state-dir'),
    mode,
  };
  return { settings, withParent: values['with-parent'] };
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : 'starting the keeper'}\n`);
  process.exitCode = 1;
});
