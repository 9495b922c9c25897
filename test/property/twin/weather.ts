import type { Ms } from '#core/time.ts';

/** What the way between processes and API server is like. Shares are of all requests, from 0 to 1. */
export interface Weather {
  /** Writes whose answer never comes, done or not. */
  lost: number;
  /** Writes and reads that the server refuses with 429, 500, 503 or 504; a 504 may have been done. */
  refused: number;
  /** Requests that take up to what they may. */
  slow: number;
  /** Connections that cannot be opened. */
  unreachable: number;
  /** How long watch events may lie around. */
  watchLag: Ms;
}

export const FAIR: Weather = { lost: 0, refused: 0, slow: 0, unreachable: 0, watchLag: 30 };
export const FOUL: Weather = { lost: 0.2, refused: 0.15, slow: 0.2, unreachable: 0.08, watchLag: 3000 };
