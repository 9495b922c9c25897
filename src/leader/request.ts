import type { ReadAnswer } from '#api/port.ts';
import type { Lease } from '#core/k8s/types.gen.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import { pathOf } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import type { LeaseRead, LeaseWritten } from './elector.ts';

const RESOURCE = 'coordination.k8s.io/leases';

export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

/** Where the lease is read from. */
export function leasePath(at: LeaseName): string {
  return pathOf(RESOURCE, at);
}

/** The request that writes exactly this lease: a request of its own class, under the identity `leader`. */
export function leaseRequest(kind: 'create' | 'update', lease: Lease, at: LeaseName, timeout: Ms): WireRequest {
  const create = kind === 'create';
  const path = create ? pathOf(RESOURCE, { namespace: at.namespace }) : leasePath(at);
  const uid = lease.metadata?.uid;
  return {
    class: 'lease',
    identity: 'leader',
    verb: create ? 'create' : 'update',
    method: create ? 'POST' : 'PUT',
    path: `${path}?fieldManager=kube-controller-manager&timeout=${timeout}ms`,
    contentType: 'application/json',
    body: JSON.stringify(lease),
    target: { resource: RESOURCE, namespace: at.namespace, name: at.name, ...(uid !== undefined && { uid }) },
    timeout,
  };
}

/** What a GET of the lease said. Anything but a lease or a plain "not there" is a failed look. */
export function leaseFound({ status, body }: ReadAnswer): LeaseRead {
  if (status === 404) return { ok: true, lease: undefined };
  return status === 200 && isLease(body) ? { ok: true, lease: body } : { ok: false };
}

/** What became of a write of the lease. A lease that is gone, or there already, is another than the one seen. */
export function leaseWritten(answer: Answer | { readonly kind: 'refused' }): LeaseWritten {
  if (answer.kind !== 'answered') return { ok: false, why: 'failed' };
  if (answer.status === 409 || answer.status === 404) return { ok: false, why: 'conflict' };
  if (answer.status !== 200 && answer.status !== 201) return { ok: false, why: 'failed' };
  return isLease(answer.body) ? { ok: true, lease: answer.body } : { ok: false, why: 'failed' };
}

function isLease(body: unknown): body is Lease {
  const lease = body as Lease | null;
  return (
    lease?.kind === 'Lease' &&
    typeof lease.metadata?.uid === 'string' &&
    typeof lease.metadata.resourceVersion === 'string'
  );
}
