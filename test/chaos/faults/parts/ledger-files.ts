/** Hands on the files of a replica's ledger, as a careless person or a bad disk has them. */
import { appendFileSync, copyFileSync, readdirSync, readFileSync, renameSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { liveLog } from '#kit/manager.ts';
import type { RunningManager } from '#local/manager.ts';
import type { Draw, Replica } from '../../fault.ts';

/** The file that the newest log's records go to, of a running process or of one that was killed. */
export async function newestSegment({ ledgerDir }: Pick<Replica, 'ledgerDir'>): Promise<string> {
  const { path } = await liveLog({ ledgerDir } as RunningManager);
  const newest = readdirSync(join(path, 'wal')).sort().at(-1);
  if (newest === undefined) throw new Error(`looking for the segment of a log: ${path} has none`);
  return join(path, 'wal', newest);
}

/** What can become of the file under a process that has it open. */
export const HARMS: Readonly<Record<'deleted' | 'truncated' | 'replaced', (segment: string) => void>> = {
  deleted: (segment) => unlinkSync(segment),
  truncated: (segment) => truncateSync(segment, 0),
  /** By a copy of itself, so that not one byte is missing when it happens. */
  replaced(segment) {
    copyFileSync(segment, `${segment}.copy`);
    renameSync(`${segment}.copy`, segment);
  },
};

const MAGIC = 'CLG1';

/** Where the last group of a segment begins. */
const lastGroup = (bytes: Buffer): number => bytes.lastIndexOf(MAGIC);

/** What a power cut leaves of a group that was being written: some of its first bytes, never acknowledged. */
export function tear(segment: string, draw: Draw): number {
  const bytes = readFileSync(segment);
  const group = bytes.subarray(lastGroup(bytes));
  const torn = draw.int(1, group.length - 1);
  appendFileSync(segment, group.subarray(0, torn));
  return torn;
}

/** What a disk leaves that lied about its fdatasync: the last acknowledged group is cut short. */
export function cutShort(segment: string, draw: Draw): number {
  const bytes = readFileSync(segment);
  const lost = draw.int(1, bytes.length - lastGroup(bytes) - 1);
  truncateSync(segment, bytes.length - lost);
  return lost;
}
