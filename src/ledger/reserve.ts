import { randomFillSync } from 'node:crypto';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_MODE } from './files.ts';

/** Room that is given back when the disk is full, so that leases, stop records and outcomes still fit. */
export const RESERVE_BYTES = 8 * 1024 * 1024;

/** What a process that starts must find beside its reserve. */
const LEAST_ROOM = RESERVE_BYTES;

/** Real bytes, not zeros and not a hole: file systems that compress would reserve nothing. */
export async function keepReserve(directory: string): Promise<void> {
  const path = join(directory, 'reserve');
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size >= RESERVE_BYTES) return;
  const file = await open(path, 'w', FILE_MODE);
  try {
    const block = randomFillSync(Buffer.allocUnsafe(1024 * 1024));
    for (let at = 0; at < RESERVE_BYTES; at += block.length) await file.write(block, 0, block.length, at);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Throws ENOSPC where there is no room for records beside the reserve: a process would begin, write a little, and end on
 * its reserve, again and again.
 */
export async function needRoom(
  directory: string,
  look: (directory: string) => Promise<{ readonly bavail: number; readonly bsize: number }> = statfs,
): Promise<void> {
  const { bavail, bsize } = await look(directory);
  if (bavail * bsize < LEAST_ROOM) throw Object.assign(new Error('no room for records'), { code: 'ENOSPC' });
}

/** False when it was given already. */
export async function giveReserve(directory: string): Promise<boolean> {
  const path = join(directory, 'reserve');
  const there = await stat(path).then(
    (found) => found.size > 0,
    () => false,
  );
  await rm(path, { force: true });
  return there;
}

/** How much of the disk is used, as an unprivileged user sees it: 0 to 1. */
export async function diskUsed(directory: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(directory);
  const usable = blocks - bfree + bavail;
  return usable === 0 ? 1 : (blocks - bfree) / usable;
}
