import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { chart } from './chart.ts';
import { Canvas } from './png.ts';

/** The pixels of a PNG of ours, row by row; its own checksums are looked at by every viewer. */
function pixelsOf(png: Buffer): { width: number; height: number; at(x: number, y: number): readonly number[] } {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const data = inflateSync(png.subarray(png.indexOf('IDAT') + 4, png.indexOf('IEND') - 8));
  expect(data.length).toBe(height * (width * 3 + 1));
  return { width, height, at: (x, y) => [...data.subarray(y * (width * 3 + 1) + 1 + x * 3).subarray(0, 3)] };
}

test('a picture holds what was drawn, and nothing outside of it', () => {
  const canvas = new Canvas(4, 3);
  canvas.line(0, 1, 3, 1, [1, 2, 3]);
  canvas.dot(9, 9, [0, 0, 0]);
  canvas.dot(-1, 0, [0, 0, 0]);
  const png = canvas.encode();
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  const { width, height, at } = pixelsOf(png);
  expect([width, height]).toEqual([4, 3]);
  expect([at(0, 1), at(3, 1), at(0, 0), at(3, 2)]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [255, 255, 255],
    [255, 255, 255],
  ]);
});

test('a line that rises is higher at its end', () => {
  const points = Array.from({ length: 61 }, (_, minute) => ({ at: minute * 60_000, value: minute }));
  const png = chart([{ title: 'resident', unit: 'MB', lines: [{ name: 'run', points }] }]);
  const { height, at } = pixelsOf(png);
  const heightIn = (column: number): number =>
    Array.from({ length: height - 40 }, (_, row) => row + 30).find((row) => String(at(column, row)) === '31,119,180') ??
    height;
  expect(heightIn(900)).toBeLessThan(heightIn(500));
  expect(heightIn(500)).toBeLessThan(heightIn(100));
});

test('nothing measured is a picture all the same', () => {
  const { at } = pixelsOf(chart([{ title: 'empty', unit: 's', lines: [{ name: 'none', points: [] }] }]));
  expect(at(1, 1)).toEqual([255, 255, 255]);
});
