/** The largest weight there is: what is more, or no number at all, is that much. */
export const MOST = 1_000_000;

/** A weight from hostile parts: in [0, MOST]. */
export function bounded(value: number): number {
  if (Number.isNaN(value)) return MOST;
  return Math.min(MOST, Math.max(0, value));
}

/** A count as the API has it; undefined for what is none. Never above MOST. */
export function whole(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined;
  return Math.min(MOST, Math.floor(value));
}

/** Answers and plans are hostile: a list may be none. */
export function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}
