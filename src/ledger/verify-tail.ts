import { readFile, stat } from 'node:fs/promises';
import { errorCode } from './files.ts';
import { segmentsOf } from './reader.ts';
import { decodeSegment, type Group, type Segment } from './wal.ts';

/** Far above what the ledger lets a segment grow to. */
const MAX_SEGMENT_BYTES = 256 * 1024 * 1024;

export interface WalEnd {
  /** The first record that the segments hold, and the one after the last; undefined where there are no segments. */
  readonly first: number | undefined;
  readonly next: number;
  /** Bytes behind the last whole group. */
  readonly torn: number;
  /** Those bytes are a group in its full length: a crash may have done that, and so may a hand. */
  readonly spoiled: boolean;
  /** Damage that no crash does. */
  readonly damage: string | undefined;
}

/** All groups of the write-ahead segments in their order, also those that are in tiles by now. */
export async function* walkWal(log: string): AsyncGenerator<Group, WalEnd> {
  let next: number | undefined;
  let first: number | undefined;
  let last: Segment | undefined;
  let damage: string | undefined;
  for (const { path, first: named } of await segmentsOf(log)) {
    const segment = await readSegment(path);
    // A process that runs on drops segments whose records are in tiles.
    if (segment === 'gone' && next === undefined) continue;
    if (segment === 'gone' || segment === 'huge') {
      damage ??= `segment ${named} is ${segment}`;
      break;
    }
    if (last !== undefined && last.torn > 0) damage ??= `the segment before ${named} is broken`;
    first ??= named;
    next ??= named;
    if (named !== next) damage ??= `segment ${named} does not begin where the one before it ends`;
    for (const group of segment.groups) {
      if (group.first !== next) damage ??= `a group names record ${group.first} where ${next} follows`;
      if (damage !== undefined) break;
      yield group;
      next = group.first + group.entries.length;
    }
    if (segment.damaged) damage ??= `segment ${named} is broken before its end`;
    last = segment;
  }
  return { first, next: next ?? 0, torn: last?.torn ?? 0, spoiled: last?.spoiled ?? false, damage };
}

async function readSegment(path: string): Promise<Segment | 'gone' | 'huge'> {
  try {
    if ((await stat(path)).size > MAX_SEGMENT_BYTES) return 'huge';
    return decodeSegment(await readFile(path));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'gone';
    throw error;
  }
}
