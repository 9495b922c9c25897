import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './files.ts';
import { leafHash, TILE_WIDTH, Tree } from './merkle.ts';
import { encodeEntries, readTileFile, tilePath } from './tiles.ts';
import type { Say } from './verify-report.ts';

type Level = number | 'entries';

/** What one tile must hold: hashes, or entries at their level. */
interface Tile {
  readonly level: Level;
  readonly index: number;
  readonly parts: readonly Buffer[];
  /** The records that have to be there before the tile can look like this. */
  readonly end: number;
}

const bytesOf = ({ level }: Tile, parts: readonly Buffer[]): Buffer =>
  level === 'entries' ? encodeEntries(parts) : Buffer.concat(parts);

/** Rebuilds a tree from its entries and compares every tile on the way; holds one tile a level. */
export class TreeCheck {
  readonly tree = new Tree();
  /** Tiles below this size were synced when older write-ahead segments went; later ones may have died with the power. */
  readonly #durable: number;
  readonly #directory: string;
  readonly #say: Say;
  readonly #rows: Buffer[][] = [];
  #entries: Buffer[] = [];
  #full: Tile[] = [];
  #behind = false;

  constructor(directory: string, durable: number, say: Say) {
    this.#directory = directory;
    this.#durable = durable;
    this.#say = say;
  }

  /** Returns the leaf's hash. */
  add(entry: Buffer): Buffer {
    const leaf = leafHash(entry);
    this.tree.append(leaf, (level, index, value) => {
      this.#rows[level] ??= [];
      const row = this.#rows[level] as Buffer[];
      row.push(value);
      if (row.length < TILE_WIDTH) return;
      this.#rows[level] = [];
      const end = (index + 1) * TILE_WIDTH ** level;
      this.#full.push({ level, index: Math.floor(index / TILE_WIDTH), parts: row, end });
    });
    this.#entries.push(entry);
    if (this.#entries.length === TILE_WIDTH) {
      const { size } = this.tree;
      this.#full.push({ level: 'entries', index: size / TILE_WIDTH - 1, parts: this.#entries, end: size });
      this.#entries = [];
    }
    return leaf;
  }

  /** Compares the tiles that are full by now; those of a log of `signed` records must be there. */
  async flush(signed: number): Promise<void> {
    const full = this.#full;
    this.#full = [];
    for (const tile of full) {
      const bytes = await readIfThere(join(this.#directory, tilePath(tile.level, tile.index)));
      if (bytes !== undefined) this.#compare(tile, TILE_WIDTH, bytes);
      else if (tile.end <= signed) this.#missing(tile, TILE_WIDTH);
      await this.#narrower(tile);
    }
  }

  /** The partial tiles that a reader of a checkpoint of this size asks for. */
  async atCheckpoint(): Promise<void> {
    for (const tile of this.#partials()) {
      const width = tile.parts.length;
      const found = await readTileFile(this.#directory, tile.level, tile.index, width);
      if (found === undefined) this.#missing(tile, width);
      else if (found.width === width) this.#compare(tile, width, found.bytes);
    }
  }

  /** What else lies beside the tiles at the end. */
  async finish(): Promise<void> {
    for (const tile of this.#partials()) await this.#narrower(tile);
  }

  #partials(): Tile[] {
    const { size } = this.tree;
    const tiles: Tile[] = this.#rows.flatMap((parts, level) => {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      return parts.length === 0 ? [] : [{ level, index, parts, end: size }];
    });
    if (this.#entries.length === 0) return tiles;
    return [...tiles, { level: 'entries', index: Math.floor(size / TILE_WIDTH), parts: this.#entries, end: size }];
  }

  /** Partial tiles of older checkpoints: who still reads one must not be told something else. */
  async #narrower(tile: Tile): Promise<void> {
    const folder = `${tilePath(tile.level, tile.index)}.p`;
    const names = await readdir(join(this.#directory, folder)).catch(() => []);
    for (const name of names) {
      const width = /^[1-9][0-9]{0,2}$/.test(name) ? Number(name) : 0;
      if (width === 0 || width > tile.parts.length) continue;
      const bytes = await readIfThere(join(this.#directory, folder, name));
      // Emptied by a power failure, it tells nobody anything; what the checkpoint needs was looked at.
      if (bytes !== undefined && bytes.length > 0) this.#compare(tile, width, bytes);
    }
  }

  #compare(tile: Tile, width: number, bytes: Buffer): void {
    const wanted = bytesOf(tile, tile.parts.slice(0, width));
    if (bytes.equals(wanted)) return;
    if (bytes.length === 0 || (tile.end > this.#durable && isCut(bytes, wanted))) this.#missing(tile, width);
    else this.#say('broken', 'tile-differs', `${tilePath(tile.level, tile.index, width)} is not what the records say`);
  }

  #missing({ level, index, end }: Tile, width: number): void {
    const path = tilePath(level, index, width);
    if (end <= this.#durable) {
      this.#say('broken', 'tile-missing', `${path} is not there`);
      return;
    }
    if (this.#behind) return;
    this.#behind = true;
    this.#say('note', 'tiles-behind', `${path} is not there; the write-ahead segments hold what belongs in it`);
  }
}

const BLOCK_BYTES = 512;

/** As a power failure leaves a file that was not synced: its beginning alone, or with blocks of zeros behind it. */
function isCut(bytes: Buffer, wanted: Buffer): boolean {
  if (bytes.length > wanted.length) return false;
  if (bytes.length < wanted.length && bytes.equals(wanted.subarray(0, bytes.length))) return true;
  const wrong = bytes.findIndex((byte, at) => byte !== wanted[at]);
  const block = wrong - (wrong % BLOCK_BYTES);
  return wrong >= 0 && bytes.subarray(block).every((byte) => byte === 0);
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
