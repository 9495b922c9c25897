import type { AuditFile } from './audit-events.ts';
import type { ReadLog } from './records-view.ts';

/** Yes, no, could not decide. */
export type JoinVerdict = 'complete' | 'incomplete' | 'undecided';

/** Every way in which the two sides can differ; stable words. */
export const JOIN_CODES = {
  LEDGER_BROKEN: 'the ledger does not verify',
  UNRECORDED_WRITE: 'a write that the API server did is not in the ledger',
  UNRECORDED_ATTEMPT: 'an attempt that the API server refused is not in the ledger',
  FOREIGN_USER: "another user's request carries the Audit-ID of a record",
  DISAGREES: 'the request is not what was recorded',
  ANSWERED_TWICE: 'one record has two answered requests',
  OTHER_CODE: 'the API server answered otherwise than was recorded',
  NOT_SENT: 'a request that was recorded as not sent was answered',
  RESOLVED_WRONG: 'what recovery wrote down of an open attempt is not what happened',
  NOT_IN_AUDIT: 'an attempt that got an answer, or was found done, has no audit event',
} as const;
export type JoinCode = keyof typeof JOIN_CODES;

/** What could not be decided, and why. */
export const GAP_CODES = {
  LEDGER_UNDECIDED: 'the ledger could not be verified whole',
  HIDDEN: 'the audit log holds nothing of a kind: its policy hides it, or it was removed',
  BEFORE: 'the audit log begins after these attempts',
  AFTER: 'the audit log ends before these attempts',
  NOTHING: 'the audit log holds not one of the attempts',
  EMPTY: 'neither side holds anything in the window that was asked for',
  MALFORMED: 'lines of the audit log are no audit events',
  TORN: 'the audit log is cut within a line or a compressed stream',
  UNCLOSED: 'the audit log does not cover attempts whose fate is open',
} as const;
export type GapCode = keyof typeof GAP_CODES;

/** Who, what and when of one finding. */
export interface JoinFinding {
  readonly code: JoinCode;
  readonly says: string;
  readonly at?: string;
  readonly user?: string;
  readonly verb?: string;
  /** `core/pods` or `apps/replicasets/status`. */
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** The API server's answer. */
  readonly status?: number;
  readonly auditId?: string;
  readonly log?: string;
  readonly seq?: number;
}

export interface JoinGap {
  readonly code: GapCode;
  readonly says: string;
  readonly count: number;
  readonly from?: string;
  readonly until?: string;
}

export interface IdentityCount {
  readonly user: string;
  /** Mutating requests in the audit log. */
  requests: number;
  /** Attempts in the ledger. */
  attempts: number;
  matched: number;
}

export interface JoinReport {
  readonly version: 'comptroller.dev/ledger-join/v1';
  readonly verdict: JoinVerdict;
  /** What was asked about, RFC 3339: absent where it is everything that the logs hold. */
  readonly window?: { readonly since?: string; readonly until?: string };
  readonly ledger: { readonly verdict: string; readonly logs: readonly ReadLog[] };
  readonly audit: {
    readonly files: readonly AuditFile[];
    readonly events: number;
    readonly from?: string;
    readonly until?: string;
    /** Mutating requests by Comptroller's identities, or under the Audit-ID of a record. */
    readonly writes: number;
    /** Reviews and dry runs by them: they change nothing and are not recorded. */
    readonly reviews: number;
    /** Requests of any verb that the authorizer refused them. */
    readonly forbidden: number;
  };
  readonly attempts: {
    readonly total: number;
    readonly matched: number;
    /** Fenced, or never sent: they need no event. */
    readonly silent: number;
    /** Answered 401, 429 or 503 before the API server audits: they need no event. */
    readonly refusedEarly: number;
    /** Whose fate the ledger left open, and the audit log closes. */
    readonly closed: {
      readonly done: number;
      readonly refused: number;
      readonly undecided: number;
      readonly neverArrived: number;
    };
  };
  /** Requests without a record of their own, and records without their request. */
  readonly missing: { readonly inLedger: number; readonly inAudit: number };
  readonly identities: readonly IdentityCount[];
  readonly decisions: {
    readonly count: number;
    readonly allowed: number;
    readonly denied: number;
    /** Evaluation time in microseconds; absent without decisions. */
    readonly p50?: number;
    readonly p99?: number;
  };
  readonly counts: Readonly<Partial<Record<JoinCode, number>>>;
  /** The first of each kind, up to a cap; `counts` counts them all. */
  readonly findings: readonly JoinFinding[];
  readonly gaps: readonly JoinGap[];
}

/** Keeps the first findings of each code, counts them all, and tells each to whoever wants them all. */
export class JoinFindings {
  readonly counts = new Map<JoinCode, number>();
  readonly list: JoinFinding[] = [];
  readonly #cap: number;
  readonly #tell: ((finding: JoinFinding) => void) | undefined;

  constructor(cap: number, tell?: (finding: JoinFinding) => void) {
    this.#cap = cap;
    this.#tell = tell;
  }

  /** `render` is called only for what is kept or told. */
  async add(
    code: JoinCode,
    render: () => Omit<JoinFinding, 'code'> | Promise<Omit<JoinFinding, 'code'>>,
  ): Promise<void> {
    const count = (this.counts.get(code) ?? 0) + 1;
    this.counts.set(code, count);
    if (count > this.#cap && this.#tell === undefined) return;
    const finding = { code, ...(await render()) };
    if (count <= this.#cap) this.list.push(finding);
    this.#tell?.(finding);
  }

  count(...codes: readonly JoinCode[]): number {
    return codes.reduce((sum, code) => sum + (this.counts.get(code) ?? 0), 0);
  }
}

/** Counts of whole microseconds: exact up to a tenth of a second, bounded whatever the ledger holds. */
export class Micros {
  readonly #counts = new Uint32Array(100_001);
  #total = 0;

  add(micros: number): void {
    const at = Math.min(Math.max(0, Math.round(micros)), this.#counts.length - 1);
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#total += 1;
  }

  get total(): number {
    return this.#total;
  }

  quantile(q: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.floor((this.#total - 1) * q);
    for (const [micros, count] of this.#counts.entries()) {
      if (left < count) return micros;
      left -= count;
    }
    return this.#counts.length - 1;
  }
}
