import type { Clock, Ms, Now } from '#core/time.ts';
import { chance } from '../leader-world.ts';

/** A process of the simulated world: what is due in it waits while it is stopped, and is lost when it is killed. */
export interface Host {
  readonly name: string;
  dead: boolean;
  frozenUntil: Ms;
  /** Between the world's time and the clocks of this process. */
  monoOffset: Ms;
  wallOffset: Ms;
}

interface Task {
  at: Ms;
  /** Drawn: what is due at the same time happens in any order. */
  tie: number;
  readonly host: Host | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

export const START_WALL: Ms = Date.UTC(2026, 0, 1);

/**
 * One simulated time for everybody. Every step that takes time, and every step whose place among others is not certain,
 * is a task; the seed decides how long it takes and which of two comes first. Promises run in between, to their end.
 */
export class Sim {
  time: Ms = 0;
  steps = 0;
  readonly random: () => number;
  readonly #heap: Task[] = [];

  constructor(seed: number) {
    this.random = chance(seed);
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }

  /** Runs `run` after `delay`, in that process where one is named. Returns the canceller. */
  after(delay: Ms, run: () => void, host?: Host): () => void {
    const task: Task = { at: this.time + Math.max(0, delay), tie: this.random(), host, run, cancelled: false };
    push(this.#heap, task);
    return () => {
      task.cancelled = true;
    };
  }

  /** A step of that process that takes between `least` and `most`. Never resolves once the process is dead. */
  sleep(least: Ms, most: Ms, host?: Host): Promise<void> {
    return new Promise((resolve) => this.after(this.between(least, most), resolve, host));
  }

  clockOf(host: Host): Clock {
    const now = (): Now => ({
      wall: START_WALL + this.time + host.wallOffset,
      mono: this.time + host.monoOffset,
    });
    return { now, after: (delay, callback) => this.after(delay, callback, host) };
  }

  /** Does what is due until `end`; stops early once `done` says so. */
  async runUntil(end: Ms, done: () => boolean = () => false): Promise<void> {
    for (let top = this.#heap[0]; top !== undefined && top.at <= end; top = this.#heap[0]) {
      pop(this.#heap);
      const { host } = top;
      if (top.cancelled || host?.dead === true) continue;
      this.time = Math.max(this.time, top.at);
      if (host !== undefined && host.frozenUntil > this.time) {
        top.at = host.frozenUntil;
        top.tie = this.random();
        push(this.#heap, top);
        continue;
      }
      this.steps += 1;
      top.run();
      // What belongs to no process wakes no promise of one before its own step.
      if (host !== undefined) await settled();
      if (done()) return;
    }
    this.time = Math.max(this.time, end);
  }
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const before = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.tie < b.tie);

function push(heap: Task[], task: Task): void {
  let at = heap.push(task) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(task, heap[parent] as Task)) break;
    heap[at] = heap[parent] as Task;
    at = parent;
  }
  heap[at] = task;
}

function pop(heap: Task[]): void {
  const last = heap.pop() as Task;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Task, heap[child] as Task)) child += 1;
    if (!before(heap[child] as Task, last)) break;
    heap[at] = heap[child] as Task;
    at = child;
  }
  heap[at] = last;
}
