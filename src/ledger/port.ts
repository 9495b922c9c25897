import type { ErrorCode } from '#core/errors.ts';
import type { WireRequest } from '#core/request.ts';
import type { ApiObject } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import type { Epoch } from '../leader/port.ts';
import type { BundleId, Cause } from '../policy/port.ts';

/** Why and by whom a write is wished: the same in an intent and in a denial. */
export interface Wish {
  readonly controller: string;
  readonly loop: string;
  /** The queue's key that was being reconciled. */
  readonly key: string;
  /** The plan's reason and what triggered it. */
  readonly cause: Cause;
  /** (controller, key uid, verb, ref uid, reason, slot), joined; without times. */
  readonly writeId: string;
  readonly request: WireRequest;
  /** The object as it will be and as it was; the ledger redacts and caps both before anything touches the disk. */
  readonly after?: ApiObject;
  readonly before?: ApiObject;
}

export interface Verdict {
  readonly allow: boolean;
  readonly bundle: BundleId;
  /** `rule` ids that spoke, most severe first. */
  readonly rules: readonly string[];
  readonly warnings: readonly string[];
  /** SHA-256 of the canonical policy input, lower-case hexadecimal. */
  readonly inputDigest: string;
  /** Evaluation time inside the evaluator. */
  readonly micros: number;
  /** `policy`, or `built-in` for the exact rules of leases and of the breaker's state. */
  readonly by: 'policy' | 'built-in';
}

/** Asks for a durable record of an allowed write. */
export interface IntentDraft extends Wish {
  readonly verdict: Verdict;
  readonly epoch: Epoch | undefined;
  readonly user: string;
  readonly certificate: { readonly serial: string; readonly spki: string };
  /** 1 for the first attempt of this write id, counting up. */
  readonly attempt: number;
}

/** A recorded intent: durable on disk when the caller gets it. */
export interface Attempt {
  /** `<log>-<seq>-<128 bits of the leaf hash>`, at most 64 characters: goes out as the Audit-ID header. */
  readonly auditId: string;
  readonly seq: number;
}

export interface OutcomeDraft {
  readonly kind: 'applied' | 'conflict' | 'gone' | 'failed' | 'unknown' | 'fenced' | 'unsent';
  readonly code?: ErrorCode;
  readonly status?: number;
  /** Of a Status: reason, and causes' reason and field; never its message (I9). */
  readonly apiReason?: string;
  readonly causes?: readonly { readonly reason: string; readonly field: string }[];
  /** Of the object in the answer. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly name?: string;
  readonly took: Ms;
}

/** A write that was refused before it was an intent. Equal ones become one record and counted summaries. */
export interface DenialDraft extends Wish {
  readonly code: ErrorCode;
  readonly verdict?: Verdict;
  /** Static titles of the verdict's rules, in their order. */
  readonly titles?: readonly string[];
  /** Dynamic messages of rules: redacted, in the ledger only. */
  readonly messages?: readonly string[];
  readonly epoch: Epoch | undefined;
}

/** Lifecycle and gaps: what an auditor must see though no object was written. */
export type NoteDraft =
  | { readonly note: 'bundle'; readonly bundle: BundleId; readonly activated: boolean; readonly why?: string }
  | {
      readonly note: 'leadership';
      readonly epoch: Epoch;
      readonly won: boolean;
      readonly predecessor?: { readonly origin: string; readonly size: number; readonly root: string };
    }
  | { readonly note: 'era'; readonly why: string; readonly resource?: string }
  | { readonly note: 'clock-jump'; readonly by: Ms }
  | {
      readonly note: 'certificate';
      readonly identity: string;
      readonly user: string;
      readonly serial: string;
      readonly spki: string;
      readonly notAfter: string;
    }
  | {
      readonly note: 'resolved';
      readonly auditId: string;
      readonly as: 'applied' | 'not-applied' | 'unknown';
      readonly how: string;
    }
  | {
      readonly note: 'rolled-back';
      readonly anchor: { readonly origin: string; readonly size: number };
      readonly found: number;
    }
  | BreakerNote;

/** A change of what the blast-radius breaker holds. */
export type BreakerNote =
  | (HoldNamed & {
      readonly note: 'breaker-trip';
      readonly scope: 'cause' | 'namespace' | 'cluster';
      readonly reason: string;
      readonly weight: number;
      readonly limit: number;
      /** Of what the root has. */
      readonly percent?: number;
      readonly evidence: string;
      /** How many writes wait, and the first of their objects. */
      readonly writes: number;
      readonly sample: readonly string[];
    })
  /** `by`: the person, as the API server authenticated them; `said`: their reason. */
  | (HoldNamed & {
      readonly note: 'breaker-release';
      readonly by: string;
      readonly said: string;
      readonly weight: number;
      readonly expiry: Ms;
    })
  | (HoldNamed & { readonly note: 'breaker-reject'; readonly by: string; readonly said: string })
  | (HoldNamed & { readonly note: 'breaker-void'; readonly why: string });

export interface HoldNamed {
  readonly hold: string;
  readonly controller: string;
  /** The cause: a uid, and the object of it where it is one. */
  readonly root: {
    readonly id: string;
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly generation?: number;
  };
}

/** Where the log stands: goes into the Lease as an annotation. */
export interface Anchor {
  readonly origin: string;
  readonly size: number;
  /** Base64 of the Merkle root. */
  readonly root: string;
}

/** With whose log it is: a directory keeps its id when it is put back to an older copy. */
export interface OwnAnchor extends Anchor {
  readonly directory: string;
}

/** What the Lease told of ledgers when it was taken. */
export interface Anchors {
  /** Where the last holder's log stood. */
  readonly last?: Anchor;
  /** Where the log stood with which this directory led last, whoever led since. */
  readonly own?: Anchor;
}

export type Recorded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: 'GATE_LEDGER_FAILED' | 'GATE_LEDGER_TOO_LARGE' | 'GATE_LEDGER_BUSY' };

/** The one synchronous sink. After a failure every `intent` is refused and `failure` resolves; it never hangs (I2). */
export interface Ledger {
  readonly origin: string;
  /** Resolves when the record is durable. `lane: 'lease'` has its own reserve and never waits behind a full batch. */
  intent(draft: IntentDraft, lane: 'lease' | 'write' | 'event'): Promise<Recorded<Attempt>>;
  /** Group-committed, not waited for. */
  outcome(attempt: Attempt, draft: OutcomeDraft): void;
  denial(draft: DenialDraft): void;
  /** Resolves when durable. */
  note(draft: NoteDraft): Promise<Recorded<{ readonly seq: number }>>;
  /** Whether a namespace has used up its bytes for bodies: its creates are exhausted until they come back. */
  spent(namespace: string): boolean;
  /** The last durable size and its root. */
  anchor(): Anchor;
  /** Resolves with why, once, when the ledger cannot go on. */
  readonly failure: Promise<string>;
  /** Writes the stop record and the last checkpoint, then releases the files. */
  close(why: string): Promise<void>;
}
