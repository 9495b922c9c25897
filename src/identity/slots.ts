import { createHash } from 'node:crypto';
import type { Ms } from '#core/time.ts';

/** A certificate's life, as far as renewing it goes. Wall times, because certificates end by the wall clock. */
export interface Life {
  readonly identity: string;
  readonly issued: Ms;
  readonly notAfter: Ms;
  /** When a renewal was last tried; undefined when none was. */
  readonly tried: Ms | undefined;
  /** Failed tries in a row. */
  readonly failures: number;
}

/** Renewal begins at half of the life, give or take this part of it. */
const SPREAD = 0.1;
/** Nor sooner after the last issuance than this part of the life, whatever the plan says: a loop cannot happen. */
const LEAST_INTERVAL = 0.1;
const FIRST_RETRY: Ms = 1_000;
/** A clock that is kept in step goes back by less. */
const AHEAD: Ms = 60_000;
const LARGEST_RETRY: Ms = 5 * 60_000;

/** When to try next. Depends on its arguments only. */
export function nextTry(life: Life): Ms {
  const length = Math.max(life.notAfter - life.issued, 0);
  const share = Math.max(0.5 + SPREAD * spreadOf(life.identity), LEAST_INTERVAL);
  const planned = life.issued + length * share;
  if (life.tried === undefined || life.failures === 0) return planned;
  return life.tried + retryDelay(length, life.failures);
}

/** Whether the clock was set back since: by the new time its certificate is not valid yet, and its plan is of no use. */
export function isAhead({ issued, tried = issued }: Life, now: Ms): boolean {
  return Math.max(issued, tried) > now + AHEAD;
}

/** Doubling from a second to five minutes, and never so slow that a short life ends with fewer than a few tries. */
function retryDelay(length: Ms, failures: number): Ms {
  const doubled = FIRST_RETRY * 2 ** Math.min(failures - 1, 20);
  return Math.min(doubled, LARGEST_RETRY, Math.max(length * LEAST_INTERVAL, 100));
}

/** Of a certificate that was not renewed, how worried to be: the share of its life that is over decides. */
export function urgencyOf(life: Life, now: Ms): 'calm' | 'late' | 'alarm' | 'ended' {
  const length = life.notAfter - life.issued;
  if (now >= life.notAfter) return 'ended';
  const over = (now - life.issued) / length;
  if (over >= 0.8) return 'alarm';
  return over >= 0.67 ? 'late' : 'calm';
}

/** A number in [-1, 1) that is the same for an identity for ever: renewals of many spread out, and stay put. */
export function spreadOf(identity: string): number {
  const bits = createHash('sha256').update(identity).digest().readUInt32BE(0);
  return (bits / 2 ** 32) * 2 - 1;
}
