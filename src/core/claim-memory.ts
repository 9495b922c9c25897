import { type Claimant, confirmFor, isDone, isFruitless } from './claim.ts';
import type { Json } from './json.ts';
import { nothing, type Outcome, type Patch, type Plan } from './plan.ts';

/** A bound on the memory of a key, and so on the claims of one run. */
const MOST = 500;

/**
 * The uids of objects whose claim came to nothing. They are asked for again beside other work, never before it: else one
 * object with our labels that policy lets nobody adopt would keep its would-be owner from ever being managed.
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

/** The plan of a run that only claims; what it claimed is in the view of the next. */
export function claimPlan(claimant: Claimant, claims: readonly Patch[]): Plan {
  return { reason: 'claim', chains: claims.map((claim) => [claim]), events: [], ...confirmFor(claimant, claims) };
}

/** What follows such a run: another one at once, where each claim came to an end. */
export function afterClaims(memory: Json | undefined, claims: readonly Outcome[]): Plan {
  const ended = claims.every((outcome) => isDone(outcome) || isFruitless(outcome));
  return nothing('claimed', { ...memoryAfter(remembered(memory), true, claims), ...(ended && { next: 'again' }) });
}
