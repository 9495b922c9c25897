/** The keeper of a process: its child that runs the keeper's file. Linux. */
import { readFileSync } from 'node:fs';

/** From the sources, or built. */
const KEEPER = /keeper\/main\.[tj]s/;

/** Process id; throws where there is none. */
export function keeperOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const keeper = children.find((child) => KEEPER.test(commandOf(child)));
  if (keeper === undefined)
    throw new Error(`looking for the keeper of process ${pid}: it has none among ${children.length} children`);
  return keeper;
}

/** A child may end between the two looks. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
