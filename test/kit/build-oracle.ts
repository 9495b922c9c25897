import { buildOracle } from './oracle.ts';

/** Vitest's global set-up of the oracle's tests: the program, before any test's time counts. */
export async function setup(): Promise<void> {
  await buildOracle();
}
