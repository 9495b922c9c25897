/** How much of the processors something else had: a bound of time says little where they were taken away. */
import { readFileSync } from 'node:fs';

/** Ticks of all processors since the start: what the hypervisor gave to others, and all. */
export interface Ticks {
  readonly stolen: number;
  readonly all: number;
}

const NONE: Ticks = { stolen: 0, all: 0 };

/** The first line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal guest guest_nice. */
export function ticksIn(text: string): Ticks {
  const [, line] = /^cpu +([\d ]+)$/m.exec(text) ?? [];
  if (line === undefined) return NONE;
  const fields = line.trim().split(' ').map(Number).slice(0, 8);
  return { stolen: fields[7] ?? 0, all: fields.reduce((sum, one) => sum + one, 0) };
}

/** None where the kernel does not tell. */
export function ticksNow(): Ticks {
  try {
    return ticksIn(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return NONE;
  }
}

/** In [0, 1]. */
export function stolenSince(before: Ticks, now: Ticks): number {
  const all = now.all - before.all;
  return all > 0 ? (now.stolen - before.stolen) / all : 0;
}
