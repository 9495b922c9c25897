import type { Backoff } from '#core/controller.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Meter } from '#telemetry/port.ts';
import { createDelays } from './delay.ts';
import { createTurns } from './turns.ts';

/**
 * Upstream's work queue: keys are unique, one key is never out twice at once, an add while it is out brings it back
 * after `done`. Ready keys are handed out in turns by namespace, so that one tenant's flood cannot starve another (I15).
 */
export interface WorkQueue {
  readonly name: string;
  add(key: string): void;
  addAfter(key: string, delay: Ms): void;
  /** Adds after the key's back-off, which doubles each time that it was waited out. No key is ever given up: nothing else would wake it. */
  retry(key: string): void;
  /**
   * Adds after the delay that was asked for, but not at once: the least delay doubles each time that it was waited out,
   * for who says `now` while refusing would be asked forever.
   */
  retryAfter(key: string, delay: Ms): void;
  /** Whatever wakes the key, it does not run before the delay has passed; at most half a minute. */
  rest(key: string, delay: Ms): void;
  /** Keys that wait for a time run now: the wall clock by which it was reckoned was wrong, or is. */
  hasten(): void;
  /** The key did well: its back-off starts afresh. */
  forget(key: string): void;
  /** The next key, now out; undefined when none is ready, but in namespaces that are to be passed over. */
  take(passed?: (namespace: string) => boolean): string | undefined;
  done(key: string): void;
  /** Ready keys, those waiting for a delay not counted. */
  depth(): number;
  /** Keys that are out. */
  out(): number;
  idle(): boolean;
  /** Sets the gauges of work that is under way. */
  report(): void;
  stop(): void;
}

interface Options {
  readonly name: string;
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly meter: Meter;
  /** Called when a key became ready. */
  readonly onReady: () => void;
  /** Keys that are out, shared between loops that must not run the same key at once. */
  readonly busy?: Set<string>;
}

/** Of delays that others ask for. */
const LEAST_WAIT: Backoff = { base: 50, max: 30_000 };

/** Whoever asks us to wait is not asked more; but nobody shall stop a key for long. */
const LONGEST_REST: Ms = 30_000;

export function createQueue({ name, backoff, clock, meter, onReady, busy = new Set() }: Options): WorkQueue {
  const turns = createTurns();
  const mine = new Map<string, Ms>();
  const dirty = new Set<string>();
  const readySince = new Map<string, Ms>();
  const failures = new Map<string, { readonly count: number; readonly due: Ms }>();
  const waits = new Map<string, { readonly count: number; readonly due: Ms }>();
  const rests = new Map<string, Ms>();
  const labels = { name };

  /** Puts a key off that has to rest; says whether it did. */
  const resting = (key: string): boolean => {
    const left = (rests.get(key) ?? 0) - clock.now().mono;
    if (left > 0) delays.add(key, left);
    else rests.delete(key);
    return left > 0;
  };
  const makeReady = (key: string): void => {
    if (mine.has(key)) {
      dirty.add(key);
      return;
    }
    if (resting(key)) return;
    if (!turns.push(key)) return;
    readySince.set(key, clock.now().mono);
    meter.count('workqueue_adds_total', labels);
    meter.set('workqueue_depth', labels, turns.size());
    onReady();
  };
  const delays = createDelays(clock, makeReady);

  return {
    name,
    add: makeReady,
    addAfter: (key, delay) => (delay <= 0 ? makeReady(key) : delays.add(key, delay)),
    retry(key) {
      const { mono } = clock.now();
      const last = failures.get(key);
      // Runs that events caused while a retry was due anyway say nothing new: counted, a busy second would cost minutes.
      if (last !== undefined && mono < last.due) {
        delays.add(key, last.due - mono);
        return;
      }
      const count = last?.count ?? 0;
      const delay = delayOf(backoff, count);
      failures.set(key, { count: count + 1, due: mono + delay });
      meter.count('workqueue_retries_total', labels);
      delays.add(key, delay);
    },
    retryAfter(key, delay) {
      const { mono } = clock.now();
      const last = waits.get(key);
      const waiting = last !== undefined && mono < last.due;
      const count = last?.count ?? 0;
      const wait = Math.max(delay, waiting ? last.due - mono : delayOf(LEAST_WAIT, count));
      if (!waiting) waits.set(key, { count: count + 1, due: mono + wait });
      delays.add(key, wait);
    },
    rest(key, delay) {
      if (delay > 0) rests.set(key, clock.now().mono + Math.min(delay, LONGEST_REST));
    },
    hasten: () => delays.hasten(),
    forget(key) {
      failures.delete(key);
      waits.delete(key);
    },
    take(passed) {
      const key = turns.shift((candidate) => busy.has(candidate), passed);
      if (key === undefined) return undefined;
      busy.add(key);
      const { mono } = clock.now();
      mine.set(key, mono);
      meter.observe('workqueue_queue_duration_seconds', labels, (mono - (readySince.get(key) ?? mono)) / 1000);
      meter.set('workqueue_depth', labels, turns.size());
      readySince.delete(key);
      return key;
    },
    done(key) {
      const since = mine.get(key);
      if (since === undefined) return;
      meter.observe('workqueue_work_duration_seconds', labels, (clock.now().mono - since) / 1000);
      mine.delete(key);
      busy.delete(key);
      if (dirty.delete(key)) makeReady(key);
    },
    depth: () => turns.size(),
    out: () => mine.size,
    idle: () => turns.size() === 0 && mine.size === 0 && dirty.size === 0,
    report() {
      const { mono } = clock.now();
      const ages = [...mine.values()].map((since) => (mono - since) / 1000);
      meter.set(
        'workqueue_unfinished_work_seconds',
        labels,
        ages.reduce((sum, age) => sum + age, 0),
      );
      meter.set('workqueue_longest_running_processor_seconds', labels, Math.max(0, ...ages));
    },
    stop: () => delays.stop(),
  };
}

/** Doubles from `base` to `max`. */
export function delayOf(backoff: Backoff, failures: number): Ms {
  return Math.min(backoff.max, backoff.base * 2 ** Math.min(failures, 60));
}
