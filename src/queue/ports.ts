import type { Cache } from '#cache/port.ts';
import type { ControllerSettings, Reads } from '#core/controller.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { EventLane } from '#gate/events.ts';
import type { Gate } from '#gate/gate.ts';
import type { Telemetry } from '#telemetry/port.ts';

/** What running controllers need from the rest. */
export interface RunnerParts extends Telemetry {
  readonly cache: Cache;
  readonly gate: Gate;
  readonly events: EventLane;
  readonly clock: Clock;
  readonly settings: ControllerSettings;
  /** Live reads as that controller. */
  readonly readsFor: (controller: string) => Reads;
  /** 64 fresh hexadecimal digits. */
  readonly seed: () => string;
  /** How long a lost write may still happen: the key rests until then. */
  readonly writeTimeout: Ms;
  /** Number of workers by queue name, where configured otherwise than declared. */
  readonly workers: ReadonlyMap<string, number>;
}
