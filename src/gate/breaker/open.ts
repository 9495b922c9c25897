import type { Reader } from '#api/port.ts';
import type { Cache } from '#cache/port.ts';
import type { Resource } from '#core/resource.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Ledger } from '#ledger/port.ts';
import type { Telemetry } from '#telemetry/port.ts';
import type { BuiltInParts } from '../built-in.ts';
import { createBreaker } from './breaker.ts';
import { Desk } from './desk.ts';
import { lookupIn } from './lookup.ts';
import type { Breaker, BreakerLimits } from './port.ts';
import {
  type Found,
  STATE_PATH,
  sendState,
  stateFound,
  stateRequest,
  stateWritten,
  type Version,
  type Written,
} from './request.ts';
import { Store } from './store.ts';

/** Where the state lies: in the cluster, or in a test's memory. */
export interface Keeping {
  readonly read: () => Promise<Found>;
  readonly write: (json: string, version: Version | undefined) => Promise<Written>;
}

export interface BreakerOptions extends Telemetry {
  readonly limits: BreakerLimits;
  readonly keeping: Keeping;
  readonly cache: Pick<Cache, 'view'>;
  /** The resources that the cache was made for. */
  readonly held: ReadonlySet<Resource>;
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, 'note' | 'denial'>;
  readonly pace?: Ms;
}

/** So often at most the state is written. */
const PACE: Ms = 250;

export interface OpenedBreaker {
  readonly breaker: Breaker;
  readonly desk: Desk;
  readonly store: Store;
}

export function openBreaker({ limits, keeping, cache, held, pace = PACE, ...parts }: BreakerOptions): OpenedBreaker {
  const store = new Store({ ...parts, ...keeping, limits, pace });
  const lookup = lookupIn(cache, held);
  const desk = new Desk({ ...parts, store, lookup, cache });
  return { breaker: createBreaker({ ...parts, store, desk, lookup }), desk, store };
}

/** Keeps the state in the cluster. `parts` come when the fence is there: before that nothing can be written. */
export function keepInCluster(
  reader: Pick<Reader, 'get'>,
  timeout: Ms,
  parts: () => BuiltInParts | undefined,
): Keeping {
  return {
    async read() {
      try {
        return stateFound(await reader.get('breaker', STATE_PATH, { timeout }));
      } catch {
        return { kind: 'failed' };
      }
    },
    async write(json, version) {
      const ready = parts();
      return ready === undefined
        ? { kind: 'failed' }
        : stateWritten(await sendState(stateRequest(json, version, timeout), ready));
    },
  };
}
