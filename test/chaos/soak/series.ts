/** What was measured over a run, and whether it is flat. Pure. */

export interface Point {
  /** Milliseconds since the run began. */
  readonly at: number;
  readonly value: number;
}

export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly Point[];
  /** How far its last quarter may be above its first beside the share that all may; undefined: it is told, not judged. */
  readonly slack: number | undefined;
}

export interface Judged {
  readonly name: string;
  readonly unit: string;
  readonly count: number;
  /** Medians of the first and of the last quarter. */
  readonly first: number;
  readonly last: number;
  /** The median of all slopes between two points, so that neither a sawtooth nor an outlier moves it. */
  readonly perHour: number;
  readonly max: number;
  /** What `last` may be at most; undefined where it is not judged. */
  readonly bound: number | undefined;
  readonly flat: boolean | undefined;
}

/** Left out at the beginning: caches fill, code is compiled, heaps find their size. */
export const WARM_UP = 0.1;
/** The last quarter may be above the first by so much, and by the slack of the series. */
export const SHARE = 0.1;
/** Slopes are taken between so many points at most; they grow with the square. */
const SLOPE_POINTS = 300;
const HOUR = 3_600_000;

export function judge({ name, unit, points, slack }: Series): Judged {
  const end = points.at(-1)?.at ?? 0;
  const warm = points.filter(({ at }) => at >= end * WARM_UP);
  const from = warm[0]?.at ?? 0;
  const quarter = (end - from) / 4;
  const first = medianOf(warm.filter(({ at }) => at <= from + quarter));
  const last = medianOf(warm.filter(({ at }) => at >= end - quarter));
  const bound = slack === undefined ? undefined : first * (1 + SHARE) + slack;
  return {
    name,
    unit,
    count: points.length,
    first,
    last,
    perHour: slopeOf(warm) * HOUR,
    max: Math.max(...warm.map(({ value }) => value)),
    bound,
    // Without points nothing was measured: that is not flat.
    flat: bound === undefined ? undefined : warm.length >= 8 && last <= bound,
  };
}

const medianOf = (points: readonly Point[]): number => median(points.map(({ value }) => value));

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** Per millisecond (Theil and Sen). */
function slopeOf(points: readonly Point[]): number {
  const step = Math.max(1, Math.ceil(points.length / SLOPE_POINTS));
  const thin = points.filter((_, nth) => nth % step === 0);
  const slopes = thin.flatMap((one, nth) =>
    thin.slice(nth + 1).map(({ at, value }) => (value - one.value) / (at - one.at)),
  );
  return slopes.length === 0 ? Number.NaN : median(slopes);
}

/** Of values in any order; the largest for 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
