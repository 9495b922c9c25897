import type { Ms } from '#core/time.ts';

/** One reign. Two are equal only if all three parts are. */
export interface Epoch {
  readonly lease: string;
  readonly transitions: number;
  readonly holder: string;
}

/** Asked in the same turn as the socket write (I10). */
export interface Fence {
  /** The current reign; undefined when this process does not lead. */
  epoch(): Epoch | undefined;
  /** Whether a request that may take `timeout` can start now: the lease outlives it by the margin on both clocks. */
  admits(timeout: Ms): boolean;
}
