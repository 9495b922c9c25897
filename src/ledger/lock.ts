import { randomUUID } from 'node:crypto';
import { link, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#core/time.ts';
import { errorCode, FILE_MODE } from './files.ts';

/**
 * One process at a time on a directory. The file names its holder by process id, start time, boot and PID namespace;
 * a holder that cannot be seen from here counts as alive while it touches the file.
 */
interface Holder {
  readonly pid: number;
  /** Clock ticks since boot, from /proc; empty where there is none. */
  readonly started: string;
  readonly boot: string;
  readonly namespace: string;
}

/** Touched every second: a file so old has no holder. */
const STALE_AFTER = 10_000;

export interface Lock {
  /** Says "still here"; false when the lock is another's now. */
  touch(): Promise<boolean>;
  release(): Promise<void>;
}

const text = (path: string): Promise<string> =>
  readFile(path, 'utf8').then(
    (all) => all.trim(),
    () => '',
  );

/** The 22nd field of /proc/<pid>/stat, counted behind the name, which may hold anything. */
async function startedAt(pid: number): Promise<string> {
  const line = await text(`/proc/${pid}/stat`);
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function myself(): Promise<Holder> {
  return {
    pid: process.pid,
    started: await startedAt(process.pid),
    boot: await text('/proc/sys/kernel/random/boot_id'),
    namespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  };
}

function parse(content: string): Holder | undefined {
  try {
    const { pid, started, boot, namespace } = JSON.parse(content) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof started !== 'string') return undefined;
    if (typeof boot !== 'string' || typeof namespace !== 'string') return undefined;
    return { pid, started, boot, namespace };
  } catch {
    return undefined;
  }
}

function running(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** The number of the lock file whose holder is gone; undefined when it may still be there. */
async function abandoned(path: string, me: Holder, clock: Clock): Promise<number | undefined> {
  const { mtimeMs, ino } = await stat(path);
  const holder = parse(await readFile(path, 'utf8'));
  const near = holder !== undefined && holder.boot === me.boot && holder.namespace === me.namespace;
  const alive = near
    ? running(holder.pid) && holder.started === (await startedAt(holder.pid))
    : Math.abs(clock.now().wall - mtimeMs) < STALE_AFTER;
  return alive ? undefined : ino;
}

/** How a directory's lock stands, for who only looks. */
export async function lockIn(directory: string, clock: Clock): Promise<'free' | 'held' | 'abandoned'> {
  try {
    const gone = await abandoned(join(directory, 'lock'), await myself(), clock);
    return gone === undefined ? 'held' : 'abandoned';
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'free';
    throw error;
  }
}

/** Takes an abandoned lock away; puts it back where another process was faster and it is that one's by now. */
async function takeAway(path: string, aside: string, ino: number): Promise<void> {
  await rename(path, aside);
  if ((await stat(aside)).ino !== ino) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

/** Throws when another process holds the directory. */
export async function takeLock(directory: string, clock: Clock): Promise<Lock> {
  const path = join(directory, 'lock');
  const me = await myself();
  const mine = `${path}.${process.pid}`;
  const content = `${JSON.stringify({ ...me, nonce: randomUUID() })}\n`;
  await writeFile(mine, content, { mode: FILE_MODE });
  try {
    for (let tries = 0; ; tries += 1) {
      const taken = await link(mine, path).then(
        () => true,
        (error: unknown) => {
          if (errorCode(error) === 'EEXIST') return false;
          throw error;
        },
      );
      if (taken) break;
      const ino = tries === 3 ? undefined : await abandoned(path, me, clock).catch(() => undefined);
      if (ino === undefined) {
        throw new Error(
          `opening the ledger: ${directory} is held by another process (see its file "lock"); stop that one first, or give this one a directory of its own`,
        );
      }
      await takeAway(path, `${mine}.stale`, ino).catch(() => {});
    }
  } finally {
    await rm(mine, { force: true });
  }
  return holding(path, content, clock);
}

function holding(path: string, content: string, clock: Clock): Lock {
  const held = (): Promise<boolean> =>
    readFile(path, 'utf8').then(
      (found) => found === content,
      () => false,
    );
  return {
    touch: async () => {
      if (!(await held())) return false;
      const at = clock.now().wall / 1000;
      await utimes(path, at, at);
      return true;
    },
    release: async () => {
      if (await held()) await rm(path, { force: true });
    },
  };
}
