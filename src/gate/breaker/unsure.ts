import type { DeleteCollection, Outcome } from '#core/plan.ts';
import type { Ms } from '#core/time.ts';
import type { Books } from './books.ts';
import type { Charge } from './loss.ts';
import type { Root } from './port.ts';
import { isRecent, minuteOf } from './window.ts';

/** Of namespaces that end at once, and of what is in them. */
const MOST = 1_000;

interface Try {
  readonly side: 'bare' | 'evident';
  readonly weight: number;
  /** What is charged is forgotten after so many minutes, and then is not given back either. */
  readonly minute: number;
}

/**
 * Collections that were deleted with an answer that told nothing, as of an API server that takes longer over them than a
 * request may: some of it went, some is there still. What the next try finds was not taken by the one before, though it
 * was charged for it. Kept in memory only: a new leader charges once more.
 */
export interface Unsure {
  /** Before a try: gives back what an earlier one was charged for and did not take. */
  stillThere(books: Books, root: Root, charges: readonly Charge[], wall: Ms): void;
  /** After a try that was charged at `wall`. */
  learn(
    root: Root,
    at: { readonly side: Try['side']; readonly wall: Ms },
    charges: readonly Charge[],
    outcomes: readonly (readonly Outcome[])[],
  ): void;
}

export function createUnsure(): Unsure {
  const tries = new Map<string, Try>();
  return {
    stillThere(books, root, charges, wall) {
      for (const { write, weight } of collectionsIn(charges)) {
        const key = keyOf(root, write);
        const last = tries.get(key);
        if (last === undefined) continue;
        tries.delete(key);
        if (isRecent(last.minute, wall)) books.refund(root.id, last.side, Math.min(last.weight, weight));
      }
    },
    learn(root, { side, wall }, charges, outcomes) {
      const unknown = new Set(outcomes.flat().flatMap(({ kind, write }) => (kind === 'unknown' ? [write] : [])));
      for (const { write, weight } of collectionsIn(charges))
        if (unknown.has(write)) tries.set(keyOf(root, write), { side, weight, minute: minuteOf(wall) });
      for (const oldest of [...tries.keys()].slice(0, Math.max(0, tries.size - MOST))) tries.delete(oldest);
    },
  };
}

function collectionsIn(charges: readonly Charge[]): readonly { write: DeleteCollection; weight: number }[] {
  return charges.flatMap(({ pending: { write }, loss }) =>
    write.verb === 'deletecollection' ? [{ write, weight: loss.weight - loss.follows }] : [],
  );
}

function keyOf({ id }: Root, { resource, namespace, labelSelector, fieldSelector }: DeleteCollection): string {
  return JSON.stringify([id, resource, namespace, labelSelector, fieldSelector]);
}
