/** A duration in milliseconds. */
export type Ms = number;

/**
 * The instant a decision is made at. `wall` is milliseconds since 1970 and may jump; `mono` is milliseconds of a clock
 * that only goes forward. Durations are measured with `mono`: with `wall`, a clock jump would evict every node.
 */
export interface Now {
  readonly wall: Ms;
  readonly mono: Ms;
}

/** The only source of time outside `core` and `controllers`; tests hand in their own. */
export interface Clock {
  now(): Now;
  /** Calls back once after `delay`; the returned function cancels it. Never keeps the process alive by itself. */
  after(delay: Ms, callback: () => void): () => void;
}

export const seconds = (count: number): Ms => count * 1000;
export const minutes = (count: number): Ms => count * 60_000;

/** Milliseconds since 1970 of an RFC 3339 time as the API writes it; undefined when absent or malformed. */
export function parseTime(text: string | undefined): Ms | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** `metav1.Time`: whole seconds, UTC. */
export function formatTime(wall: Ms): string {
  return `${new Date(wall).toISOString().slice(0, 19)}Z`;
}

/** `metav1.MicroTime`: microseconds, UTC. */
export function formatMicroTime(wall: Ms): string {
  return `${new Date(wall).toISOString().slice(0, 23)}000Z`;
}
