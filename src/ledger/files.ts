import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Modes of everything the ledger makes: nobody but its user reads it. */
export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/** The file that intents wait for, behind a port so that tests can make the disk fail. */
export interface SegmentFile {
  /** Appends all of it. */
  write(bytes: Buffer): Promise<void>;
  /** A real fdatasync. Its first error is final: the kernel may have dropped the pages it could not write. */
  sync(): Promise<void>;
  /** Whether the path still leads to the open file: a deleted file would go on "working" unseen. */
  present(): Promise<boolean>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  createSegment(path: string): Promise<SegmentFile>;
}

export const realDisk: Disk = {
  createSegment: async (path) => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_NOFOLLOW;
    const file = await open(path, flags, FILE_MODE);
    const { ino, dev } = await file.stat();
    return {
      write: (bytes) => writeAll(file, bytes),
      sync: () => file.datasync(),
      present: () => sameFile(path, ino, dev),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  },
};

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

async function sameFile(path: string, ino: number, dev: number): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.ino === ino && found.dev === dev && found.nlink >= 1;
  } catch {
    return false;
  }
}

export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
}

/** Makes names durable: entries of a directory are data of its own. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY);
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

export function errorCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
