import type { RecordedRequest } from '#api/port.ts';
import type { WireRequest } from '#core/request.ts';
import type { Attempt } from '#ledger/port.ts';

/**
 * The run-time half of "nothing is sent that was not recorded" (I1): only what `mint` returned, the very object, is
 * accepted by the writer. Look-alikes and copies are not. The other half is the import test of `test/structure`.
 */
export interface Proofs {
  /** `attempt` must come from `Ledger.intent`. */
  mint(request: WireRequest, attempt: Attempt): RecordedRequest;
  /** True once for each minted object: a recorded attempt cannot be sent twice. */
  redeem(candidate: unknown): boolean;
}

export function createProofs(): Proofs {
  const minted = new WeakSet<object>();
  return {
    mint(request, attempt) {
      const recorded = Object.freeze({ request: Object.freeze(request), auditId: attempt.auditId });
      minted.add(recorded);
      return recorded;
    },
    redeem: (candidate) => typeof candidate === 'object' && candidate !== null && minted.delete(candidate),
  };
}
