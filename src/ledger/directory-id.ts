/** Which directory this is: it stays the same when the directory is put back to an older copy of itself. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_MODE } from './files.ts';

const ID = /^[a-f0-9]{16}$/;

/** Reads it, and gives a directory that has none, or something else in its place, a new one. */
export async function directoryId(directory: string): Promise<string> {
  const path = join(directory, 'id');
  const known = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (ID.test(known)) return known;
  const id = randomBytes(8).toString('hex');
  await writeFile(path, `${id}\n`, { mode: FILE_MODE });
  return id;
}
