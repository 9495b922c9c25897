import { auditIdOf } from './checkpoint.ts';
import { errorCode } from './files.ts';
import { type Leaf, parseLeaf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import type { Anchor } from './port.ts';
import { BrokenLog, bundles, claimedAnchor, entryAt, findLogs, segmentsOf, tail } from './reader.ts';

/** A log that can be read: live, crashed or copied. Nothing about it is verified here. */
export interface ViewedLog {
  readonly id: string;
  readonly path: string;
  readonly origin: string;
  /** The time of its first record. */
  readonly started: string;
}

export interface LogRecord {
  readonly seq: number;
  readonly entry: Buffer;
}

/** How reading a log ended. */
export interface LogEnd {
  /** The number of records read so far, all logs' beginnings included. */
  readonly next: number;
  /** Bytes of a group that a crash cut. */
  readonly tornBytes: number;
  /** Why what follows cannot be read. */
  readonly damaged?: string;
}

/** Every log below the directories, in the order of their starts. Throws an Error fit for a person. */
export async function viewLogs(directories: readonly string[]): Promise<readonly ViewedLog[]> {
  const views: ViewedLog[] = [];
  for (const directory of directories) {
    const logs = await findLogs(directory).catch((error: unknown) => {
      throw new Error(`reading the ledger ${directory}: ${errorCode(error) ?? 'it cannot be read'}`);
    });
    if (logs.length === 0) throw new Error(`reading the ledger ${directory}: there is no log in it`);
    for (const { id, path } of logs) {
      const origin = (await claimedAnchor(path))?.origin ?? '';
      views.push({ id, path, origin, started: (await firstLeaf(path))?.time ?? '' });
    }
  }
  const ids = new Set<string>();
  for (const { id, path } of views) {
    if (ids.has(id)) throw new Error(`reading ledgers: the log ${id} is there twice, the second time in ${path}`);
    ids.add(id);
  }
  return views.sort((a, b) => compare(a.started, b.started) || compare(a.id, b.id));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function firstLeaf(path: string): Promise<Leaf | undefined> {
  for await (const { entry } of recordsOf({ path })) return parseLeaf(entry);
  return undefined;
}

const MAX_TRIES = 8;

/**
 * The records of a log from `from` on: from bundles up to the checkpoint, then from the write-ahead segments. While a
 * process writes, tiles and segments are replaced under the reader: it then goes on at the newer checkpoint.
 */
export async function* recordsOf({ path }: { readonly path: string }, from = 0): AsyncGenerator<LogRecord, LogEnd> {
  let next = from;
  for (let tries = 1; ; tries += 1) {
    const before = next;
    const end = yield* pass(path, next);
    next = end.next;
    if (end.damaged === undefined || tries >= MAX_TRIES) return end;
    const moved = ((await claimedAnchor(path))?.size ?? 0) > next;
    if (next === before && !moved) return end;
  }
}

/** Whatever reading throws because a file is missing or malformed becomes `damaged`. */
async function* pass(path: string, from: number): AsyncGenerator<LogRecord, LogEnd> {
  let next = from;
  try {
    const size = (await claimedAnchor(path))?.size ?? 0;
    if (next < size) {
      for await (const { first, entries } of bundles(path, size, next)) {
        for (const [at, entry] of entries.entries()) yield { seq: first + at, entry };
        next = first + entries.length;
      }
    }
    const groups = tail(path, next);
    for (let group = await groups.next(); ; group = await groups.next()) {
      if (group.done === true) {
        const { tornBytes, damaged } = group.value;
        return { next, tornBytes, ...(damaged && { damaged: 'a write-ahead segment is broken or missing' }) };
      }
      const { first, entries } = group.value;
      for (const [at, entry] of entries.entries()) yield { seq: first + at, entry };
      next = first + entries.length;
    }
  } catch (error) {
    if (error instanceof BrokenLog) return { next, tornBytes: 0, damaged: error.message };
    if (errorCode(error) === 'ENOENT') return { next, tornBytes: 0, damaged: 'a file vanished while it was read' };
    throw error;
  }
}

/** One record by its number, wherever it lies. */
export async function recordAt(path: string, seq: number): Promise<Buffer | undefined> {
  const size = (await claimedAnchor(path))?.size ?? 0;
  if (seq < size) return entryAt(path, size, seq);
  if ((await segmentsOf(path)).length === 0) return undefined;
  for await (const record of recordsOf({ path }, size)) if (record.seq === seq) return record.entry;
  return undefined;
}

export function auditIdFor(log: string, seq: number, entry: Buffer): string {
  return auditIdOf(log, seq, leafHash(entry));
}

/** Where a log stands as read: for manifests of what was read. */
export interface ReadLog {
  readonly id: string;
  readonly origin: string;
  /** Of the checkpoint; unverified here. */
  readonly size: number;
  readonly root: string;
  /** Records that were read, with those behind the checkpoint. */
  readonly read: number;
  readonly malformed: number;
  readonly damaged?: string;
}

export async function readLogOf(log: ViewedLog, end: LogEnd, malformed: number): Promise<ReadLog> {
  const anchor: Anchor | undefined = await claimedAnchor(log.path);
  return {
    id: log.id,
    origin: anchor?.origin ?? log.origin,
    size: anchor?.size ?? 0,
    root: anchor?.root ?? '',
    read: end.next,
    malformed,
    ...(end.damaged !== undefined && { damaged: end.damaged }),
  };
}
