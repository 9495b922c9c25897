import { createHash } from 'node:crypto';
import { failureOf } from '#api/status.ts';
import type { Outcome } from '#core/plan.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import type { Verdict } from '#ledger/port.ts';
import type { GateParts } from './ports.ts';
import { outcomeRecord } from './send.ts';

export type BuiltInAnswer = Answer | { readonly kind: 'refused' };
export type BuiltInParts = Pick<GateParts, 'ledger' | 'identities' | 'writer' | 'proofs' | 'clock' | 'fence'>;

/** A write that an exact rule below policy lets through: one object, as one identity. */
export interface BuiltIn {
  /** `lease`: the rule `built-in/lease`, and the loop in its records. */
  readonly rule: string;
  readonly reason: string;
  readonly key: string;
  /** `lease`: with the reserve in the ledger that no flood of writes takes, and without the body in the record. */
  readonly lane: 'lease' | 'write';
  /** Whether it is sent only while the lease outlives it. The lease itself is not. */
  readonly fenced: boolean;
}

/**
 * Records and sends what its caller has checked against the exact rule: no bundle and no flood can stop it, and its
 * record is durable before it leaves, like any other write's (I1).
 */
export async function sendBuiltIn(request: WireRequest, what: BuiltIn, parts: BuiltInParts): Promise<BuiltInAnswer> {
  const { ledger, identities, clock, fence } = parts;
  const { rule, reason, key, lane, fenced } = what;
  const admits = (): boolean => !fenced || fence.admits(request.timeout);
  if (!admits()) return { kind: 'refused' };
  const credential = identities.current(request.identity);
  const recorded = await ledger.intent(
    {
      controller: request.identity,
      loop: rule,
      key,
      cause: { reason, owners: [], evidence: 'absent' },
      writeId: `${request.identity}|${key}|${request.verb}`,
      request,
      verdict: verdictOf(rule, request),
      epoch: fence.epoch(),
      user: credential.user,
      certificate: { serial: credential.serial, spki: credential.spki },
      attempt: 1,
    },
    lane,
  );
  if (!recorded.ok) return { kind: 'refused' };
  const started = clock.now().mono;
  const answer = await parts.writer.send(parts.proofs.mint(request, recorded.value), admits);
  ledger.outcome(recorded.value, outcomeRecord(outcomeOf(rule, answer), answer, clock.now().mono - started));
  return answer;
}

function verdictOf(rule: string, request: WireRequest): Verdict {
  const inputDigest = createHash('sha256')
    .update(request.body ?? '')
    .digest('hex');
  return {
    allow: true,
    bundle: { version: 0, digest: '' },
    rules: [`built-in/${rule}`],
    warnings: [],
    inputDigest,
    micros: 0,
    by: 'built-in',
  };
}

/** As an outcome, so that its record reads like any other write's. */
function outcomeOf(rule: string, answer: BuiltInAnswer): Outcome {
  const write = {
    verb: 'effect',
    reason: rule,
    port: rule,
    act: 'keep',
    arguments: {},
    idempotencyToken: '',
  } as const;
  if (answer.kind !== 'answered') return { write, kind: 'unknown', code: 'API_UNKNOWN' };
  if (answer.status < 300) return { write, kind: 'applied', object: answer.body as object };
  const problem = failureOf('update', answer.status, answer.body);
  // As for any other write: who answers such a thing, or what stands before it, may have done it.
  if (problem.uncertain === true) return { write, kind: 'unknown', code: 'API_UNKNOWN' };
  if (problem.code === 'API_CONFLICT') return { write, kind: 'conflict', code: problem.code };
  return {
    write,
    kind: 'failed',
    code: problem.code,
    status: answer.status,
    ...(problem.apiReason !== undefined && { apiReason: problem.apiReason }),
  };
}
