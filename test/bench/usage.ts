/** What processes have used, by Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel tells these times in 1/100 s, whatever its own clock does. */
const TICKS = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Seconds in user and kernel mode, with the children that have ended. */
  readonly cpu: number;
}

export interface Memory {
  /** Bytes: the most that was resident, each process at its own time. */
  readonly peak: number;
  /** Bytes: resident now. */
  readonly resident: number;
  /** Bytes: resident now, pages that processes share counted once. */
  readonly proportional: number;
}

/** CPU seconds of a process and all that it started. */
export function cpuOf(root: number): number {
  return treeOf(root).reduce((sum, { cpu }) => sum + cpu, 0);
}

/** CPU seconds of everything that runs on this machine. */
export function cpuOfMachine(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    /^cpu .*$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq) / TICKS;
}

/** Ids of a process and all that it started. */
export function processesOf(root: number): readonly number[] {
  return treeOf(root).map(({ pid }) => pid);
}

/** Bytes. */
export function residentOf(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, 'VmRSS') * 1024;
}

export function memoryOf(root: number): Memory {
  const all = treeOf(root).map(({ pid }) => ({
    peak: kilobytes(`/proc/${pid}/status`, 'VmHWM'),
    resident: kilobytes(`/proc/${pid}/status`, 'VmRSS'),
    proportional: kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss'),
  }));
  const sum = (of: (one: Memory) => number): number => all.reduce((total, one) => total + of(one), 0) * 1024;
  return {
    peak: sum(({ peak }) => peak),
    resident: sum(({ resident }) => resident),
    proportional: sum(({ proportional }) => proportional),
  };
}

function treeOf(root: number): readonly Stat[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? statOf(Number(name)) : []));
  const found = all.filter(({ pid }) => pid === root);
  // It grows while it is walked.
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

/** Nothing when it has ended meanwhile. */
function statOf(pid: number): readonly Stat[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, also spaces and parentheses.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + (fields[at] ?? 0), 0);
    return [{ pid, parent: fields[1] ?? 0, cpu: ticks / TICKS }];
  } catch {
    return [];
  }
}

function kilobytes(file: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'));
  if (found === null) throw new Error(`reading ${file}: it has no ${field}`);
  return Number(found[1]);
}
