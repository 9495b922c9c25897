import { createFair } from '#core/fair.ts';

/** Tenants take turns, each first come, first served. */
export interface Semaphore {
  acquire(tenant: string): Promise<void>;
  release(): void;
}

export function createSemaphore(count: number): Semaphore {
  let free = count;
  const waiting = createFair<() => void>();
  return {
    acquire: (tenant) => {
      if (free > 0) {
        free--;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.add(tenant, resolve));
    },
    release: () => {
      const next = waiting.next();
      if (next === undefined) free++;
      else next();
    },
  };
}
