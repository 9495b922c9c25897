import { type ErrorCode, type Retry, retryOf } from '#core/errors.ts';
import type { Outcome } from '#core/plan.ts';
import type { Ms } from '#core/time.ts';

/** When a key runs again because of what became of its writes. */
export type Requeue =
  | { readonly kind: 'now' }
  | { readonly kind: 'backoff' }
  | { readonly kind: 'soon'; readonly delay: Ms }
  | { readonly kind: 'after'; readonly delay: Ms };

/** Waits that no answer bounded. */
const UNTOLD: Ms = 1000;
/**
 * While the lease cannot be renewed each try is refused before it leaves: a back-off that counted them would hold the
 * key up for a minute after the lease is fresh again.
 */
const SOON: Ms = 1000;
/** What is sooner than the rest, whatever their delays are. */
const FIRST: readonly Requeue['kind'][] = ['now', 'soon'];

/**
 * What the outcomes ask for: what is surely the soonest, or a back-off beside a wait, of which the queue takes whichever
 * ends first. Refusals of class `never` and benign ones ask for nothing (I11).
 */
export function requeueFor(outcomes: readonly Outcome[]): readonly Requeue[] {
  const wishes = outcomes.flatMap((outcome) => wishOf(outcome) ?? []);
  for (const kind of FIRST) {
    const first = wishes.find((wish) => wish.kind === kind);
    if (first !== undefined) return [first];
  }
  const backoff = wishes.find(({ kind }) => kind === 'backoff');
  const waits = wishes.flatMap((wish) => (wish.kind === 'after' ? [wish.delay] : []));
  const wait: readonly Requeue[] = waits.length > 0 ? [{ kind: 'after', delay: Math.min(...waits) }] : [];
  return backoff === undefined ? wait : [backoff, ...wait];
}

/** How long the API server wants to be left alone with this key: what it is not asked for meanwhile is no load on it. */
export function restFor(outcomes: readonly Outcome[]): Ms {
  const asked = outcomes.map((outcome) =>
    outcome.kind === 'failed' && outcome.code === 'API_THROTTLED' ? (outcome.retryAfter ?? 0) : 0,
  );
  return Math.max(0, ...asked);
}

/** Whether nothing went wrong: then the key's back-off starts afresh. */
export function wentWell(outcomes: readonly Outcome[]): boolean {
  return outcomes.every((outcome) => !('code' in outcome) || retryOf(outcome.code) === 'benign');
}

function wishOf(outcome: Outcome): Requeue | undefined {
  if (!('code' in outcome)) return undefined;
  const delay = 'retryAfter' in outcome ? outcome.retryAfter : undefined;
  return byClass(retryOf(outcome.code satisfies ErrorCode), delay);
}

function byClass(retry: Retry, delay: Ms | undefined): Requeue | undefined {
  switch (retry) {
    case 'now':
      return { kind: 'now' };
    case 'backoff':
      return { kind: 'backoff' };
    case 'soon':
      return { kind: 'soon', delay: SOON };
    case 'after':
      return { kind: 'after', delay: delay ?? UNTOLD };
    case 'never':
    case 'benign':
      return undefined;
  }
}
