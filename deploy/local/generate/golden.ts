/** `npm run golden`: writes what is generated from the registry and committed. `test/structure` compares the same. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GOLDEN_FOLDERS, goldenFiles } from './golden-files.ts';

const root = join(import.meta.dirname, '../../..');
const files = goldenFiles();

for (const folder of GOLDEN_FOLDERS) {
  mkdirSync(join(root, folder), { recursive: true });
  for (const name of readdirSync(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (!files.has(path)) rmSync(join(root, path));
  }
}
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
process.stdout.write(`wrote ${files.size} files\n`);
