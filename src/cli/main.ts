#!/usr/bin/env node
/**
 * `comptroller <command>`. Commands are loaded when they are called, so that `run` and `keeper` never load what only the
 * command line needs.
 */
import { ensureHardened } from '#config/harden.ts';
import { misused } from './misuse.ts';

const COMMANDS: Readonly<
  Record<string, { readonly does: string; readonly load: () => Promise<(args: readonly string[]) => Promise<void>> }>
> = {
  run: {
    does: 'run the controllers (upstream flags; see run --help)',
    load: async () => {
      // First of all: the process starts itself again, and what was loaded before would be loaded twice.
      ensureHardened();
      return (await import('./run.ts')).run;
    },
  },
  keeper: {
    does: 'run the keeper process: CA key and checkpoint key',
    load: async () => (await import('./keeper.ts')).keeper,
  },
  ledger: {
    does: 'verify, show, query, explain and join ledgers, also offline',
    load: async () => command((await import('./ledger.ts')).ledgerCommand),
  },
  policy: {
    does: 'build, sign, test, evaluate and explain policy bundles',
    load: async () => command((await import('./policy.ts')).policyCommand),
  },
  certs: {
    does: "list, renew and revoke the controllers' certificates",
    load: async () => command((await import('./certs.ts')).certsCommand),
  },
  breaker: {
    does: 'list, show, release and reject what is held because it would take too much away',
    load: async () => command((await import('./breaker.ts')).breakerCommand),
  },
  doctor: {
    does: 'check an installation, and say what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  manifests: {
    does: 'print roles, admission policies and flow schemas',
    load: async () => command((await import('./manifests.ts')).manifestsCommand),
  },
};

type Commander = import('commander').Command;

function command(make: () => Commander): (args: readonly string[]) => Promise<void> {
  return async (args) => {
    await misused(make()).parseAsync([...args], { from: 'user' });
  };
}

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(10)} ${does}`);
  return `Usage: comptroller <command> [options]\n\nCommands:\n${lines.join('\n')}\n\ncomptroller <command> --help says more.\n`;
}

const [name = '--help', ...args] = process.argv.slice(2);
if (name === '--help' || name === '-h' || name === 'help') process.stdout.write(usage());
else if (!Object.hasOwn(COMMANDS, name)) {
  process.stderr.write(`comptroller: no command is named "${name.slice(0, 40)}"\n\n${usage()}`);
  process.exitCode = 2;
} else {
  try {
    await (await (COMMANDS[name] as (typeof COMMANDS)[string]).load())(args);
  } catch (error) {
    process.stderr.write(`comptroller ${name}: ${error instanceof Error ? error.message : 'failing'}\n`);
    process.exitCode = 2;
  }
}
