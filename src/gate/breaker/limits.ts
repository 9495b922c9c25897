import type { BreakerLimits, Hold, HoldReason } from './port.ts';

export interface Over {
  readonly scope: Hold['scope'];
  readonly reason: HoldReason;
  readonly limit: number;
}

/** Where a cause and the cluster stand before something more is asked. */
export interface Standing {
  readonly covered: number;
  /** The part of it that nothing gave a reason for. */
  readonly bare: number;
  readonly has?: number;
  readonly evident: boolean;
  readonly window: { readonly bare: number; readonly all: number };
}

/** The first limit that so much more would break; undefined where all of them hold. */
export function exceeds(at: Standing, extra: number, limits: BreakerLimits): Over | undefined {
  const broken = at.evident ? withEvidence(at, extra, limits) : withoutEvidence(at, extra, limits);
  if (broken !== undefined) return broken;
  const most = limits.weightPerWindowInAll;
  return at.window.all + extra > most ? { scope: 'cluster', reason: 'too-much-in-all', limit: most } : undefined;
}

function withEvidence({ covered }: Standing, extra: number, limits: BreakerLimits): Over | undefined {
  const limit = limits.weightPerCauseWithEvidence;
  return covered + extra > limit ? { scope: 'cause', reason: 'too-much-with-evidence', limit } : undefined;
}

function withoutEvidence({ bare, has, window }: Standing, extra: number, limits: BreakerLimits): Over | undefined {
  const { weightPerCause, shareOfCause, mostPerCause, weightPerWindow } = limits;
  const cause = bare + extra;
  if (cause > weightPerCause && (has === undefined || cause > shareOfCause * has))
    return { scope: 'cause', reason: 'too-much-of-its-cause', limit: weightPerCause };
  if (cause > mostPerCause) return { scope: 'cause', reason: 'too-much-without-evidence', limit: mostPerCause };
  if (window.bare + extra > weightPerWindow)
    return { scope: 'cluster', reason: 'too-much-in-all-without-evidence', limit: weightPerWindow };
  return undefined;
}
