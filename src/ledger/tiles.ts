import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HASH_BYTES, type NodeReader, nodeHash, TILE_HEIGHT, TILE_WIDTH } from './merkle.ts';

/** The C2SP tlog-tiles layout: `tile/<level>/<index>` holds 256 hashes, `tile/entries/<index>` 256 entries. */

export const MAX_ENTRY_BYTES = 65_535;

/** `1234067` is `x001/x234/067`. */
export function indexPath(index: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const groups = digits.match(/.{3}/g) as string[];
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
}

/** The path below the log's directory; `width` under 256 names a partial tile. */
export function tilePath(level: number | 'entries', index: number, width = TILE_WIDTH): string {
  const path = `tile/${level}/${indexPath(index)}`;
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

/** How many hashes (or entries, at level 0) the tile of that index has in a log of `size`; 0 when there is no such tile. */
export function tileWidth(level: number, index: number, size: number): number {
  const nodes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, nodes - index * TILE_WIDTH));
}

export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) throw new RangeError('encoding an entry that is over its cap');
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
}

/** Undefined when the bytes are not whole entries. */
export function decodeEntries(bytes: Buffer): Buffer[] | undefined {
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 2 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export interface TileFile {
  /** How many hashes or entries its name says it holds. */
  readonly width: number;
  readonly bytes: Buffer;
}

/**
 * The file that begins with what a tile of `width` holds: that one, or a wider one. While a process writes, partial
 * tiles give way to wider ones and these to the full one.
 */
export async function readTileFile(
  directory: string,
  level: number | 'entries',
  index: number,
  width: number,
): Promise<TileFile | undefined> {
  const read = async (found: number): Promise<TileFile | undefined> => {
    const bytes = await readIfThere(join(directory, tilePath(level, index, found)));
    return bytes === undefined ? undefined : { width: found, bytes };
  };
  const exact = await read(width);
  if (exact !== undefined || width === TILE_WIDTH) return exact;
  const names = await readdir(join(directory, `${tilePath(level, index)}.p`)).catch(() => []);
  const wider = names.map(Number).filter((found) => found > width && found < TILE_WIDTH);
  for (const found of [...wider.sort((a, b) => b - a), TILE_WIDTH]) {
    const file = await read(found);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** A tile cut to the width that a log of `size` has there; undefined when it is missing or malformed. */
export async function readTile(
  directory: string,
  level: number,
  index: number,
  size: number,
): Promise<Buffer | undefined> {
  const width = tileWidth(level, index, size);
  const file = await readTileFile(directory, level, index, width);
  return file?.bytes.length === (file?.width ?? 0) * HASH_BYTES
    ? file?.bytes.subarray(0, width * HASH_BYTES)
    : undefined;
}

export async function readBundle(directory: string, index: number, size: number): Promise<Buffer[] | undefined> {
  const width = tileWidth(0, index, size);
  const file = await readTileFile(directory, 'entries', index, width);
  return file === undefined ? undefined : entriesOf(file)?.slice(0, width);
}

/** Undefined when it does not hold as many entries as its name says. */
export function entriesOf({ width, bytes }: TileFile): Buffer[] | undefined {
  const entries = decodeEntries(bytes);
  return entries?.length === width ? entries : undefined;
}

function perfectRoot(hashes: Buffer): Buffer {
  let row = Array.from({ length: hashes.length / HASH_BYTES }, (_, at) =>
    hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
  while (row.length > 1) {
    row = Array.from({ length: row.length / 2 }, (_, at) => nodeHash(row[2 * at] as Buffer, row[2 * at + 1] as Buffer));
  }
  return row[0] as Buffer;
}

/** Reads nodes of a log of `size` from its tiles; keeps the last few tiles. Throws when one is missing or short. */
export function tileNodes(directory: string, size: number): NodeReader {
  const kept = new Map<string, Buffer>();
  return async (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tile = Math.floor(first / TILE_WIDTH);
    const key = `${level}/${tile}`;
    const bytes = kept.get(key) ?? (await readTile(directory, level, tile, size));
    if (bytes === undefined) throw new Error(`reading tile ${tilePath(level, tile)}: it is missing or short`);
    kept.set(key, bytes);
    if (kept.size > 64) kept.delete(kept.keys().next().value as string);
    const at = (first % TILE_WIDTH) * HASH_BYTES;
    const hashes = bytes.subarray(at, at + count * HASH_BYTES);
    if (hashes.length !== count * HASH_BYTES) throw new Error(`reading tile ${tilePath(level, tile)}: it is short`);
    return perfectRoot(hashes);
  };
}
