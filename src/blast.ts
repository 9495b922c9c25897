/** The blast-radius breaker, put together: it is opened with the pipeline, and gets the reins once this process leads. */
import type { Reader } from '#api/port.ts';
import type { Cache } from '#cache/port.ts';
import type { Config } from '#config/config.ts';
import type { Resource } from '#core/resource.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Route } from '#doors/port.ts';
import type { Desk, Reins } from '#gate/breaker/desk.ts';
import { keepInCluster, openBreaker } from '#gate/breaker/open.ts';
import type { Breaker } from '#gate/breaker/port.ts';
import { breakerRoutes } from '#gate/breaker/routes.ts';
import type { BuiltInParts } from '#gate/built-in.ts';
import type { Ledger } from '#ledger/port.ts';
import type { Health, Telemetry } from '#telemetry/port.ts';

export interface Blast {
  readonly breaker: Breaker;
  readonly desk: Desk;
  readonly routes: readonly Route[];
  /** With the fence and the one who holds the lease: before that nothing can be kept, and the doors are shut. */
  bind(parts: BuiltInParts, holder: () => string): void;
  lead(reins: Omit<Reins, 'epoch'>): () => void;
  /** Keeps what was only counted, before this process ends; nothing is counted after it. */
  end(): Promise<unknown>;
  watch(health: Health): void;
}

interface BlastOptions extends Telemetry {
  readonly config: Config;
  readonly reader: Reader;
  readonly cache: Cache;
  readonly held: ReadonlySet<Resource>;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly writeTimeout: Ms;
}

export function openBlast({ config, reader, writeTimeout, ...options }: BlastOptions): Blast {
  let bound: { readonly parts: BuiltInParts; readonly holder: () => string } | undefined;
  const keeping = keepInCluster(reader, writeTimeout, () => bound?.parts);
  const { breaker, desk, store } = openBreaker({ ...options, keeping, limits: config.breaker });
  const epoch = () => bound?.parts.fence.epoch();
  const otherLeader = (): string | undefined => (epoch() === undefined ? (bound?.holder() ?? '') : undefined);
  return {
    breaker,
    desk,
    routes: breakerRoutes({ desk, store, limits: config.breaker, otherLeader }),
    bind(parts, holder) {
      bound = { parts, holder };
    },
    lead: (reins) => desk.lead({ ...reins, epoch }),
    end: () => desk.end(),
    // Not alive or well would be restarted, which mends nothing here, and ends the doors that people decide at.
    watch: (health) => void health.add('breaker', () => store.failing(), ['readyz']),
  };
}
