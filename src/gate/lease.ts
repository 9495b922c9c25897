import { createHash } from 'node:crypto';
import { failureOf } from '#api/status.ts';
import type { Outcome } from '#core/plan.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import { pathOf } from '#core/resource.ts';
import type { Verdict } from '#ledger/port.ts';
import type { GateParts } from './ports.ts';
import { outcomeRecord } from './send.ts';

export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

export type LeaseAnswer = Answer | { readonly kind: 'refused' };

/**
 * The class `lease`: judged by this exact rule instead of a bundle, recorded in a lane of its own, without quota and
 * fence, so that no bundle and no flood can take leadership away. It can write one object, as one identity.
 */
export async function sendLease(
  request: WireRequest,
  lease: LeaseName,
  parts: Pick<GateParts, 'ledger' | 'identities' | 'writer' | 'proofs' | 'clock' | 'fence'>,
): Promise<LeaseAnswer> {
  if (!isThatLease(request, lease)) throw new TypeError('sending as a lease what is not the configured lease');
  const { ledger, identities, clock } = parts;
  const credential = identities.current('leader');
  const recorded = await ledger.intent(
    {
      controller: 'leader',
      loop: 'lease',
      key: `${lease.namespace}/${lease.name}`,
      cause: { reason: request.verb === 'create' ? 'acquire' : 'renew', owners: [], evidence: 'absent' },
      writeId: `leader|${lease.namespace}/${lease.name}|${request.verb}`,
      request,
      verdict: builtIn(request),
      epoch: parts.fence.epoch(),
      user: credential.user,
      certificate: { serial: credential.serial, spki: credential.spki },
      attempt: 1,
    },
    'lease',
  );
  if (!recorded.ok) return { kind: 'refused' };
  const started = clock.now().mono;
  const answer = await parts.writer.send(parts.proofs.mint(request, recorded.value), () => true);
  ledger.outcome(recorded.value, outcomeRecord(outcomeOf(answer), answer, clock.now().mono - started));
  return answer;
}

/** POST to the collection or PUT on the object, of exactly that lease, as `leader`. */
export function isThatLease(request: WireRequest, { namespace, name }: LeaseName): boolean {
  const { target } = request;
  const collection = pathOf('coordination.k8s.io/leases', { namespace });
  const path = request.path.split('?', 1)[0];
  const exact =
    (request.verb === 'create' && request.method === 'POST' && path === collection) ||
    (request.verb === 'update' && request.method === 'PUT' && path === `${collection}/${encodeURIComponent(name)}`);
  return (
    exact &&
    request.class === 'lease' &&
    request.identity === 'leader' &&
    target.resource === 'coordination.k8s.io/leases' &&
    target.namespace === namespace &&
    target.name === name &&
    target.subresource === undefined &&
    namesIt(request.body, { namespace, name })
  );
}

function namesIt(body: string | undefined, { namespace, name }: LeaseName): boolean {
  const { kind, metadata } = JSON.parse(body ?? '{}') as {
    kind?: string;
    metadata?: { name?: string; namespace?: string };
  };
  return kind === 'Lease' && metadata?.name === name && metadata?.namespace === namespace;
}

function builtIn(request: WireRequest): Verdict {
  const inputDigest = createHash('sha256')
    .update(request.body ?? '')
    .digest('hex');
  return {
    allow: true,
    bundle: { version: 0, digest: '' },
    rules: ['built-in/lease'],
    warnings: [],
    inputDigest,
    micros: 0,
    by: 'built-in',
  };
}

/** The lease as an outcome, so that its record reads like any other write's. */
function outcomeOf(answer: LeaseAnswer): Outcome {
  const write = {
    verb: 'effect',
    reason: 'lease',
    port: 'lease',
    act: 'renew',
    arguments: {},
    idempotencyToken: '',
  } as const;
  if (answer.kind !== 'answered') return { write, kind: 'unknown', code: 'API_UNKNOWN' };
  if (answer.status < 300) return { write, kind: 'applied', object: answer.body as object };
  const problem = failureOf('update', answer.status, answer.body);
  if (problem.code === 'API_CONFLICT') return { write, kind: 'conflict', code: problem.code };
  return {
    write,
    kind: 'failed',
    code: problem.code,
    status: answer.status,
    ...(problem.apiReason !== undefined && { apiReason: problem.apiReason }),
  };
}
