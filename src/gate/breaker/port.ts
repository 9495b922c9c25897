import type { Evidence, Outcome, Plan } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import type { Ms } from '#core/time.ts';
import type { Judged, Work } from '../work.ts';

/** What may be lost before a person is asked. Weights: a ready pod is 1. */
export interface BreakerLimits {
  /** Of one cause, where nothing says why. It trips only together with `share`, where what the root has is known. */
  readonly weightPerCause: number;
  /** In [0, 1]: more than that much of what the root has. */
  readonly shareOfCause: number;
  /** Of one cause, where nothing says why, whatever its share. */
  readonly mostPerCause: number;
  /** Of one cause whose owner or namespace was seen ending. */
  readonly weightPerCauseWithEvidence: number;
  /** Of all causes in a window of ten minutes, where nothing says why. */
  readonly weightPerWindow: number;
  /** Of all causes in a window. */
  readonly weightPerWindowInAll: number;
}

/** The cause of a loss: one account is kept for it. */
export interface Root {
  /** The uid; for keys that are no object, what names the key. */
  readonly id: string;
  readonly ref?: Ref;
  /** Which wish of it: absent where the object is gone, or is none. */
  readonly generation?: number;
  /** Whether the cache shows it under that uid. */
  readonly present: boolean;
}

/** Why a hold stands: a stable machine word. */
export type HoldReason =
  | 'too-much-of-its-cause'
  | 'too-much-without-evidence'
  | 'too-much-with-evidence'
  | 'too-much-in-all-without-evidence'
  | 'too-much-in-all'
  | 'too-much-in-its-namespace-without-evidence'
  | 'too-much-in-its-namespace'
  | 'too-many-holds'
  | 'history-went-back'
  | 'ledger-went-back';

/** What may not go on until a person says so, or its owner wishes something else. */
export interface Hold {
  readonly id: string;
  /** `cluster`: everything destructive waits; `namespace`: everything that takes away from that one alone. */
  readonly scope: 'cause' | 'namespace' | 'cluster';
  /** `rejected`: a person said no; refused until the root changes, and no alarm any more. */
  readonly state: 'open' | 'rejected';
  readonly reason: HoldReason;
  readonly controller: string;
  readonly root: Root;
  /** Of all that it would take away, where that is one. */
  readonly namespace?: string;
  /** What the cause would take in all; what it may. */
  readonly weight: number;
  readonly limit: number;
  /** Of what the root has, in [0, 1]; absent where that is not known. */
  readonly share?: number;
  readonly evidence: Evidence;
  /** Destructive writes of the plan that tripped, and the first of their objects: `group/plural namespace/name`. */
  readonly writes: number;
  readonly sample: readonly string[];
  /** Milliseconds since 1970. */
  readonly at: Ms;
  /** Who rejected it, and why. */
  readonly by?: string;
  readonly said?: string;
}

/** A person's leave to lose that much more for that one wish. */
export interface Grant {
  /** Of the hold that it ended. */
  readonly hold: string;
  readonly controller: string;
  readonly root: string;
  readonly generation?: number;
  readonly left: number;
  /** Milliseconds since 1970. */
  readonly until: Ms;
  readonly by: string;
}

/** What a group of chains may go on with, and how what became of it is told. */
export interface Charged {
  readonly judged: readonly Judged[];
  /** Gives back what was charged for writes that took nothing away. */
  settle(outcomes: readonly (readonly Outcome[])[]): void;
}

/** The stage behind policy for what takes something away. */
export interface Breaker {
  /** Of every plan, also an empty one: a hold is void once its root wishes something else. */
  notice(work: Work, plan: Plan): void;
  /** Charges the group's writes to their cause, all or nothing, or refuses every chain that destroys. */
  charge(judged: readonly Judged[], work: Work, plan: Plan): Promise<Charged>;
}
