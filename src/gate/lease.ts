import type { WireRequest } from '#core/request.ts';
import { type BuiltInAnswer, type BuiltInParts, sendBuiltIn } from './built-in.ts';
import { isPlainWrite } from './exact.ts';

export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The class `lease`: judged by this exact rule instead of a bundle, recorded in a lane of its own, without quota and
 * fence, so that no bundle and no flood can take leadership away. It can write one object, as one identity.
 */
export async function sendLease(request: WireRequest, lease: LeaseName, parts: BuiltInParts): Promise<BuiltInAnswer> {
  if (!isThatLease(request, lease)) throw new TypeError('sending as a lease what is not the configured lease');
  const reason = request.verb === 'create' ? 'acquire' : 'renew';
  const key = `${lease.namespace}/${lease.name}`;
  return sendBuiltIn(request, { rule: 'lease', reason, key, lane: 'lease', fenced: false }, parts);
}

/** POST to the collection or PUT on the object, of exactly that lease, as `leader`. */
export function isThatLease(request: WireRequest, { namespace, name }: LeaseName): boolean {
  return (
    request.class === 'lease' &&
    request.identity === 'leader' &&
    isPlainWrite(request, { resource: 'coordination.k8s.io/leases', kind: 'Lease', namespace, name })
  );
}
