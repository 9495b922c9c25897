import type { ErrorCode } from '#core/errors.ts';
import type { Json, JsonObject } from '#core/json.ts';
import type { Evidence } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';

export interface BundleId {
  /** Counts up; a lower one than the ledger has seen is refused (I16). */
  readonly version: number;
  /** Lower-case hexadecimal SHA-256 of the bundle's manifest, which holds those of wasm and data: what was signed. */
  readonly digest: string;
}

export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

/** Why the controller wishes the write. */
export interface Cause {
  /** The write's reason (`scale-up`). */
  readonly reason: string;
  /** The object being reconciled. */
  readonly trigger?: ObjectName;
  /** The trigger's own owners, nearest first, as far as the cache knows; without a trigger, whose end is the cause. */
  readonly owners: readonly ObjectName[];
  readonly evidence: Evidence;
}

/** `comptroller.dev/policy/v1`: the public input contract. `schema.ts` holds its JSON Schema and is tested against this. */
export interface PolicyInput {
  readonly version: 'comptroller.dev/policy/v1';
  readonly time: { readonly rfc3339: string; readonly weekday: string; readonly hour: number; readonly zone: 'UTC' };
  readonly mode: 'enforce' | 'shadow';
  readonly cluster: { readonly name: string };
  readonly epoch: { readonly lease: string; readonly transitions: number; readonly holder: string } | null;
  readonly bundle: BundleId;
  readonly controller: { readonly name: string; readonly identity: string };
  readonly write: {
    readonly class: 'write' | 'event' | 'self';
    readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
    /** Empty for the core group. */
    readonly group: string;
    readonly apiVersion: string;
    readonly kind: string;
    /** Plural. */
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly propagation: string;
    readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
    readonly selection?: { readonly selector: string; readonly count: number; readonly protected: number };
  };
  /** As it will be; null for deletions. */
  readonly object: ApiObject | null;
  /** As cached; null when there is none. */
  readonly before: ApiObject | null;
  /** The exact body of a patch, parsed; null for other verbs. */
  readonly patch: JsonObject | null;
  /** True where `object` or `before` is a projection. */
  readonly partial: boolean;
  /** Paths that the projection dropped: a rule that reads one fails the bundle's self-test. */
  readonly untracked: readonly string[];
  readonly cause: Cause;
  readonly facts: {
    readonly namespace?: Fact<{
      readonly name: string;
      readonly labels: JsonObject;
      readonly phase: string;
      /** RFC 3339; absent while it is not being deleted. */
      readonly deletionTimestamp?: string;
    }>;
    /** The object the write is for: the trigger, projected (metadata and the parts rules need). */
    readonly owner?: Fact<ApiObject>;
    readonly desired?: Fact<number>;
    readonly available?: Fact<number>;
    readonly images?: Fact<
      readonly {
        readonly registry: string;
        readonly repository: string;
        readonly tag: string;
        readonly digest: string;
      }[]
    >;
    readonly exceptions?: readonly Json[];
  };
}

/** A host-parsed fact, and what it rests on. */
export interface Fact<T> {
  readonly value: T;
  readonly source: 'cache' | 'live' | 'computed';
  readonly resourceVersion: string;
}

export interface Violation {
  /** Stable id: `pod-security-baseline/privileged`. */
  readonly rule: string;
  /** Static, fit for a tenant. */
  readonly title: string;
  /** May hold values: redacted, in the ledger only. */
  readonly message: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly controls: readonly string[];
}

/** Anything but a well-formed allow is a refusal with a code of its own (I2). */
export type Decision =
  | { readonly kind: 'allow'; readonly bundle: BundleId; readonly warnings: readonly string[]; readonly micros: number }
  | {
      readonly kind: 'deny';
      readonly bundle: BundleId;
      readonly violations: readonly Violation[];
      readonly warnings: readonly string[];
      readonly needs: readonly ('approval' | 'live')[];
      readonly micros: number;
    }
  | {
      readonly kind: 'error';
      readonly bundle: BundleId | undefined;
      readonly code: ErrorCode;
      readonly micros: number;
    };

export interface Evaluator {
  /**
   * One decision per input, in order. Inputs of one turn of the event loop cross to the worker as one message. `texts`:
   * the same inputs as JSON, where the caller has written them already.
   */
  decide(inputs: readonly PolicyInput[], texts?: readonly string[]): Promise<readonly Decision[]>;
  /** The bundle in force; undefined before the first activation (then every decision is POLICY_MISSING). */
  active(): BundleId | undefined;
  /** After each activation. Returns the unsubscriber. */
  onActivation(callback: (bundle: BundleId) => void): () => void;
  close(): Promise<void>;
}
