import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

const MAX_KEY_FILE = 64 * 1024;

/** Reads a private key's file after checking, on the open file, that nobody else can read it. */
export function readPrivateFile(file: string, what: string): string {
  const handle = openSync(file, 'r');
  try {
    const stat = fstatSync(handle);
    refuseOpenMode(file, what, stat.mode, '0600');
    refuseOwner(file, what, stat.uid);
    if (!stat.isFile() || stat.size > MAX_KEY_FILE) {
      throw new Error(`reading ${what} ${file}: it must be a file of at most ${MAX_KEY_FILE} bytes`);
    }
    const buffer = Buffer.alloc(stat.size);
    const length = readSync(handle, buffer, 0, stat.size, 0);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(handle);
  }
}

/** Creates the directory 0700 where it is missing; refuses one that others may enter. */
export function privateDirectory(path: string, what: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { mode, uid } = lstatSync(path);
  refuseOpenMode(path, what, mode, '0700');
  refuseOwner(path, what, uid);
}

/** A directory that somebody else made first is theirs, whatever its mode. */
function refuseOwner(path: string, what: string, uid: number): void {
  const own = process.getuid?.() ?? uid;
  if (uid === own || uid === 0) return;
  throw new Error(`reading ${what} ${path}: it belongs to user ${uid}; run: chown ${own} ${path}`);
}

function refuseOpenMode(path: string, what: string, mode: number, remedy: string): void {
  if ((mode & 0o077) === 0) return;
  const shown = (mode & 0o7777).toString(8).padStart(4, '0');
  throw new Error(
    `reading ${what} ${path}: its mode is ${shown}, so that others can reach it; run: chmod ${remedy} ${path}`,
  );
}

/**
 * Replaces a file of the keeper's own, mode 0600; its bytes are durable before they get the name. O_SYNC does that,
 * because Node's permission model takes fsync away.
 */
export function writePrivateFile(file: string, text: string): void {
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const { O_CREAT, O_EXCL, O_SYNC, O_WRONLY } = constants;
  const handle = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_SYNC, 0o600);
  try {
    // Unlike one write it goes on where a disk that is nearly full took a part, and fails where it takes no more.
    writeFileSync(handle, text);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}
