import { execFileSync } from 'node:child_process';
import type { Replica } from '../../fault.ts';

/** Process id of the keeper that a replica's process started. */
export function keeperOf({ name, process }: Replica): number {
  const children = execFileSync('pgrep', ['-P', String(process?.pid), '-f', 'keeper/main.ts'], { encoding: 'utf8' });
  const [pid] = children.trim().split('\n').map(Number);
  if (pid === undefined || !(pid > 0)) throw new Error(`looking for the keeper of ${name}: it has none`);
  return pid;
}
