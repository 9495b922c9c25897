import { type Json, jsonEqual } from '#core/json.ts';
import type { Ms } from '#core/time.ts';
import { seconds } from '#core/time.ts';
import { type Times, timesIn } from '../service-pods/trigger-time.ts';

/** What is kept of a Service between runs. */
export interface Memory {
  readonly times: Times | undefined;
  /** Whether its endpoints carry hints by CPU. */
  readonly hinted: boolean;
  /** How many runs in a row left out pods whose node is not known. */
  readonly lost: number;
}

const NOTHING: Memory = { times: undefined, hinted: false, lost: 0 };

export function remembered(memory: Json | undefined): Memory {
  if (typeof memory !== 'object' || memory === null || Array.isArray(memory)) return NOTHING;
  const { times, hinted, lost } = memory as { times?: Json; hinted?: Json; lost?: Json };
  return { times: timesIn(times), hinted: hinted === true, lost: Number(lost ?? 0) };
}

/** Only where it differs: most runs change nothing. */
export function memoryAfter(before: Json | undefined, after: Memory): { readonly memory?: Json } {
  const next = after as unknown as Json;
  return jsonEqual(before, next) ? {} : { memory: next };
}

/** A change that did not go through still happened when it did: the next try tells the same time. */
export function withFormerTimes(after: Json | undefined, before: Json | undefined): Json {
  const { hinted, lost } = remembered(after ?? before);
  const { times } = remembered(before);
  return { ...(times !== undefined && { times: times as unknown as Json }), hinted, lost };
}

/** As upstream retries a Service that failed: 1 s, doubling, up to 1,000 s. */
export const RETRY = { base: seconds(1), max: seconds(1000) } as const;

export function retryAfter(failures: number): Ms {
  return Math.min(RETRY.base * 2 ** Math.min(failures, 30), RETRY.max);
}
