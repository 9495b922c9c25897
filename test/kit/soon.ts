import { vi } from 'vitest';

/** Until `act` throws no more: milliseconds as a rule, seconds on a machine that is busy with something else. `interval` in ms. */
export function soon<T>(act: () => T | Promise<T>, interval = 50): Promise<T> {
  return vi.waitFor(act, { timeout: 15_000, interval });
}
