import { type Json, type JsonObject, jsonEqual } from '#core/json.ts';
import type { Outcomes } from '#core/plan.ts';
import type { Ms } from '#core/time.ts';
import type { Candidate } from './candidates.ts';

export interface Memory {
  /** Nodes that pods name and that are not there, with the monotonic time since when. */
  readonly missing: ReadonlyMap<string, Ms>;
  /** Uids of pods that policy kept: they are asked for after all others, for only so many are in a run. */
  readonly refused: ReadonlySet<string>;
}

/** A bound on what is remembered of refusals. */
const MOST = 1000;

/** Lists, not objects: a node may be named `__proto__`. */
export function memoryFrom(memory: Json | undefined): Memory {
  const { missing, refused } = (memory ?? {}) as JsonObject;
  return {
    missing: new Map((missing ?? []) as unknown as [string, Ms][]),
    refused: new Set((refused ?? []) as readonly string[]),
  };
}

/** The plan's memory, where it is another than there was. */
export function memoryWith({ missing, refused }: Memory, before: Json | undefined): { readonly memory?: Json } {
  const empty = missing.size === 0 && refused.size === 0;
  const memory: Json = empty ? null : { missing: [...missing], refused: [...refused] };
  return jsonEqual(memory, before ?? null) ? {} : { memory };
}

export function lastIfRefused(candidates: readonly Candidate[], refused: ReadonlySet<string>): readonly Candidate[] {
  const isRefused = ({ pod }: Candidate) => refused.has(pod.metadata?.uid ?? '');
  return [...candidates.filter((one) => !isRefused(one)), ...candidates.filter(isRefused)];
}

/** Those that were asked for now count as they came out; those that were not stay. */
export function refusedAfter(refused: ReadonlySet<string>, outcomes: Outcomes): ReadonlySet<string> {
  const after = new Set(refused);
  for (const chain of outcomes) {
    for (const { write } of chain)
      if (write.verb === 'delete' || write.verb === 'patch') after.delete(write.ref.uid ?? '');
    for (const { write, kind } of chain)
      if (kind === 'denied' && (write.verb === 'delete' || write.verb === 'patch')) after.add(write.ref.uid ?? '');
  }
  return new Set([...after].slice(-MOST));
}
