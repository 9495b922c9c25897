import fs from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** Modes of everything the ledger makes: nobody but its user reads it. */
export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/** The file that intents wait for, behind a port so that tests can make the disk fail. */
export interface SegmentFile {
  /** Appends all of it. */
  write(bytes: Buffer): Promise<void>;
  /** A real fdatasync. Its first error is final: the kernel may have dropped the pages it could not write. */
  sync(): Promise<void>;
  /** Whether the path still leads to the open file and holds what was written: a deleted or cut one would go on "working" unseen. */
  present(): boolean;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** A new file, and its folder where that is not there yet; both names are durable. */
  createSegment(path: string): Promise<SegmentFile>;
}

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const datasyncFd = promisify(fs.fdatasync);
const truncateFd = promisify(fs.ftruncate);
const statFd = promisify(fs.fstat);

/** Which file it is, once its name and its folder's are durable. */
async function named(fd: number, folder: string): Promise<fs.Stats> {
  try {
    await syncPath(folder);
    await syncPath(dirname(folder));
    return await statFd(fd);
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
}

export const realDisk: Disk = {
  createSegment: async (path) => {
    const folder = dirname(path);
    await makeDirectory(folder);
    const fd = await createFile(path);
    const { ino, dev } = await named(fd, folder);
    let size = 0;
    return {
      async write(bytes) {
        await writeAll(fd, bytes);
        size += bytes.length;
      },
      sync: () => datasyncFd(fd),
      present: () => sameFile(path, { ino, dev, size }),
      async truncate(to) {
        size = Math.min(size, to);
        await truncateFd(fd, to);
      },
      close: () => closeFd(fd),
    };
  },
};

/**
 * A new file to append to, as a bare descriptor: one that is left open on a disk that hangs must not end the process
 * when it is collected, as a FileHandle does.
 */
export function createFile(path: string): Promise<number> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW } = fs.constants;
  return openFd(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, FILE_MODE);
}

export const closeFile = closeFd;

export function writeAll(fd: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (at: number): void => {
      fs.write(fd, bytes, at, bytes.length - at, null, (error, written) => {
        if (error !== null) reject(error);
        else if (at + written < bytes.length) step(at + written);
        else resolve();
      });
    };
    step(0);
  });
}

/**
 * In this thread: the kernel answers from memory in microseconds, where another thread would take a hundred. It comes
 * after the sync, so that a disk that hangs hangs there, within its limit.
 */
function sameFile(path: string, { ino, dev, size }: { ino: number; dev: number; size: number }): boolean {
  try {
    const found = fs.statSync(path);
    return found.ino === ino && found.dev === dev && found.nlink >= 1 && found.size >= size;
  } catch {
    return false;
  }
}

export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
}

/** Makes names durable: entries of a directory are data of its own. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, fs.constants.O_RDONLY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a small file at once: a reader sees the old one or the new one. */
export async function replaceFile(path: string, text: string | Buffer, durable = false): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', FILE_MODE);
  try {
    await file.writeFile(text);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  if (durable) await syncPath(dirname(path));
}

/** No room, or none for this user. */
export function isFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function errorCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
