import type { Barrier } from '#cache/port.ts';
import type { Controller } from '#core/controller.ts';
import type { Blast, Outcome, Write } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import type { WireRequest } from '#core/request.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Now } from '#core/time.ts';
import type { View } from '#core/view.ts';
import type { Verdict } from '#ledger/port.ts';
import type { Cause } from '#policy/port.ts';

/** On whose behalf and why a plan is executed: the worker's context, handed on from stage to stage. */
export interface Work {
  readonly controller: Controller;
  readonly loop: string;
  readonly key: string;
  /** The object being reconciled, where the key is one. */
  readonly trigger?: { readonly ref: Ref; readonly object: ApiObject };
  /** What the plan says of the end that it is a part of. */
  readonly blast?: Blast;
  readonly view: View<Resource>;
  readonly now: Now;
  /** Plans once more on a fresh object, for `confirm: replan`. */
  readonly replan?: (fresh: ApiObject | undefined) => import('#core/plan.ts').Plan;
}

/** One write on its way through the stages. Each stage fills what it adds; a stage reads only what came before. */
export interface Pending {
  readonly write: Write;
  readonly writeId: string;
  readonly cause: Cause;
  readonly request: WireRequest;
  /** As it will be, with the name that was derived; absent for deletions. */
  readonly after?: ApiObject;
  readonly before?: ApiObject;
  verdict?: Verdict;
}

/** A chain that may be sent, or what became of each of its writes because one was refused. */
export type Judged =
  | { readonly ok: true; readonly chain: readonly Pending[] }
  | { readonly ok: false; readonly outcomes: readonly Outcome[] };

/** What the worker needs beyond the outcomes. */
export interface Executed {
  readonly outcomes: readonly (readonly Outcome[])[];
  /** What must be reached before the key may be decided on again (I8). */
  readonly barriers: readonly Barrier[];
}
