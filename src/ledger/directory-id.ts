/** Which directory this is: it stays the same when the directory is put back to an older copy of itself. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, replaceFile } from './files.ts';

const ID = /^[a-f0-9]{16}$/;

/** Reads it, and gives a directory that has none, or something else in its place, a new one. */
export async function directoryId(directory: string): Promise<string> {
  const path = join(directory, 'id');
  const known = (await readFile(path, 'utf8').catch(absent)).trim();
  if (ID.test(known)) return known;
  const id = randomBytes(8).toString('hex');
  await replaceFile(path, `${id}\n`, true);
  return id;
}

/** A disk that does not give it is no reason to forget it: what the Lease tells of this directory would be lost with it. */
function absent(error: unknown): string {
  if (errorCode(error) === 'ENOENT') return '';
  throw error;
}
