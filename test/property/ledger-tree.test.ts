import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  rangeRoot,
  Tree,
  verifyConsistency,
  verifyInclusion,
} from '#ledger/merkle.ts';
import { decodeEntries, encodeEntries, indexPath } from '#ledger/tiles.ts';

/** RFC 6962 2.1, word by word. */
function naiveRoot(entries: readonly Buffer[]): Buffer {
  if (entries.length === 0) return hash('sha256', '', 'buffer');
  if (entries.length === 1) return hash('sha256', Buffer.concat([Buffer.from([0]), entries[0] as Buffer]), 'buffer');
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  const sides = [naiveRoot(entries.slice(0, k)), naiveRoot(entries.slice(k))];
  return hash('sha256', Buffer.concat([Buffer.from([1]), ...sides]), 'buffer');
}

function treeOf(entries: readonly Buffer[]): Tree {
  const tree = new Tree();
  for (const entry of entries) tree.append(leafHash(entry));
  return tree;
}

function nodesOf(entries: readonly Buffer[]): NodeReader {
  const leaves = entries.map(leafHash);
  const node = (height: number, index: number): Buffer =>
    height === 0 ? (leaves[index] as Buffer) : nodeHash(node(height - 1, index * 2), node(height - 1, index * 2 + 1));
  return async (height, index) => node(height, index);
}

const some = (count: number): Buffer[] => Array.from({ length: count }, (_, n) => Buffer.from(`entry ${n}`));
const entries = fc
  .array(fc.uint8Array({ maxLength: 8 }), { maxLength: 600 })
  .map((all) => all.map((e) => Buffer.from(e)));
const flip = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[Math.floor(bit / 8) % copy.length] = (copy[Math.floor(bit / 8) % copy.length] as number) ^ (1 << (bit % 8));
  return copy;
};

describe('the Merkle tree', () => {
  it('has the root of RFC 6962', () => {
    fc.assert(
      fc.property(entries, (all) => treeOf(all).root().equals(naiveRoot(all))),
      { numRuns: 60 },
    );
  });

  it('hands out every full subtree of 256^n leaves once, with its root', () => {
    const all = some(600);
    const tree = new Tree();
    const seen: string[] = [];
    for (const entry of all) {
      tree.append(leafHash(entry), (level, index, value) => {
        seen.push(`${level}/${index}`);
        const width = 256 ** level;
        expect(value).toEqual(naiveRoot(all.slice(index * width, (index + 1) * width)));
      });
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => id.startsWith('1/'))).toEqual(['1/0', '1/1']);
  });

  it('proves inclusion of every record, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), async (size, at, bit) => {
        const all = some(size);
        const index = at % size;
        const root = treeOf(all).root();
        const leaf = leafHash(all[index] as Buffer);
        const proof = await inclusionProof(nodesOf(all), index, size);
        expect(verifyInclusion(leaf, index, size, proof, root)).toBe(true);
        expect(verifyInclusion(flip(leaf, bit), index, size, proof, root)).toBe(false);
        expect(verifyInclusion(leaf, index, size, proof, flip(root, bit))).toBe(false);
        expect(verifyInclusion(leaf, index, size, [...proof, leaf], root)).toBe(false);
        if (size > 1) expect(verifyInclusion(leaf, (index + 1) % size, size, proof, root)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('proves that a smaller log is a prefix, and no other one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), async (size, at, bit) => {
        const all = some(size);
        const older = (at % size) + 1;
        const [old, now] = [treeOf(all.slice(0, older)).root(), treeOf(all).root()];
        const proof = await consistencyProof(nodesOf(all), older, size);
        const verify = (a: Buffer, b: Buffer) => verifyConsistency({ size: older, root: a }, { size, root: b }, proof);
        expect(verify(old, now)).toBe(true);
        expect(verify(flip(old, bit), now)).toBe(false);
        expect(verify(old, flip(now, bit))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('gives the root of any earlier size from its nodes', async () => {
    const all = some(300);
    const nodes = nodesOf(all);
    for (const size of [0, 1, 2, 3, 255, 256, 257, 299, 300]) {
      expect(await rangeRoot(nodes, 0, size)).toEqual(naiveRoot(all.slice(0, size)));
    }
  });
});

describe('tiles', () => {
  it('name indexes as C2SP says', () => {
    expect([0, 67, 999, 1000, 1_234_067].map(indexPath)).toEqual(['000', '067', '999', 'x001/000', 'x001/x234/067']);
  });

  it('give entries back, and nothing for cut bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }), fc.nat(), (all, cut) => {
        const bytes = encodeEntries(all);
        expect(decodeEntries(bytes)?.map((entry) => [...entry])).toEqual(all.map((entry) => [...entry]));
        const short = bytes.subarray(0, cut % bytes.length);
        const back = decodeEntries(short);
        if (back !== undefined) expect(encodeEntries(back)).toEqual(Buffer.from(short));
      }),
    );
  });

  it('refuse an entry over its cap', () => {
    expect(() => encodeEntries([Buffer.alloc(65_536)])).toThrow(/over its cap/);
    expect(decodeEntries(encodeEntries([Buffer.alloc(65_535)]))).toHaveLength(1);
  });
});
