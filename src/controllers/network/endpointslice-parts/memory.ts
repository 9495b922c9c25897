import { type Json, jsonEqual } from '#core/json.ts';
import type { Ms } from '#core/time.ts';
import { seconds } from '#core/time.ts';
import { type Times, timesIn } from '../service-pods/trigger-time.ts';

/** What is kept of a Service between runs. */
export interface Memory {
  readonly times: Times | undefined;
  /** Whether its endpoints carry hints by CPU. */
  readonly hinted: boolean;
  readonly wait: Wait;
}

/** Pods whose node is not known: how often they were waited for in a row, and until when (monotonic) now. */
export interface Wait {
  readonly lost: number;
  readonly due?: Ms;
}

const NONE: Wait = { lost: 0 };

const NOTHING: Memory = { times: undefined, hinted: false, wait: NONE };

export function remembered(memory: Json | undefined): Memory {
  if (typeof memory !== 'object' || memory === null || Array.isArray(memory)) return NOTHING;
  const { times, hinted, lost, due } = memory as { times?: Json; hinted?: Json; lost?: Json; due?: Json };
  const wait = { lost: Number(lost ?? 0), ...(due !== undefined && { due: Number(due) }) };
  return { times: timesIn(times), hinted: hinted === true, wait };
}

/** Only where it differs: most runs change nothing. */
export function memoryAfter(before: Json | undefined, after: Memory): { readonly memory?: Json } {
  const { wait, ...rest } = after;
  const next = { ...rest, ...wait } as unknown as Json;
  return jsonEqual(before, next) ? {} : { memory: next };
}

/** A change that did not go through still happened when it did: the next try tells the same time. */
export function withFormerTimes(after: Json | undefined, before: Json | undefined): Json {
  const { hinted, wait } = remembered(after ?? before);
  const { times } = remembered(before);
  return { ...(times !== undefined && { times: times as unknown as Json }), hinted, ...wait };
}

/** As upstream retries a Service that failed: 1 s, doubling, up to 1,000 s. */
export const RETRY = { base: seconds(1), max: seconds(1000) } as const;

/** The wait after a run that left pods out, or none. Only one that is over makes the next one longer: runs have many causes. */
export function waitAfter({ lost, due }: Wait, left: boolean, now: Ms): Wait {
  if (!left) return NONE;
  if (due !== undefined && now < due) return { lost, due };
  return { lost: lost + 1, due: now + Math.min(RETRY.base * 2 ** Math.min(lost, 30), RETRY.max) };
}
