import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSplitter } from '#api/lines.ts';

/** Any text in a string of JSON: line ends of other alphabets, characters of one to four bytes, hostile keys. */
const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('\u2028', '\u2029', 'a\nb', 'ä', '語', '🐙', '__proto__', 'constructor'),
);
const lines = fc.array(fc.dictionary(fc.oneof(fc.constant('__proto__'), fc.string({ maxLength: 5 })), value), {
  maxLength: 12,
});

/** Cuts bytes at the given places, modulo what is left. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (let turn = 0; from < bytes.length; turn++) {
    const size = sizes[turn % Math.max(sizes.length, 1)] ?? bytes.length;
    chunks.push(bytes.subarray(from, from + size));
    from += size;
  }
  return chunks;
}

describe('lines of a watch', () => {
  test('come out as they went in, however the network cuts them', () => {
    fc.assert(
      fc.property(
        lines,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        (objects, sizes) => {
          const texts = objects.map((object) => JSON.stringify(object));
          const splitter = createSplitter(1_000_000);
          const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
          const found = cut(bytes, sizes).flatMap((chunk) => splitter.feed(chunk) ?? []);
          expect(found.map((line) => line.toString('utf8'))).toEqual(texts);
          expect(splitter.pending()).toBe(0);
        },
      ),
    );
  });

  test('a line over the cap is refused as soon as its bytes are, ended or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 50 }),
        fc.boolean(),
        (size, chunk, ended) => {
          const splitter = createSplitter(32);
          const bytes = Buffer.from(`${'x'.repeat(size)}${ended ? '\n' : ''}`);
          const refused = cut(bytes, [chunk]).some((part) => splitter.feed(part) === undefined);
          expect(refused).toBe(size > 32);
        },
      ),
    );
  });
});
