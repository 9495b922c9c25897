/** What a replica's process and its ledger take. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Replica } from '../fault.ts';

/** Clock ticks a second, as every Linux counts for its users. */
const TICKS = 100;

/** Seconds of CPU that a replica's process has spent; 0 where the platform does not tell. */
export function spentBy({ process }: Replica): number {
  try {
    const stat = readFileSync(`/proc/${process?.pid}/stat`, 'utf8');
    // The command stands in parentheses and may hold spaces: what follows begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

/** Resident, in MB; 0 where the platform does not tell. */
export function memoryOf({ process }: Replica): number {
  try {
    const status = readFileSync(`/proc/${process?.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Of every file in and below a directory. */
export function bytesBelow(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}
