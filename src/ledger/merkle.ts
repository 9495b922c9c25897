import { createHash, hash } from 'node:crypto';

/** RFC 6962 (and 9162) hashing. Sizes and indexes are numbers: exact up to 2^53, far beyond what one process writes. */

const LEAF_PREFIX = Buffer.from([0]);
const NODE_PREFIX = Buffer.from([1]);
export const HASH_BYTES = 32;
/** A tile holds 256 hashes: 8 levels of the tree. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;

export function leafHash(entry: Uint8Array): Buffer {
  return createHash('sha256').update(LEAF_PREFIX).update(entry).digest();
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([NODE_PREFIX, left, right]), 'buffer');
}

export function emptyRoot(): Buffer {
  return hash('sha256', '', 'buffer');
}

/** Called for every perfect subtree whose height is a multiple of a tile's: exactly the hashes that tiles hold. */
export type OnTileHash = (level: number, index: number, value: Buffer) => void;

/** A growing tree that remembers only its peaks: one hash a height. */
export class Tree {
  #size = 0;
  readonly #peaks: Buffer[] = [];
  #root: Buffer | undefined;

  get size(): number {
    return this.#size;
  }

  append(leaf: Buffer, onTileHash?: OnTileHash): void {
    let node = leaf;
    let height = 0;
    let index = this.#size;
    onTileHash?.(0, index, node);
    while (index % 2 === 1) {
      node = nodeHash(this.#peaks[height] as Buffer, node);
      height += 1;
      index = (index - 1) / 2;
      if (height % TILE_HEIGHT === 0) onTileHash?.(height / TILE_HEIGHT, index, node);
    }
    this.#peaks[height] = node;
    this.#size += 1;
    this.#root = undefined;
  }

  root(): Buffer {
    this.#root ??= this.#fold();
    return this.#root;
  }

  #fold(): Buffer {
    let root: Buffer | undefined;
    for (let height = 0, rest = this.#size; rest > 0; height += 1, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) continue;
      const peak = this.#peaks[height] as Buffer;
      root = root === undefined ? peak : nodeHash(peak, root);
    }
    return root ?? emptyRoot();
  }
}

/** The root of the perfect subtree of that height: leaves `index * 2^height` and up. */
export type NodeReader = (height: number, index: number) => Promise<Buffer>;

/** The largest power of two below `n` (n > 1). */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** The Merkle tree hash of leaves `from` to `to`, exclusive. */
export async function rangeRoot(read: NodeReader, from: number, to: number): Promise<Buffer> {
  const n = to - from;
  if (n === 0) return emptyRoot();
  const height = Math.round(Math.log2(n));
  if (2 ** height === n && from % n === 0) return read(height, from / n);
  const k = split(n);
  return nodeHash(await rangeRoot(read, from, from + k), await rangeRoot(read, from + k, to));
}

export async function inclusionProof(read: NodeReader, index: number, size: number): Promise<Buffer[]> {
  if (!(index >= 0 && index < size)) throw new RangeError(`proving record ${index} of a log of ${size}`);
  const path = async (from: number, to: number): Promise<Buffer[]> => {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...(await path(from, middle)), await rangeRoot(read, middle, to)]
      : [...(await path(middle, to)), await rangeRoot(read, from, middle)];
  };
  return path(0, size);
}

/** Proves that the log of `older` records is a prefix of the one of `size`. */
export async function consistencyProof(read: NodeReader, older: number, size: number): Promise<Buffer[]> {
  if (!(older > 0 && older <= size)) throw new RangeError(`proving ${older} records to be a prefix of ${size}`);
  const path = async (m: number, from: number, to: number, whole: boolean): Promise<Buffer[]> => {
    const n = to - from;
    if (m === n) return whole ? [] : [await rangeRoot(read, from, to)];
    const k = split(n);
    return m <= k
      ? [...(await path(m, from, from + k, whole)), await rangeRoot(read, from + k, to)]
      : [...(await path(m - k, from + k, to, false)), await rangeRoot(read, from, from + k)];
  };
  return path(older, 0, size, true);
}

const half = (n: number): number => Math.floor(n / 2);

/** RFC 9162 2.1.3.2. */
export function verifyInclusion(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (!(index >= 0 && index < size)) return false;
  let fn = index;
  let sn = size - 1;
  let r = leaf;
  for (const p of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      r = nodeHash(r, p);
    }
    fn = half(fn);
    sn = half(sn);
  }
  return sn === 0 && r.equals(root);
}

/** RFC 9162 2.1.4.2. */
export function verifyConsistency(
  older: { readonly size: number; readonly root: Buffer },
  newer: { readonly size: number; readonly root: Buffer },
  proof: readonly Buffer[],
): boolean {
  if (older.size > newer.size || older.size <= 0) return false;
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root);
  const path = Number.isInteger(Math.log2(older.size)) ? [older.root, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let fn = older.size - 1;
  let sn = newer.size - 1;
  while (fn % 2 === 1) {
    fn = half(fn);
    sn = half(sn);
  }
  let fr = first;
  let sr = first;
  for (const c of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      sr = nodeHash(sr, c);
    }
    fn = half(fn);
    sn = half(sn);
  }
  return sn === 0 && fr.equals(older.root) && sr.equals(newer.root);
}
