import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLogId, unverifiedCheckpoint } from './checkpoint.ts';
import { errorCode } from './files.ts';
import { TILE_WIDTH } from './merkle.ts';
import type { Anchor } from './port.ts';
import { readBundle, tilePath } from './tiles.ts';
import { decodeSegment, isSegmentName } from './wal.ts';

/** Reads ledgers from a directory, live, crashed or copied. Nothing here writes. */

export interface LogDirectory {
  readonly id: string;
  readonly path: string;
}

/** The logs below a ledger's directory (or the one log that it is), in no order. */
export async function findLogs(directory: string): Promise<LogDirectory[]> {
  const names = await readdir(directory, { withFileTypes: true });
  if (names.some((entry) => entry.isFile() && entry.name === 'checkpoint')) {
    const note = await readCheckpoint(directory);
    const id = note === undefined ? '' : (unverifiedCheckpoint(note)?.origin.split('/').at(-1) ?? '');
    return [{ id, path: directory }];
  }
  return names
    .filter((entry) => entry.isDirectory() && isLogId(entry.name))
    .map(({ name }) => ({ id: name, path: join(directory, name) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

const MAX_CHECKPOINT_BYTES = 64 * 1024;

export async function readCheckpoint(log: string): Promise<string | undefined> {
  try {
    const path = join(log, 'checkpoint');
    if ((await stat(path)).size > MAX_CHECKPOINT_BYTES) return '';
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What the log says of itself, unverified: for looking things up. */
export async function claimedAnchor(log: string): Promise<Anchor | undefined> {
  const note = await readCheckpoint(log);
  return note === undefined ? undefined : unverifiedCheckpoint(note);
}

export class BrokenLog extends Error {}

/** The entries from `from` up to `size`, a bundle at a time. Throws BrokenLog when one is missing or malformed. */
export async function* bundles(
  log: string,
  size: number,
  from = 0,
): AsyncGenerator<{ readonly first: number; readonly entries: readonly Buffer[] }> {
  for (let index = Math.floor(from / TILE_WIDTH); from < size && index * TILE_WIDTH < size; index += 1) {
    const entries = await readBundle(log, index, size);
    if (entries === undefined) throw new BrokenLog(`${tilePath('entries', index)} is missing or malformed`);
    const first = index * TILE_WIDTH;
    const skip = Math.max(0, from - first);
    yield { first: first + skip, entries: entries.slice(skip) };
  }
}

/** One entry, read from its bundle. */
export async function entryAt(log: string, size: number, seq: number): Promise<Buffer | undefined> {
  if (!(seq >= 0 && seq < size)) return undefined;
  const entries = await readBundle(log, Math.floor(seq / TILE_WIDTH), size);
  return entries?.[seq % TILE_WIDTH];
}

export interface Tail {
  readonly first: number;
  readonly entries: readonly Buffer[];
}

export interface TailEnd {
  readonly tornBytes: number;
  readonly damaged: boolean;
}

export async function segmentsOf(log: string): Promise<{ first: number; path: string }[]> {
  const names = await readdir(join(log, 'wal')).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter(isSegmentName)
    .sort()
    .map((name) => ({ first: Number(name), path: join(log, 'wal', name) }));
}

/** What the write-ahead segments hold from `from` on, in order; returns how they end. */
export async function* tail(log: string, from: number): AsyncGenerator<Tail, TailEnd> {
  let next = from;
  let tornBytes = 0;
  let damaged = false;
  const segments = await segmentsOf(log);
  for (const [at, { path, first }] of segments.entries()) {
    const following = segments[at + 1]?.first;
    if (following !== undefined && following <= from && first < following) continue;
    const segment = decodeSegment(await readFile(path));
    // Only the last segment can be torn by a crash: the others were left whole.
    damaged ||= segment.damaged || (segment.torn > 0 && following !== undefined);
    tornBytes += segment.torn;
    for (const group of segment.groups) {
      const end = group.first + group.entries.length;
      if (end <= next) continue;
      if (group.first > next) return { tornBytes, damaged: true };
      yield { first: next, entries: group.entries.slice(next - group.first) };
      next = end;
    }
  }
  return { tornBytes, damaged };
}

/** A body by its place; undefined when it is not there or is not what the record says (the caller compares the digest). */
export async function readBody(log: string, pack: number, offset: number, bytes: number): Promise<Buffer | undefined> {
  if (![pack, offset, bytes].every((n) => Number.isSafeInteger(n) && n >= 0) || bytes > 1024 * 1024) return undefined;
  try {
    const file = await open(join(log, 'bodies', String(pack).padStart(6, '0')));
    try {
      const buffer = Buffer.alloc(bytes);
      const { bytesRead } = await file.read(buffer, 0, bytes, offset);
      return bytesRead === bytes ? buffer : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
