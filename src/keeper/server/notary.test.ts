import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openNotary } from './notary.ts';

const ROOT = Buffer.alloc(32, 1).toString('base64');
const OTHER_ROOT = Buffer.alloc(32, 2).toString('base64');
const body = (origin: string, size: number, root = ROOT): string =>
  `comptroller.dev/ledger/${origin}\n${size}\n${root}\n`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'notary-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('no origin is ever forgotten: one that does not fit is refused, and what to do is said', () => {
  const origins = Array.from({ length: 4095 }, (_, nth) => ({
    origin: `comptroller.dev/ledger/o${nth}`,
    size: 5,
    root: ROOT,
  }));
  writeFileSync(join(directory, 'origins.json'), JSON.stringify({ version: 1, exact: true, origins }));
  const notary = openNotary(directory);
  notary.sign(body('last', 1));
  expect(() => notary.sign(body('one-more', 1))).toThrow(/4096 origins .* begin with a new key/);
  notary.sign(body('last', 2));
  notary.close();
  const again = openNotary(directory);
  expect(() => again.sign(body('one-more', 1))).toThrow(/4096 origins/);
  expect(() => again.sign(body('o0', 5, OTHER_ROOT))).toThrow(/another root/);
  expect(() => again.sign(body('last', 1))).toThrow(/below 2/);
});

test('an origin that no disk took is not signed, nor the next time it is asked for', () => {
  const notary = openNotary(directory);
  const inTheWay = join(directory, 'origins.json.new');
  mkdirSync(join(inTheWay, 'x'), { recursive: true });
  expect(() => notary.sign(body('first', 1))).toThrow();
  expect(() => notary.sign(body('first', 1))).toThrow();
  rmSync(inTheWay, { recursive: true });
  notary.sign(body('first', 1));
  // The next keeper after a crash knows of it.
  expect(() => openNotary(directory).sign(body('first', 1, OTHER_ROOT))).toThrow(/crashed/);
});
