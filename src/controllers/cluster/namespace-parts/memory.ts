import type { Json } from '#core/json.ts';
import type { Resource } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';

/** How far the draining of one namespace is. Of another namespace under the same name nothing is remembered. */
export interface Drain {
  readonly uid: string;
  /** Monotonic: nothing is looked at before. */
  readonly due: Ms;
  /** Pods were all that kept it: their end is seen, so that nobody has to wait for `due`. */
  readonly waitsFor?: 'pods';
  /** Looks in a row that met trouble: each waits longer. */
  readonly tries?: number;
  /** Weight of all that it held when it was first looked at. */
  readonly total?: number;
  /** Set between the deletions and the look at what is left of them. */
  readonly check?: Check;
  /** Nothing was left: it can be let go. `done`: it has been, and others still hold it. */
  readonly end?: 'clean' | 'done';
}

export interface Check {
  /** What was deleted from, and so may still hold something. All else was seen empty. */
  readonly left: readonly Resource[];
  /** Groups that did not answer, and resources that nobody can name: both may hide content. */
  readonly failed: readonly string[];
  readonly unreadable: readonly string[];
  /** What could not be listed or deleted, and why. */
  readonly errors: readonly string[];
}

/** The memory of a key, as far as it is about the namespace with that uid. */
export function remembered(memory: Json | undefined, uid: string): Drain | undefined {
  const drain = memory as Drain | null | undefined;
  return drain?.uid === uid ? drain : undefined;
}

export function asMemory(drain: Drain): Json {
  return drain as unknown as Json;
}
