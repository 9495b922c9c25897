/** A disk that can be full: a file system of its own below a replica's ledger. */
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Arena, Replica } from '../../fault.ts';
import { whileDown } from './replicas.ts';

export interface SmallDisk {
  /** From now on nothing more fits on it. */
  fill(): void;
  free(): void;
  /** The ledger lies where it lay before. */
  leave(): Promise<void>;
}

/** Beyond the reserve and what earlier faults left. */
const SIZE = '96m';
const isRoot = (): boolean => process.getuid?.() === 0;

/** A real one where this process may mount, else the shim's word. */
export async function smallDisk(arena: Arena, replica: Replica): Promise<SmallDisk> {
  if (!isRoot()) {
    arena.say('only root may mount a small disk: the shim answers ENOSPC instead');
    return {
      fill: () => arena.shim?.set({ writeError: 'ENOSPC' }, replica),
      free: () => arena.shim?.set({}, replica),
      leave: async () => {},
    };
  }
  const { ledgerDir } = replica;
  await whileDown(arena, replica, () => onto(ledgerDir, ['-t', 'tmpfs', '-o', `size=${SIZE},mode=700`, 'tmpfs']));
  const ballast = join(ledgerDir, 'ballast');
  return {
    fill: () => fillUp(ballast),
    free: () => rmSync(ballast, { force: true }),
    async leave() {
      rmSync(ballast, { force: true });
      await whileDown(arena, replica, () => off(ledgerDir));
    },
  };
}

/** Mounts something over a directory and takes its content along. */
function onto(directory: string, mount: readonly string[]): void {
  const aside = `${directory}.aside`;
  cpSync(directory, aside, { recursive: true, preserveTimestamps: true });
  execFileSync('mount', [...mount, directory]);
  cpSync(aside, directory, { recursive: true, preserveTimestamps: true });
  rmSync(aside, { recursive: true });
}

/** And back, with what came to it. */
function off(directory: string): void {
  const aside = `${directory}.aside`;
  cpSync(directory, aside, { recursive: true, preserveTimestamps: true });
  execFileSync('umount', [directory]);
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  cpSync(aside, directory, { recursive: true, preserveTimestamps: true });
  rmSync(aside, { recursive: true });
}

/** Down to the last byte. */
function fillUp(path: string): void {
  const file = openSync(path, 'a', 0o600);
  try {
    for (let size = 1024 * 1024; size >= 1; )
      try {
        writeSync(file, Buffer.alloc(size, 1));
      } catch {
        size = Math.floor(size / 2);
      }
  } finally {
    closeSync(file);
  }
}

/** The directory can be read and not be written, for as long as the work takes. False where only root could do that. */
export async function readOnly(directory: string, work: () => Promise<unknown>): Promise<boolean> {
  if (!isRoot()) return false;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  execFileSync('mount', ['--bind', directory, directory]);
  try {
    execFileSync('mount', ['-o', 'remount,bind,ro', directory]);
    await work();
  } finally {
    execFileSync('umount', [directory]);
  }
  return true;
}
