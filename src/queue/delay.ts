import type { Clock, Ms } from '#core/time.ts';

/** Keys that become due later. A key that is added twice keeps the earlier time, as upstream's queue does. */
export interface Delays {
  add(key: string, delay: Ms): void;
  cancel(key: string): void;
  /** All that waits is due now. */
  hasten(): void;
  size(): number;
  stop(): void;
}

interface Due {
  readonly at: Ms;
  readonly key: string;
}

/** A binary heap with one timer for its top; entries that a later add overtook are skipped when they come up. */
export function createDelays(clock: Clock, ready: (key: string) => void): Delays {
  const heap: Due[] = [];
  const current = new Map<string, Ms>();
  let cancelTimer: (() => void) | undefined;

  const fire = (): void => {
    const { mono } = clock.now();
    for (let top = heap[0]; top !== undefined && top.at <= mono; top = heap[0]) {
      pop(heap);
      if (current.get(top.key) !== top.at) continue;
      current.delete(top.key);
      ready(top.key);
    }
    arm();
  };
  const arm = (): void => {
    cancelTimer?.();
    const top = heap[0];
    cancelTimer = top === undefined ? undefined : clock.after(Math.max(0, top.at - clock.now().mono), fire);
  };

  return {
    add(key, delay) {
      const at = clock.now().mono + Math.max(0, delay);
      const before = current.get(key);
      if (before !== undefined && before <= at) return;
      current.set(key, at);
      push(heap, { at, key });
      if (heap[0]?.key === key && heap[0].at === at) arm();
    },
    cancel: (key) => void current.delete(key),
    hasten() {
      const waiting = [...current.keys()];
      heap.length = 0;
      current.clear();
      arm();
      for (const key of waiting) ready(key);
    },
    size: () => current.size,
    stop() {
      cancelTimer?.();
      heap.length = 0;
      current.clear();
    },
  };
}

function push(heap: Due[], due: Due): void {
  let at = heap.push(due) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Due;
    if (above.at <= due.at) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && right.at < (heap[child] as Due).at) child += 1;
    const below = heap[child] as Due;
    if (below.at >= last.at) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
