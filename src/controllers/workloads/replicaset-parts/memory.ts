import type { Json } from '#core/json.ts';
import type { Outcome, Patch } from '#core/plan.ts';
import { isFruitless } from './claim.ts';

/** A bound on the memory of a key, and so on the claims of one run. */
const MOST = 500;

/**
 * The uids of pods whose claim came to nothing. They are asked for again beside other work, never before it: else one pod
 * with our labels that policy lets nobody adopt would keep its ReplicaSet from ever being managed.
 */
export function remembered(memory: Json | undefined): ReadonlySet<string> {
  const uids = typeof memory === 'object' && memory !== null && !Array.isArray(memory) ? memory : {};
  const fruitless = Object.hasOwn(uids, 'fruitless') ? (uids as { fruitless: Json }).fruitless : [];
  return new Set(Array.isArray(fruitless) ? fruitless.filter((uid) => typeof uid === 'string') : []);
}

/** Claims that must come first, and those that go beside other work. */
export function sortClaims(
  known: ReadonlySet<string>,
  claims: readonly Patch[],
): { readonly first: readonly Patch[]; readonly beside: readonly Patch[] } {
  const isKnown = ({ ref }: Patch) => known.has(ref.uid ?? '');
  const room = Math.max(0, MOST - known.size);
  return { first: claims.filter((claim) => !isKnown(claim)).slice(0, room), beside: claims.filter(isKnown) };
}

/** The memory after these claims; `keep` says whether what was known stays, which a run that asked for all of it resets. */
export function memoryAfter(
  known: ReadonlySet<string>,
  keep: boolean,
  claims: readonly Outcome[],
): { readonly memory?: Json } {
  const next = new Set(keep ? known : []);
  for (const { write } of claims.filter(isFruitless)) {
    if (write.verb === 'patch') next.add(write.ref.uid ?? '');
  }
  if (next.size === known.size && [...next].every((uid) => known.has(uid))) return {};
  return { memory: next.size === 0 ? null : { fruitless: [...next].sort() } };
}
