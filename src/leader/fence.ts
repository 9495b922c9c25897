import type { Ms, Now } from '#core/time.ts';

export interface FenceLimits {
  /** What followers wait for after the last change that they saw. */
  readonly leaseDuration: Ms;
  /** Kept free at the end: for clocks that run at different rates and for bytes on their way. */
  readonly margin: Ms;
  /** How far wall and monotonic clock may drift apart before neither is believed. */
  readonly jumpBound: Ms;
}

/**
 * Whether a request that may take `timeout` can start now (I10). `renewedAt` is when the last successful renewal was
 * begun, which is before any follower can have seen it. The larger of both clocks' elapsed time counts: the monotonic
 * one stands still while the machine sleeps, the wall clock may be set back.
 */
export function fenceAdmits(renewedAt: Now | undefined, now: Now, timeout: Ms, limits: FenceLimits): boolean {
  if (renewedAt === undefined || !(timeout >= 0)) return false;
  const mono = now.mono - renewedAt.mono;
  const wall = now.wall - renewedAt.wall;
  if (!(mono >= 0) || !(Math.abs(wall - mono) <= limits.jumpBound)) return false;
  return Math.max(mono, wall) + timeout + limits.margin < limits.leaseDuration;
}

/**
 * The longest timeout, at most `wished`, that the fence still admits after one renewal was missed. A shorter lease means
 * shorter requests, or none would ever start.
 */
export function affordableTimeout(limits: FenceLimits, retryPeriod: Ms, wished: Ms): Ms {
  return Math.max(0, Math.min(wished, limits.leaseDuration - limits.margin - 2 * retryPeriod - 1));
}
