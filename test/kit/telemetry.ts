import type { Fields, Telemetry } from '#telemetry/port.ts';

export interface Recorded extends Telemetry {
  readonly counts: Map<string, number>;
  readonly lines: { level: string; message: string; fields: Fields }[];
}

/** Collects what components report; `counts` by `name{label=value,...}`. */
export function recordingTelemetry(): Recorded {
  const counts = new Map<string, number>();
  const lines: Recorded['lines'] = [];
  const id = (name: string, labels: object): string =>
    `${name}{${Object.entries(labels)
      .map(([k, v]) => `${k}=${v}`)
      .join(',')}}`;
  const line =
    (level: string) =>
    (message: string, fields: Fields = {}) =>
      void lines.push({ level, message, fields });
  return {
    counts,
    lines,
    meter: {
      count: (name, labels, by = 1) => void counts.set(id(name, labels), (counts.get(id(name, labels)) ?? 0) + by),
      set: (name, labels, value) => void counts.set(id(name, labels), value),
      observe: () => {},
    },
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
  };
}
