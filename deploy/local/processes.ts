import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { searchPath } from './env.ts';
import { findExecutable } from './find.ts';

/**
 * When a process started, in whatever unit the system has: together with the pid it names one process for good, since
 * pids are used again. Undefined when no such process runs (a zombie counts as gone).
 */
export function startedAt(pid: number): string | undefined {
  try {
    // The name in parentheses may hold anything, also spaces and parentheses: read what follows the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return process.platform === 'linux' ? undefined : startedAtByPs(pid);
  }
}

function startedAtByPs(pid: number): string | undefined {
  try {
    const out = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return out === '' || out.startsWith('Z') ? undefined : out.slice(out.indexOf(' ') + 1).trim();
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  return startedAt(pid) !== undefined;
}

/** Sends a signal; a process that is gone already is what the caller wanted. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * The same command, but the kernel kills it when its parent dies, also when nobody could run a handler. Only Linux can
 * do that; elsewhere the supervisor's watch over its owner is all there is.
 */
export function boundToParent(command: string, args: readonly string[]): { command: string; args: readonly string[] } {
  const setpriv = process.platform === 'linux' ? findExecutable('setpriv', searchPath()) : undefined;
  if (setpriv === undefined) return { command, args };
  return { command: setpriv, args: ['--pdeathsig', 'KILL', '--', command, ...args] };
}
