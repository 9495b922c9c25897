import type { LabelsOf, MetricName } from './names.ts';

/** Where components report numbers; the real one feeds prom-client, tests collect. Never throws. */
export interface Meter {
  count<N extends MetricName>(name: N, labels: LabelsOf<N>, by?: number): void;
  set<N extends MetricName>(name: N, labels: LabelsOf<N>, value: number): void;
  /** Seconds for durations. */
  observe<N extends MetricName>(name: N, labels: LabelsOf<N>, value: number): void;
}

/** Structured log: a constant message, values in fields. No secret, token or API error message is ever a field (I9). */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Telemetry {
  readonly meter: Meter;
  readonly log: Log;
}

/** The registry behind the meter. */
export interface Metrics {
  readonly meter: Meter;
  /** The Prometheus text format. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** Which of the three questions a check answers: is it broken beyond repair, can it do its work now, is all well. */
export type Probe = 'livez' | 'readyz' | 'healthz';

export interface CheckResult {
  readonly name: string;
  /** Why it fails; undefined when it does not. For logs and authorised readers, without values that are secret. */
  readonly failing: string | undefined;
}

export interface Health {
  /** `failing` says why, or undefined. Returns the remover. Adding a name again replaces the check. */
  add(name: string, failing: () => string | undefined, probes?: readonly Probe[]): () => void;
  report(probe: Probe): readonly CheckResult[];
}
