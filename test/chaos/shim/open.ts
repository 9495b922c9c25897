import { closeSync, mkdirSync, openSync, realpathSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { ShimFaults } from '../fault.ts';
import { buildShim } from './build.ts';
import type { OpenedShim, OpenShim } from './port.ts';

/** What one process maps: four numbers of 64 bits, then the directory below which the disk is bad. */
const NUMBERS_BYTES = 4 * 8;
const PATH_BYTES = 1024;

/** Where `install` lets a replica keep its ledger. */
const ledgersIn = (cluster: string): string => join(cluster, 'comptroller', 'ledgers');

/** Compiles the shim where it is not yet, and keeps what it shall do in files, one a replica. */
export const openShim: OpenShim = async (directory) => shimFor(join(directory, 'shim'), ledgersIn(directory));

/** Each replica's disk is bad below the folder of `ledgers` that has its name; it need not be there yet. */
export function shimFor(folder: string, ledgers: string): OpenedShim {
  const library = buildShim();
  const files = new Map<string, number>();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    environment(replica) {
      const path = join(folder, replica);
      if (!files.has(replica)) files.set(replica, begin(path, join(ledgers, replica)));
      return { LD_PRELOAD: library, CHAOS_SHIM: path };
    },
    shim: {
      set(faults, replica) {
        const chosen = replica === undefined ? [...files.values()] : [files.get(replica.name)];
        for (const file of chosen) {
          if (file === undefined) throw new Error(`setting faults of the disk: ${replica?.name} runs without the shim`);
          writeSync(file, encode(faults), 0, NUMBERS_BYTES, 0);
        }
      },
    },
    async close() {
      for (const file of files.values()) closeSync(file);
      files.clear();
    },
  };
}

function begin(path: string, ledger: string): number {
  mkdirSync(ledger, { recursive: true, mode: 0o700 });
  const file = openSync(path, 'w+', 0o600);
  const below = Buffer.alloc(PATH_BYTES);
  // The kernel names open files by their real paths.
  below.write(realpathSync(ledger));
  writeSync(file, Buffer.concat([encode({}), below]));
  return file;
}

/** In the byte order of the machine: who reads it runs here. */
function encode({ clock = 0, syncDelay = 0, syncError, writeError }: ShimFaults): Uint8Array {
  const numbers = [Math.round(clock), Math.round(syncDelay), errnoOf(syncError), errnoOf(writeError)];
  return new Uint8Array(BigInt64Array.from(numbers.map(BigInt)).buffer);
}

function errnoOf(name: 'EIO' | 'ENOSPC' | 'EROFS' | undefined): number {
  return name === undefined ? 0 : constants.errno[name];
}
