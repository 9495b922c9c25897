import type { BreakerLimits, Hold, HoldReason } from './port.ts';
import type { Sums } from './window.ts';

export interface Over {
  readonly scope: Hold['scope'];
  readonly reason: HoldReason;
  readonly limit: number;
}

/** Where a cause, its namespace and the cluster stand before something more is asked. */
export interface Position {
  readonly evident: boolean;
  /** What the cause was charged for, on its side. */
  readonly charged: number;
  readonly has?: number;
  readonly window: Sums;
  /** Of the window, the part of the namespace that all of it lies in, where it is one. */
  readonly namespace?: Sums;
}

export interface More extends Sums {
  readonly cause: number;
}

/** One namespace's part of the window: a quarter, and never less than one cause may take. */
const PART = 1 / 4;

/** The first limit that so much more would break; undefined where all of them hold. */
export function exceeds(at: Position, more: More, limits: BreakerLimits): Over | undefined {
  const cause = more.cause === 0 ? undefined : overCause(at, more.cause, limits);
  return cause ?? overNamespace(at, more, limits) ?? overCluster(at, more, limits);
}

function overCause({ evident, charged, has }: Position, more: number, limits: BreakerLimits): Over | undefined {
  const { weightPerCause, shareOfCause, mostPerCause, weightPerCauseWithEvidence } = limits;
  const cause = charged + more;
  if (evident)
    return cause > weightPerCauseWithEvidence
      ? { scope: 'cause', reason: 'too-much-with-evidence', limit: weightPerCauseWithEvidence }
      : undefined;
  if (cause > weightPerCause && (has === undefined || cause > shareOfCause * has))
    return { scope: 'cause', reason: 'too-much-of-its-cause', limit: weightPerCause };
  return cause > mostPerCause
    ? { scope: 'cause', reason: 'too-much-without-evidence', limit: mostPerCause }
    : undefined;
}

/** What one tenant takes stops that tenant, and not the others (I15). */
function overNamespace({ namespace }: Position, more: More, limits: BreakerLimits): Over | undefined {
  if (namespace === undefined) return undefined;
  const part = (whole: number, least: number): number => Math.min(whole, Math.max(whole * PART, least));
  const bare = part(limits.weightPerWindow, limits.mostPerCause);
  if (more.bare > 0 && namespace.bare + more.bare > bare)
    return { scope: 'namespace', reason: 'too-much-in-its-namespace-without-evidence', limit: bare };
  const all = part(limits.weightPerWindowInAll, limits.weightPerCauseWithEvidence);
  return namespace.all + more.all > all
    ? { scope: 'namespace', reason: 'too-much-in-its-namespace', limit: all }
    : undefined;
}

function overCluster({ window }: Position, more: More, limits: BreakerLimits): Over | undefined {
  const { weightPerWindow: bare, weightPerWindowInAll: all } = limits;
  if (more.bare > 0 && window.bare + more.bare > bare)
    return { scope: 'cluster', reason: 'too-much-in-all-without-evidence', limit: bare };
  return window.all + more.all > all ? { scope: 'cluster', reason: 'too-much-in-all', limit: all } : undefined;
}
