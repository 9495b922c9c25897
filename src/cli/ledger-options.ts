import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { parseVerifierKey } from '#ledger/note.ts';
import { verifyLedger } from '#ledger/verify.ts';
import type { VerifyReport } from '#ledger/verify-report.ts';

/** What a verdict ends the process with: yes, no, could not decide (also: used wrongly). Stable. */
export const EXIT = { yes: 0, no: 1, undecided: 2 } as const;

export const REPORT_VERSION = 'comptroller.dev/ledger-report/v1';

export interface Where {
  readonly dir: readonly string[];
  readonly output: string;
}

export interface Keyed extends Where {
  readonly key?: readonly string[];
}

/** Several directories for the logs of all replicas: an option that may be given again. */
export function subcommand(name: string, description: string, formats: readonly string[] = ['text', 'json']): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('--dir <directory>', "the ledger's directory; again for that of each replica")
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices([...formats]).default('text'));
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

export function keyed(command: Command): Command {
  return command.addOption(
    new Option(
      '--key <file>',
      "a file with note verifier keys (<name>+<hash>+<base64>), got from the keeper; without it the ledger's own checkpoint.pub is believed",
    ).argParser(collect),
  );
}

const MAX_KEY_BYTES = 64 * 1024;

/** The given keys, one a line; undefined when none is given. Throws an Error fit for a person. */
function givenKeys(files: readonly string[] | undefined): string | undefined {
  if (files === undefined) return undefined;
  const lines = files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      throw new Error(`reading --key ${file}: it cannot be opened`);
    }
    if (text.length > MAX_KEY_BYTES) throw new Error(`reading --key ${file}: it is too long for verifier keys`);
    const keys = text.split('\n').filter((line) => line.trim() !== '');
    if (keys.length === 0) throw new Error(`reading --key ${file}: it is empty`);
    for (const key of keys) checkKey(file, key);
    return keys;
  });
  return lines.join('\n');
}

function checkKey(file: string, key: string): void {
  try {
    parseVerifierKey(key);
  } catch (error) {
    throw new Error(`reading --key ${file}: ${error instanceof Error ? error.message : 'it is no verifier key'}`);
  }
}

export async function verifyAll(
  directories: readonly string[],
  key: readonly string[] | undefined,
  more: { readonly strict?: boolean } = {},
): Promise<VerifyReport> {
  const [directory = '', ...others] = directories;
  const verifierKey = givenKeys(key);
  return verifyLedger({ directory, others, ...more, ...(verifierKey !== undefined && { verifierKey }) });
}

export const TRUST = {
  'given-key': 'the key given with --key',
  'directory-key':
    'the key that lies beside the logs: whoever can change the ledger can change it too; give --key to be sure',
} as const;

/** Waits where the reader of a pipe is slower. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** A reader that has seen enough (`| head`) ends the command without a word. */
export function endWithReader(): void {
  if (process.stdout.listenerCount('error') > 0) return;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.undecided);
    throw error;
  });
}

export function json(kind: string, body: object): string {
  return `${JSON.stringify({ version: REPORT_VERSION, kind, ...body }, undefined, 2)}\n`;
}

/** What is said to a person and is no result. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`);
}
