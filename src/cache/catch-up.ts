import type { Cache } from './port.ts';

/**
 * Waits until the cache shows what the API server had when it was asked, then for `meanwhile`; and again for each era that
 * began in between, so that nothing is decided on a history that went back.
 */
export async function caughtUp(
  cache: Pick<Cache, 'era' | 'catchUp'>,
  signal: AbortSignal,
  meanwhile: () => Promise<void>,
): Promise<void> {
  let era = cache.era();
  await cache.catchUp(signal);
  await meanwhile();
  while (cache.era() !== era) {
    era = cache.era();
    await cache.catchUp(signal);
  }
}
