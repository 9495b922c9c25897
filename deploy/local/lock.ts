import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startedAt } from './processes.ts';

interface Holder {
  readonly pid: number;
  readonly started: string;
}

/** Undefined when there is no lock; a lock that says nothing sensible belongs to nobody. */
function readHolder(file: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>;
    if (typeof value.pid === 'number' && typeof value.started === 'string')
      return { pid: value.pid, started: value.started };
    return { pid: 0, started: '' };
  } catch (error) {
    return error instanceof SyntaxError ? { pid: 0, started: '' } : undefined;
  }
}

/** A link, because unlike a new file it appears with its content. */
function tryLock(file: string): boolean {
  const draft = `${file}.${randomUUID()}`;
  const holder: Holder = { pid: process.pid, started: startedAt(process.pid) ?? '' };
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a dead holder's lock, unless somebody else did so and holds it now. */
function takeOver(file: string, seen: Holder): void {
  const now = readHolder(file);
  if (now?.pid === seen.pid && now.started === seen.started) rmSync(file, { force: true });
}

/**
 * Runs `work` while holding a lock file. The lock of a process that no longer runs is taken over; `waiting` is told
 * once whose lock is waited for.
 */
export async function withLock<T>(file: string, work: () => Promise<T>, waiting?: (pid: number) => void): Promise<T> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  let told = false;
  while (!tryLock(file)) {
    const holder = readHolder(file);
    if (holder === undefined) continue;
    if (holder.pid === 0 || startedAt(holder.pid) !== holder.started) {
      takeOver(file, holder);
      continue;
    }
    if (!told) waiting?.(holder.pid);
    told = true;
    await pause(100);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
