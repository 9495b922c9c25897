import type { Reader, Writer } from '#api/port.ts';
import type { Cache } from '#cache/port.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Fence } from '#leader/port.ts';
import type { Ledger } from '#ledger/port.ts';
import type { Evaluator } from '#policy/port.ts';
import type { Telemetry } from '#telemetry/port.ts';
import type { Attempts } from './attempts.ts';
import type { Breaker } from './breaker/port.ts';
import type { Forecast } from './forecast/port.ts';
import type { LostWrites } from './lost.ts';
import type { Names } from './names.ts';
import type { Park } from './park.ts';
import type { Proofs } from './proof.ts';
import type { QuotaGuard } from './quota.ts';

/** What the stages stand on. Built once, in `src/main.ts`. */
export interface GateParts extends Telemetry {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly cache: Cache;
  readonly evaluator: Evaluator;
  readonly ledger: Ledger;
  readonly identities: Identities;
  readonly fence: Fence;
  readonly quota: QuotaGuard;
  readonly forecast: Forecast;
  readonly breaker: Breaker;
  readonly park: Park;
  readonly names: Names;
  readonly proofs: Proofs;
  readonly lost: LostWrites;
  readonly attempts: Attempts;
  readonly clock: Clock;
  readonly cluster: string;
  /** How long the API server may take over one write; the fence keeps that much of the lease. */
  readonly writeTimeout: Ms;
}
