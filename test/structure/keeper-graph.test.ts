import { describe, expect, test } from 'vitest';
import { type Source, sources } from './tree.ts';

const FILES = new Map(sources('src').map((file) => [file.path, file]));

/** Every file that the process loads, and every package: what it imports at run time, from its first file on. */
function loadedBy(first: string): { readonly files: readonly string[]; readonly packages: readonly string[] } {
  const files = new Set([first]);
  const packages = new Set<string>();
  for (const path of files) {
    const { imports } = FILES.get(path) as Source;
    for (const { to } of imports.filter(({ typeOnly }) => !typeOnly)) {
      if (FILES.has(to)) files.add(to);
      else packages.add(to);
    }
  }
  return { files: [...files], packages: [...packages].sort() };
}

describe('the keeper process', () => {
  const { files, packages } = loadedBy('src/keeper/main.ts');

  test('loads what signs and nothing else: each package is code beside the CA key, and memory', () => {
    expect(packages.filter((name) => !name.startsWith('node:'))).toEqual(['@peculiar/x509', 'reflect-metadata']);
  });

  test('starts nothing and makes no connection beyond its own socket', () => {
    expect(packages.filter((name) => name.startsWith('node:'))).toEqual([
      'node:crypto',
      'node:events',
      'node:fs',
      'node:net',
      'node:path',
      'node:process',
      'node:util',
    ]);
  });

  test('loads none of the parts that work on the cluster', () => {
    const folders = new Set(files.map((path) => path.split('/')[1]));
    expect([...folders].sort()).toEqual(['controllers', 'core', 'identity', 'keeper']);
  });
});
