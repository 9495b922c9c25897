import type { Amounts } from '#core/quota/amounts.ts';
import type { Clock, Ms } from '#core/time.ts';
import { fits, type Held } from './book.ts';

/** What a delayed write asks of one quota, and how the quota was then. */
export interface Wanted {
  readonly of: Held;
  readonly amounts: Amounts;
  readonly blocked: boolean;
  readonly version: number;
}

/** Keys woken together; the next ones wait until these have asked, and reserved what they get. */
const AT_ONCE = 10;
const SPREAD: Ms = 100;
/** Those beyond it are not woken by room, only by the time that they were told. */
const REMEMBERED = 50_000;

/** Keys that wait for room, by namespace, first come first served. */
export interface Waiting {
  add(namespace: string, address: string, wanted: readonly Wanted[]): void;
  /** Room may have come: wakes those that it is enough for, a few at a time. */
  look(namespace: string): void;
  /** Wakes this one, where it waits. */
  wake(namespace: string, address: string): void;
  size(): number;
}

export function createWaiting(clock: Clock, wake: (address: string) => void): Waiting {
  const namespaces = new Map<string, Map<string, readonly Wanted[]>>();
  /** Namespaces with more to wake. */
  const later = new Set<string>();
  let size = 0;

  const take = (namespace: string, address: string): boolean => {
    const keys = namespaces.get(namespace);
    if (keys?.delete(address) !== true) return false;
    size -= 1;
    if (keys.size === 0) namespaces.delete(namespace);
    return true;
  };
  const look = (namespace: string): void => {
    if (later.has(namespace)) return;
    const ready: string[] = [];
    for (const [address, wanted] of namespaces.get(namespace) ?? []) {
      if (ready.length >= AT_ONCE) break;
      if (wanted.every(mayGo)) ready.push(address);
    }
    for (const address of ready) if (take(namespace, address)) wake(address);
    if (ready.length < AT_ONCE) return;
    later.add(namespace);
    clock.after(SPREAD, () => {
      later.delete(namespace);
      look(namespace);
    });
  };

  return {
    add(namespace, address, wanted) {
      const keys = namespaces.get(namespace) ?? new Map<string, readonly Wanted[]>();
      if (size >= REMEMBERED && !keys.has(address)) return;
      if (!keys.has(address)) size += 1;
      keys.set(address, wanted);
      namespaces.set(namespace, keys);
    },
    look,
    wake(namespace, address) {
      if (take(namespace, address)) wake(address);
    },
    size: () => size,
  };
}

/** What no room helps waits for another state of the quota. */
function mayGo({ of, amounts, blocked, version }: Wanted): boolean {
  return blocked ? of.gone || of.version !== version : fits(of, amounts);
}
