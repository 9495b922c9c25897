import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from './checkpoint.ts';
import { numberOf, objectOf, parseLeaf } from './leaf.ts';
import { leafHash, rangeRoot } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import type { Anchor } from './port.ts';
import { bundles, claimedAnchor, entryAt, findLogs, type LogDirectory, readCheckpoint, tail } from './reader.ts';
import { StateFold } from './state.ts';
import { tileNodes } from './tiles.ts';

/** A quick look at the newest log of a directory: its checkpoint, and what its last records say. `verify` checks all. */
export interface Look {
  readonly id: string;
  readonly size: number;
  /** Why the checkpoint does not hold; undefined where it does. */
  readonly wrong?: string;
  /** The highest version of a policy bundle that was seen. */
  readonly bundleVersion: number;
  /** Whose reign the last leadership record tells of. */
  readonly holder?: string;
}

/** Records that are read for the state: a reign and the bundle in force are named again and again. */
const MAX_READ = 65_536;

/** Undefined where there is no log yet. Throws what reading throws. */
export async function lookAtNewest(directory: string, keys: readonly VerifierKey[]): Promise<Look | undefined> {
  const log = await newestLog(directory);
  if (log === undefined) return undefined;
  const wrong = await checkpointTrouble(log, keys);
  const size = (await claimedAnchor(log.path))?.size ?? 0;
  // What cannot be read is what is wrong already; the state is then that of what could be.
  const state = await stateOf(log, size).catch(() => ({ bundleVersion: 0, holder: undefined }));
  const { bundleVersion, holder } = state;
  return {
    id: log.id,
    size,
    ...(wrong !== undefined && { wrong }),
    bundleVersion,
    ...(holder !== undefined && { holder }),
  };
}

async function newestLog(directory: string): Promise<LogDirectory | undefined> {
  const logs = await findLogs(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const times = await Promise.all(logs.map(async (log) => ({ log, at: await changed(log.path) })));
  return times.sort((a, b) => b.at - a.at)[0]?.log;
}

async function changed(log: string): Promise<number> {
  for (const path of [join(log, 'checkpoint'), log]) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) return found.mtimeMs;
  }
  return 0;
}

/** A process may bring out the next checkpoint, and take away a tile of the last one, while it is looked at. */
const TRIES = 3;

async function checkpointTrouble(log: LogDirectory, keys: readonly VerifierKey[]): Promise<string | undefined> {
  let wrong: string | undefined;
  let last: string | undefined;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const note = await readCheckpoint(log.path);
    if (note === undefined) return 'it has no checkpoint yet';
    if (tries > 0 && note === last) return wrong;
    last = note;
    wrong = await noteTrouble(log, note, keys);
    if (wrong === undefined) return undefined;
  }
  return wrong;
}

async function noteTrouble(
  { id, path }: LogDirectory,
  note: string,
  keys: readonly VerifierKey[],
): Promise<string | undefined> {
  if (keys.length === 0) return 'there is no key to check its checkpoint with';
  const opened = keys.map((key) => openCheckpoint(note, key));
  const good = opened.find((one) => one.ok);
  if (good?.ok !== true) return `its checkpoint: ${opened.map((one) => (one.ok ? '' : one.why))[0]}`;
  if (!good.anchor.origin.endsWith(`/${id}`)) return 'its checkpoint is of another log';
  return rootTrouble(path, good.anchor);
}

async function rootTrouble(path: string, { size, root }: Anchor): Promise<string | undefined> {
  try {
    const found = await rangeRoot(tileNodes(path, size), 0, size);
    return found.toString('base64') === root ? undefined : 'its tiles do not have the root that was signed';
  } catch {
    return 'its tiles are missing or malformed';
  }
}

async function stateOf(
  log: LogDirectory,
  size: number,
): Promise<{ bundleVersion: number; holder: string | undefined }> {
  const fold = new StateFold(log.id);
  const take = (entries: readonly Buffer[]): void => {
    for (const entry of entries) {
      const leaf = parseLeaf(entry);
      if (leaf !== undefined) fold.add(leaf, leafHash(entry));
    }
  };
  for await (const { entries } of bundles(log.path, size, Math.max(0, size - MAX_READ))) take(entries);
  for await (const { entries } of tail(log.path, size)) take(entries);
  const { bundleVersion, epoch } = fold.state();
  return { bundleVersion: Math.max(bundleVersion, await carriedVersion(log, size)), holder: epoch?.holder };
}

/** What the start record carries on from the logs before. */
async function carriedVersion(log: LogDirectory, size: number): Promise<number> {
  const first = await entryAt(log.path, size, 0);
  const start = first === undefined ? undefined : parseLeaf(first);
  return numberOf(objectOf(start?.data, 'carried'), 'bundleVersion') ?? 0;
}
