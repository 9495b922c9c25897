/** What every topic gives: lines of one table. */
import { Bench } from 'tinybench';
import { quantile } from '../spread.ts';

export interface Row {
  readonly what: string;
  readonly result: string;
  /** As the issue or design states it, and whether this run held it. */
  readonly target?: { readonly says: string; readonly held: boolean };
}

/** Calls it for some time after a warm-up; the latency of each call in microseconds, sorted. */
export function latencies(call: () => Promise<unknown>, time = 2000): Promise<readonly number[]> {
  return sampled(time, async () => {
    await call();
  });
}

/** The same for what does not wait: no promise in between. */
export function latenciesNow(call: () => void, time = 1000): Promise<readonly number[]> {
  return sampled(time, () => call());
}

async function sampled(time: number, call: () => Promise<void> | void): Promise<readonly number[]> {
  const bench = new Bench({ time, warmupTime: time / 4, retainSamples: true, throws: true }).add('call', call);
  const [task] = await bench.run();
  const result = task?.result;
  if (result?.state !== 'completed') throw new Error(`measuring: it was ${result?.state}`);
  return (result.latency.samples ?? []).map((ms) => ms * 1000);
}

export const percentiles = (sorted: readonly number[]): string =>
  `p50 ${micros(quantile(sorted, 0.5))}, p99 ${micros(quantile(sorted, 0.99))}`;

export function micros(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} ms`;
  return `${value.toFixed(value < 10 ? 1 : 0)} µs`;
}

export const rate = (count: number, ms: number): string => `${Math.round((count * 1000) / ms)}/s`;

/** CPU microseconds of this process, all threads, for each of `count`. */
export async function cpuEach(count: number, act: () => Promise<unknown> | unknown): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
