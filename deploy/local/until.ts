import { setTimeout as pause } from 'node:timers/promises';

export interface UntilOptions {
  /** Milliseconds until it gives up. */
  readonly timeout: number;
  /** What is waited for, as the error will name it: `the scheduler to be healthy`. */
  readonly why: string;
  /** Milliseconds between two looks. */
  readonly every?: number;
}

/**
 * Looks again and again until the predicate gives something other than false or undefined, and returns that. What it
 * throws ends the wait. For conditions that nobody announces; objects of the API are watched instead.
 */
export async function until<T>(
  predicate: () => T | Promise<T>,
  { timeout, why, every = 25 }: UntilOptions,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + timeout;
  do {
    const value = await predicate();
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    await pause(every);
  } while (performance.now() < deadline);
  throw new Error(`waited ${timeout} ms in vain for ${why}`);
}
