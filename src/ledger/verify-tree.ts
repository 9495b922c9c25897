import { HASH_BYTES, leafHash, TILE_WIDTH, Tree } from './merkle.ts';
import { readTile, tilePath, tileWidth } from './tiles.ts';

/** Rebuilds a tree from its entries and compares every tile on the way, one at a time. */
export class TreeCheck {
  readonly tree = new Tree();
  readonly #rows: Buffer[][] = [];
  #full: { level: number; index: number; bytes: Buffer }[] = [];
  readonly #directory: string;
  readonly #size: number;

  constructor(directory: string, size: number) {
    this.#directory = directory;
    this.#size = size;
  }

  /** Returns the leaf's hash. */
  add(entry: Buffer): Buffer {
    const leaf = leafHash(entry);
    this.tree.append(leaf, (level, index, value) => {
      this.#rows[level] ??= [];
      const row = this.#rows[level] as Buffer[];
      row.push(value);
      if (row.length < TILE_WIDTH) return;
      this.#full.push({ level, index: Math.floor(index / TILE_WIDTH), bytes: Buffer.concat(row) });
      this.#rows[level] = [];
    });
    return leaf;
  }

  /** The paths of tiles that are not what the entries say, among those that are complete by now. */
  async wrong(): Promise<string[]> {
    const full = this.#full;
    this.#full = [];
    const wrong: string[] = [];
    for (const tile of full) if (!(await this.#same(tile))) wrong.push(tilePath(tile.level, tile.index));
    return wrong;
  }

  /** The same for the partial tiles at the end. */
  async wrongAtEnd(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [level, row] of this.#rows.entries()) {
      if (row.length === 0) continue;
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1));
      const width = tileWidth(level, index, this.#size);
      const same = await this.#same({ level, index, bytes: Buffer.concat(row) });
      if (!same || width !== row.length) wrong.push(tilePath(level, index, row.length));
    }
    return wrong;
  }

  async #same({ level, index, bytes }: { level: number; index: number; bytes: Buffer }): Promise<boolean> {
    const found = await readTile(this.#directory, level, index, this.#size);
    return found !== undefined && found.length === (bytes.length / HASH_BYTES) * HASH_BYTES && found.equals(bytes);
  }
}
