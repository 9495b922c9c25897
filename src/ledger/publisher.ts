import { mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkpointBody } from './checkpoint.ts';
import { DIRECTORY_MODE, FILE_MODE, replaceFile, syncPath } from './files.ts';
import { TILE_WIDTH, Tree } from './merkle.ts';
import type { Anchor } from './port.ts';
import { encodeEntries, tilePath } from './tiles.ts';

/** Signs a checkpoint's body; returns signature lines. The key is the keeper's. */
export type Sign = (body: string) => Promise<string>;

interface Tile {
  readonly path: string;
  readonly bytes: Buffer;
}

/**
 * Turns durable records into what outsiders read: tiles, entry bundles and signed checkpoints. The write-ahead segments
 * hold the same records until the files here are synced, so nothing here is waited for by an append.
 */
export class Publisher {
  readonly #directory: string;
  readonly #origin: string;
  readonly #sign: Sign;
  readonly #tree = new Tree();
  readonly #rows: Buffer[][] = [];
  #entries: Buffer[] = [];
  #ready: Tile[] = [];
  #waitingBytes = 0;
  /** Partial tiles by the checkpoint that they belong to: those being written, then the last two. */
  #partials: readonly [string[], string[], string[]] = [[], [], []];
  readonly #unsynced = new Set<string>();
  readonly #folders = new Set<string>();
  #signed = -1;
  /** Full tiles of the first records, as many, are on disk already (a log that is being recovered). */
  readonly #written: number;

  constructor(directory: string, origin: string, sign: Sign, written = 0) {
    this.#directory = directory;
    this.#origin = origin;
    this.#sign = sign;
    this.#written = written;
  }

  append(entry: Buffer, leaf: Buffer): void {
    this.#waitingBytes += entry.length;
    this.#tree.append(leaf, (level, index, value) => {
      this.#rows[level] ??= [];
      const row = this.#rows[level] as Buffer[];
      row.push(value);
      if (row.length < TILE_WIDTH) return;
      this.#rows[level] = [];
      if ((index + 1) * TILE_WIDTH ** level <= this.#written) return;
      this.#ready.push({ path: tilePath(level, Math.floor(index / TILE_WIDTH)), bytes: Buffer.concat(row) });
    });
    this.#entries.push(entry);
    if (this.#entries.length < TILE_WIDTH) return;
    const full = this.#entries;
    this.#entries = [];
    if (this.#tree.size <= this.#written) return;
    this.#ready.push({ path: tilePath('entries', this.#tree.size / TILE_WIDTH - 1), bytes: encodeEntries(full) });
  }

  get size(): number {
    return this.#tree.size;
  }

  anchor(): Anchor {
    return { origin: this.#origin, size: this.#tree.size, root: this.#tree.root().toString('base64') };
  }

  /** The size of the last signed checkpoint; -1 before the first. */
  get signed(): number {
    return this.#signed;
  }

  /** Bytes that came since the last time files were written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  #partialTiles(): Tile[] {
    const { size } = this.#tree;
    const tiles = this.#rows.flatMap((row, level) => {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      return row.length === 0 ? [] : [{ path: tilePath(level, index, row.length), bytes: Buffer.concat(row) }];
    });
    if (this.#entries.length === 0) return tiles;
    const path = tilePath('entries', Math.floor(size / TILE_WIDTH), this.#entries.length);
    return [...tiles, { path, bytes: encodeEntries(this.#entries) }];
  }

  /** Writes the tiles of all records so far. Returns the anchor they stand for. */
  async materialise(): Promise<Anchor> {
    const anchor = this.anchor();
    const ready = this.#ready;
    const partial = this.#partialTiles();
    const bytes = this.#waitingBytes;
    this.#ready = [];
    try {
      for (const tile of ready) await this.#write(tile);
      for (const tile of partial) await this.#write(tile);
    } catch (error) {
      this.#ready = [...ready, ...this.#ready];
      throw error;
    }
    this.#waitingBytes -= bytes;
    this.#partials[0].push(...partial.map(({ path }) => path));
    return anchor;
  }

  async #write({ path, bytes }: Tile): Promise<void> {
    const full = join(this.#directory, path);
    const folder = dirname(full);
    if (!this.#folders.has(folder)) await mkdir(folder, { recursive: true, mode: DIRECTORY_MODE });
    this.#folders.add(folder);
    // Whole or not there: half a tile would look like a forged one.
    const temporary = `${full}.tmp`;
    try {
      await writeFile(temporary, bytes, { mode: FILE_MODE });
      await rename(temporary, full);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
    this.#unsynced.add(full);
  }

  /** The signature lines for a checkpoint. Rejects when the keeper does. */
  signature(anchor: Anchor): Promise<string> {
    return this.#sign(checkpointBody(anchor));
  }

  /** Publishes a signed checkpoint for tiles that are written. */
  async publish(anchor: Anchor, lines: string): Promise<void> {
    const path = join(this.#directory, 'checkpoint');
    await replaceFile(path, `${checkpointBody(anchor)}\n${lines}`, true);
    this.#signed = anchor.size;
    await this.#dropPartials(new Set(this.#partialTiles().map((tile) => tile.path)));
  }

  /** A reader may hold the checkpoint before this one, so its partial tiles stay for one turn more. */
  async #dropPartials(live: ReadonlySet<string>): Promise<void> {
    const [current, last, before] = this.#partials;
    const kept = new Set([...current, ...last, ...live]);
    for (const path of before) {
      if (kept.has(path)) continue;
      const full = join(this.#directory, path);
      this.#unsynced.delete(full);
      await rm(full, { force: true });
      await this.#dropFolder(dirname(full));
    }
    this.#partials = [[], current, last];
  }

  /** Partial tiles of a process that crashed: what the last checkpoint does not need was perhaps never whole. */
  async dropLeftovers(): Promise<void> {
    const { size } = this.#tree;
    const needed = new Set(this.#partialTiles().map(({ path }) => path));
    const levels = this.#rows.map((_, level) => ({ level, width: TILE_WIDTH ** (level + 1) }));
    for (const { level, width } of [{ level: 'entries' as const, width: TILE_WIDTH }, ...levels]) {
      for (let index = Math.floor(this.#written / width); index * width <= size; index += 1) {
        await this.#dropIn(`${tilePath(level, index)}.p`, needed);
      }
    }
  }

  async #dropIn(folder: string, needed: ReadonlySet<string>): Promise<void> {
    const full = join(this.#directory, folder);
    for (const name of await readdir(full).catch(() => [])) {
      if (needed.has(`${folder}/${name}`)) continue;
      this.#unsynced.delete(join(full, name));
      await rm(join(full, name), { force: true });
    }
    await this.#dropFolder(full);
  }

  /** If it is empty. */
  async #dropFolder(full: string): Promise<void> {
    const empty = await rmdir(full).then(
      () => true,
      () => false,
    );
    if (empty) this.#folders.delete(full);
  }

  /** Makes every file written so far durable; then the segments that hold the same records are not needed any more. */
  async sync(): Promise<void> {
    const files = [...this.#unsynced];
    for (const path of files) {
      await syncPath(path);
      this.#unsynced.delete(path);
    }
    for (const folder of new Set(files.flatMap((path) => this.#above(path)))) {
      await syncPath(folder).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      });
    }
  }

  /** The folders of a file up to the log's own: each holds a name that must last. */
  #above(path: string): string[] {
    const folders: string[] = [];
    for (let at = dirname(path); at.length >= this.#directory.length; at = dirname(at)) folders.push(at);
    return folders;
  }

  async dropSegments(paths: readonly string[]): Promise<void> {
    for (const path of paths) await unlink(path);
    const [path] = paths;
    if (path !== undefined) await syncPath(dirname(path));
  }
}
