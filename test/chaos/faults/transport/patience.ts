/** Bounds that hold on a machine that does nothing else, for one that does. */

/** Milliseconds that a pod takes at most where nothing disturbs it, until it is ready and told of. */
const QUIET = 1_000;
/** A machine that is slower than this has no time to give at all. */
export const MOST = 4;

/**
 * Throws where something took longer than it may: as often as long as `within`, as what nothing disturbed took longer
 * than it should, in the same arena just before and just after. All in milliseconds.
 */
export function inTime(took: number, within: number, undisturbed: number): void {
  const allowed = within * Math.min(MOST, Math.max(1, undisturbed / QUIET));
  if (took > allowed)
    throw new Error(`served after ${Math.round(took)} ms instead of ${allowed} ms, undisturbed ${undisturbed} ms`);
}
