import type { Ms } from '#core/time.ts';

/** Go's durations: `15s`, `1m30s`, `1.5h`, `0`. As a pattern for the schema. */
export const DURATION_PATTERN = '^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$';

const UNITS: ReadonlyMap<string, Ms> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Milliseconds; undefined when it is not a duration. Signs are not taken: none of our settings may be negative. */
export function parseDuration(text: string): Ms | undefined {
  if (text.length > 64 || !new RegExp(DURATION_PATTERN).test(text)) return undefined;
  if (text === '0') return 0;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(count) * (UNITS.get(unit ?? '') ?? Number.NaN);
  }
  return Number.isFinite(total) ? total : undefined;
}
