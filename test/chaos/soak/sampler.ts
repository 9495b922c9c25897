/** Looks at Comptroller's two processes every few seconds, from outside, and at what it says of itself. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { placesIn } from '#identity/places.ts';
import { readStatus } from '#identity/status.ts';
import { type DoorAnswer, knock } from '#kit/manager.ts';
import type { RunningManager } from '#local/manager.ts';
import { keeperOf } from '../keeper-of.ts';
import { resourcesOf } from './processes.ts';
import type { Point, Series } from './series.ts';

export const EVERY = 5_000;
const MEGABYTE = 2 ** 20;

/**
 * Slack: what an allocator rounds to, a few connections that are being replaced, a delay that nobody notices. What a busy
 * machine does to every process is seen in this one, and does not count.
 */
const SERIES = {
  runResident: { name: 'run: resident memory', unit: 'MB', slack: 16 },
  runHeap: { name: 'run: heap in use', unit: 'MB', slack: 16 },
  runDescriptors: { name: 'run: file descriptors', unit: '', slack: 8 },
  runConnections: { name: 'run: TCP connections', unit: '', slack: 8 },
  loopMiddle: { name: 'run: event-loop delay, p50', unit: 'ms', slack: 5 },
  loopLate: { name: 'run: event-loop delay, p99', unit: 'ms', slack: undefined },
  ownLate: { name: "event-loop delay of the harness's own process, p99", unit: 'ms', slack: undefined },
  beyond: { name: 'run: event-loop delay, p99, beyond that', unit: 'ms', slack: 25 },
  keeperResident: { name: 'keeper: resident memory', unit: 'MB', slack: 8 },
  keeperDescriptors: { name: 'keeper: file descriptors', unit: '', slack: 4 },
} as const;
export type SeriesName = keyof typeof SERIES;

interface Parts {
  readonly manager: RunningManager;
  /** Of somebody who may read metrics. */
  readonly keys: { readonly certFile: string; readonly keyFile: string };
  say(line: string): void;
}

export class Sampler {
  readonly #parts: Parts;
  readonly #points = new Map<SeriesName, Point[]>();
  readonly #end = new AbortController();
  readonly #own = monitorEventLoopDelay({ resolution: 20 });
  #failures = 0;
  #running: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const name of Object.keys(SERIES) as SeriesName[]) this.#points.set(name, []);
  }

  start(): void {
    this.#own.enable();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** Looks that failed. */
  get failures(): number {
    return this.#failures;
  }

  series(name: SeriesName): Series {
    return { ...SERIES[name], points: this.#points.get(name) ?? [] };
  }

  all(): readonly Series[] {
    return (Object.keys(SERIES) as SeriesName[]).map((name) => this.series(name));
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const began = performance.now();
    for (let next = began; !signal.aborted; ) {
      next += EVERY;
      await pause(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#look(performance.now() - began).catch((error: unknown) => {
        this.#failures += 1;
        this.#parts.say(`looking failed: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
  }

  async #look(at: number): Promise<void> {
    const { manager, keys } = this.#parts;
    const pid = readStatus(placesIn(manager.stateDir))?.pid;
    if (pid === undefined) throw new Error('no comptroller runs there');
    const [run, keeper] = [resourcesOf(pid), resourcesOf(keeperOf(pid))];
    const said = await knock(manager, '/metrics', keys);
    const loopLate = metricIn(said, 'event_loop_delay_seconds{quantile="0.99"}') * 1000;
    const ownLate = this.#own.percentile(99) / 1e6;
    this.#own.reset();
    const values: Readonly<Record<SeriesName, number>> = {
      runResident: run.resident / MEGABYTE,
      runHeap: metricIn(said, 'nodejs_heap_size_used_bytes') / MEGABYTE,
      runDescriptors: run.descriptors,
      runConnections: run.connections,
      loopMiddle: metricIn(said, 'event_loop_delay_seconds{quantile="0.5"}') * 1000,
      loopLate,
      ownLate,
      beyond: Math.max(0, loopLate - ownLate),
      keeperResident: keeper.resident / MEGABYTE,
      keeperDescriptors: keeper.descriptors,
    };
    for (const [name, value] of Object.entries(values) as [SeriesName, number][])
      this.#points.get(name)?.push({ at, value });
  }
}

function metricIn({ status, body }: DoorAnswer, name: string): number {
  const line = body.split('\n').find((one) => one.startsWith(`${name} `));
  if (status !== 200 || line === undefined) throw new Error(`reading ${name} at the door: ${status}`);
  return Number(line.slice(name.length + 1));
}
