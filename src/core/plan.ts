import type { ErrorCode } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import type { Ref } from './ref.ts';
import type { ApiObject, Resource } from './resource.ts';
import type { Ms } from './time.ts';

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

/**
 * Why this write, as a stable machine word (`scale-up`, `adopt`). Part of the write's id: a refusal parks
 * (controller, key uid, verb, ref uid, reason, slot), not the key.
 */
interface Because {
  readonly reason: string;
  /** Tells writes of one plan apart that share all else, such as the n-th of several creates. Default ''. */
  readonly slot?: string;
}

export interface Create extends Because {
  readonly verb: 'create';
  readonly resource: Resource;
  readonly namespace?: string;
  readonly subresource?: string;
  /**
   * The whole object. `metadata.name`, or `metadata.generateName`: then the gate derives the name, so that an answer
   * that was lost can be looked up.
   */
  readonly object: ApiObject;
}

export interface Patch extends Because {
  readonly verb: 'patch';
  readonly ref: Ref;
  readonly subresource?: string;
  /** `strategic` only for lists with merge keys (owner references); `merge` else. */
  readonly type: 'merge' | 'strategic';
  /** Without metadata.uid and metadata.resourceVersion: the gate adds them from `ref.uid` and `resourceVersion`. */
  readonly patch: JsonObject;
  /** The object as it will be, as far as the planner knows; policy judges it. */
  readonly after: ApiObject;
  /** Precondition. `previous`: the one from the chain's last answer on this object. Absent only with `blind`. */
  readonly resourceVersion?: string;
  /** Why no resourceVersion is needed. The builder refuses it for atomic lists. */
  readonly blind?: string;
}

export interface Replace extends Because {
  readonly verb: 'update';
  readonly ref: Ref;
  readonly subresource: string;
  readonly object: ApiObject;
}

export interface Apply extends Because {
  readonly verb: 'apply';
  readonly ref: Ref;
  readonly subresource?: string;
  /** The fields that the manager wishes to own, and the name. The gate adds metadata.uid and metadata.resourceVersion. */
  readonly object: ApiObject;
  readonly fieldManager: string;
  /** The object as it will be, as far as the planner knows; policy judges it. Absent: what is sent. */
  readonly after?: ApiObject;
  /** Precondition; absent where it may be done to whatever version is there. */
  readonly resourceVersion?: string;
}

export interface Delete extends Because {
  readonly verb: 'delete';
  /** With uid: it becomes a precondition. */
  readonly ref: Ref;
  readonly resourceVersion?: string;
  readonly propagation?: Propagation;
  readonly gracePeriodSeconds?: number;
  /** The object as cached, for policy and ledger. */
  readonly before: ApiObject;
}

export interface DeleteCollection extends Because {
  readonly verb: 'deletecollection';
  readonly resource: Resource;
  readonly namespace: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly propagation: Propagation;
  /** How many objects the planner expects to be gone; judged by policy and breaker. */
  readonly expected: number;
}

/** An act outside the API server (a cloud call, a local act); goes through the same gate. */
export interface Effect extends Because {
  readonly verb: 'effect';
  readonly port: string;
  readonly act: string;
  readonly arguments: JsonObject;
  /** Makes a second try harmless. */
  readonly idempotencyToken: string;
}

export type Write = Create | Patch | Replace | Apply | Delete | DeleteCollection | Effect;

/**
 * An Event as the controller wishes it; the gate correlates (aggregates, limits, counts) before it judges.
 * `after` ties it to the write of the same plan with that chain index: it is then emitted only for that outcome.
 */
export interface PlannedEvent {
  readonly regarding: Ref;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** At most 1,024 bytes; never holds values of Secrets. */
  readonly message: string;
}

/** Reads live before anything is sent. `same-uid-live`: each still has its uid and no deletionTimestamp. */
export interface Confirm {
  readonly read: readonly Ref[];
  readonly expect: 'same-uid-live' | 'absent' | 'replan';
}

export interface Enqueue {
  /** Another loop of the same controller; absent: this one. */
  readonly loop?: string;
  readonly key: string;
  readonly after?: Ms;
}

/**
 * What is known of why things are lost. It raises the breaker's limits, never removes them. `owner-deleted-seen`: the
 * end of the owner was watched, and what it owned had been its own from the beginning.
 */
export type Evidence = 'owner-deleted-seen' | 'owner-terminating' | 'namespace-terminating' | 'absent';

/**
 * The destruction that a plan is a part of, for the blast-radius breaker. Absent: the root is the top of the
 * reconciled object's controllers, and what is lost is what the plan's own writes lose.
 */
export interface Blast {
  /** Whose change or end is the cause. One account is kept for its uid, over all plans that name it. */
  readonly root: Ref;
  /** The generation of the root that wishes it: a hold is void when it changes. Absent where the root is gone. */
  readonly generation?: number;
  /** The weight of all that this cause will take, earlier and later plans included: charged at the first of them. */
  readonly total?: number;
  readonly evidence: Evidence;
}

export interface Plan {
  /** Why the controller did what it did, or did nothing. A stable machine word. */
  readonly reason: string;
  /** Each chain runs in order and stops at the first write that is not applied; the rest is Skipped. */
  readonly chains: readonly (readonly Write[])[];
  /** How the chains run among themselves. `slow-start`: 1, 2, 4, ..., and none after a group with a failure. */
  readonly spread?: 'parallel' | 'slow-start';
  readonly events: readonly PlannedEvent[];
  /** Replaces the key's memory when present; null forgets it. */
  readonly memory?: Json;
  readonly enqueue?: readonly Enqueue[];
  /** What this run learnt by live reads, for the controller's derived state (`derive.learn`). */
  readonly learnt?: readonly Json[];
  readonly requeueAfter?: Ms;
  /** Runs the key again: at once on the overlaid view, or after its back-off because something could not be told. */
  readonly next?: 'again' | 'backoff';
  readonly confirm?: Confirm;
  readonly blast?: Blast;
}

interface OutcomeBase {
  readonly write: Write;
}

/** What became of one write. Never thrown: an outcome is data for `settle`. */
export type Outcome =
  /** The API server did it. `object` is its answer, as the cache will show it; absent for a final deletion. */
  | (OutcomeBase & { readonly kind: 'applied'; readonly object?: ApiObject; readonly benign?: true })
  /** Policy refused it. Violations name rule ids and static titles only. */
  | (OutcomeBase & {
      readonly kind: 'denied';
      readonly code: ErrorCode;
      readonly rules: readonly { rule: string; title: string }[];
    })
  /** Quota guard or budget; `retryAfter` when known. `message` is fit for a tenant. */
  | (OutcomeBase & {
      readonly kind: 'exhausted';
      readonly code: ErrorCode;
      readonly retryAfter?: Ms;
      readonly message?: string;
    })
  /** The blast-radius breaker holds it. */
  | (OutcomeBase & { readonly kind: 'held'; readonly code: ErrorCode; readonly hold: string })
  | (OutcomeBase & { readonly kind: 'stale' | 'conflict' | 'gone' | 'fenced'; readonly code: ErrorCode })
  /** The API server refused it, or the ledger did. Its own message is never carried: it may echo values. */
  | (OutcomeBase & {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly status?: number;
      readonly apiReason?: string;
      readonly causes?: readonly { reason: string; field: string }[];
      readonly retryAfter?: Ms;
      readonly message?: string;
    })
  /** The answer was lost: the key waits until the request's time has passed, then a live read resolves it. */
  | (OutcomeBase & { readonly kind: 'unknown'; readonly code: ErrorCode })
  | (OutcomeBase & { readonly kind: 'skipped' })
  /** Shadow mode: judged and recorded, not sent. */
  | (OutcomeBase & { readonly kind: 'shadowed' });

/** The same chains' outcomes, index by index. */
export type Outcomes = readonly (readonly Outcome[])[];

/** A plan that writes nothing. */
export function nothing(reason: string, more: Partial<Plan> = {}): Plan {
  return { reason, chains: [], events: [], ...more };
}

/** A plan of one chain. */
export function write(reason: string, ...writes: readonly Write[]): Plan {
  return { reason, chains: [writes], events: [] };
}

/** The object a write is about; creates have no uid yet, and no name where the gate derives it. */
export function targetOf(
  write: Write,
): { resource: Resource; namespace?: string; name?: string; uid?: string; subresource?: string } | undefined {
  switch (write.verb) {
    case 'create': {
      const name = write.object.metadata?.name;
      return {
        resource: write.resource,
        ...(write.namespace !== undefined && { namespace: write.namespace }),
        ...(name !== undefined && { name }),
        ...(write.subresource !== undefined && { subresource: write.subresource }),
      };
    }
    case 'deletecollection':
      return { resource: write.resource, namespace: write.namespace };
    case 'effect':
      return undefined;
    case 'delete':
      return write.ref;
    default:
      return { ...write.ref, ...(write.subresource !== undefined && { subresource: write.subresource }) };
  }
}
