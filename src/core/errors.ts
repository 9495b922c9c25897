/**
 * What to do with a refusal. `never`: only when something that matters changed (I11). `soon`: after a moment that does
 * not grow, for what has nothing to do with the key and passes by itself.
 */
export type Retry = 'never' | 'backoff' | 'after' | 'soon' | 'now' | 'benign';

/**
 * Every way a write or a start can be refused: `AREA_WHAT`, its retry class and one sentence. Messages are lower-case
 * gerunds without values; values are fields beside them.
 */
export const ERRORS = {
  GATE_STALE_PLAN: { retry: 'backoff', says: 'confirming the plan: what it rests on changed' },
  GATE_UNDECLARED: { retry: 'never', says: 'writing what the controller does not declare' },
  GATE_PROTECTED: { retry: 'never', says: "touching comptroller's own objects" },
  GATE_MALFORMED: { retry: 'never', says: 'rendering the write' },
  GATE_PARKED: { retry: 'never', says: 'repeating a refused write though nothing that matters changed' },
  GATE_POLICY_DENIED: { retry: 'never', says: 'judging the write: a rule refuses it' },
  GATE_QUOTA_EXHAUSTED: { retry: 'after', says: 'spending a write: its budget is used up' },
  GATE_HELD: { retry: 'never', says: 'writing while the breaker holds it' },
  GATE_BREAKER_STATE: { retry: 'backoff', says: 'writing while the breaker cannot read or keep its state' },
  GATE_SEAL_FAILED: { retry: 'backoff', says: 'sealing the write' },
  GATE_LEDGER_FAILED: { retry: 'never', says: 'recording the write: the ledger refused' },
  GATE_LEDGER_TOO_LARGE: { retry: 'never', says: 'recording the write: its record does not fit' },
  GATE_LEDGER_BUSY: { retry: 'backoff', says: 'recording the write: too many records wait for the disk' },
  GATE_FENCED: { retry: 'soon', says: 'sending the write: the lease does not outlive its deadline' },
  GATE_SHUTTING_DOWN: { retry: 'backoff', says: 'sending the write while shutting down' },
  POLICY_MISSING: { retry: 'backoff', says: 'judging without a policy bundle' },
  POLICY_UNDEFINED: { retry: 'never', says: 'judging: the policy gave no decision' },
  POLICY_MALFORMED: { retry: 'never', says: 'judging: the decision is malformed' },
  POLICY_TIMEOUT: { retry: 'never', says: 'judging: the policy took too long' },
  POLICY_OUTDATED: { retry: 'backoff', says: 'judging: another bundle became active meanwhile' },
  POLICY_CRASHED: { retry: 'backoff', says: 'judging: the evaluator stopped' },
  POLICY_INPUT_TOO_LARGE: { retry: 'never', says: 'judging: the input is over its cap' },
  API_CONFLICT: { retry: 'backoff', says: 'writing: the object changed meanwhile' },
  API_GONE: { retry: 'benign', says: 'writing: the object is gone' },
  API_EXISTS: { retry: 'now', says: 'creating: the name is taken' },
  API_NAMESPACE_TERMINATING: { retry: 'benign', says: 'creating in a namespace that ends' },
  API_FORBIDDEN: { retry: 'backoff', says: 'writing: the API server forbids it' },
  API_QUOTA_EXCEEDED: { retry: 'backoff', says: 'creating: a ResourceQuota does not admit it' },
  API_INVALID: { retry: 'backoff', says: 'writing: the API server finds it invalid' },
  API_UNAUTHORIZED: { retry: 'backoff', says: 'writing: the API server does not know the identity' },
  API_THROTTLED: { retry: 'after', says: 'writing: the API server asks to wait' },
  API_UNAVAILABLE: { retry: 'backoff', says: 'writing: the API server is not available' },
  API_REFUSED: { retry: 'backoff', says: 'writing: the API server refused' },
  API_UNKNOWN: { retry: 'after', says: 'writing: the answer was lost' },
  API_MALFORMED: { retry: 'backoff', says: 'reading an answer that is no Kubernetes object' },
} as const satisfies Record<string, { retry: Retry; says: string }>;

export type ErrorCode = keyof typeof ERRORS;

export function retryOf(code: ErrorCode): Retry {
  return ERRORS[code].retry;
}
