import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GOLDEN_FOLDERS, goldenFiles } from '#local/generate/golden-files.ts';

const root = join(import.meta.dirname, '../..');
const files = goldenFiles();

describe('generated files', () => {
  it.each([...files.keys()])('%s is what `npm run golden` writes', (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(files.get(path));
  });

  it.each(GOLDEN_FOLDERS)('nothing else lies in %s', (folder) => {
    const found = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
    expect(found.filter((path) => !files.has(path))).toEqual([]);
  });
});
