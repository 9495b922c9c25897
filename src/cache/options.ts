import type { Reader, Streams } from '#api/port.ts';
import type { Suspicion } from '#api/suspicion.ts';
import type { Clock } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import type { CachePlan } from './plan-caches.ts';

/** What the cache stands on. */
export interface CacheOptions {
  readonly reader: Reader;
  readonly streams: Streams;
  readonly identities: Identities;
  readonly resources: readonly CachePlan[];
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** Raised by answers that are late; see `reviveWatches`. */
  readonly suspicion?: Suspicion;
  /** In [0, 1): spreads watches and back-offs. */
  readonly random?: () => number;
}
