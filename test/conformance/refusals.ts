/** What the API server refused Comptroller that it should be allowed: each is a fault in our roles or admission rules. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type AuditEvent, isOurs } from '#kit/audit.ts';

/** Reads a whole audit log, a line at a time; gives each kind of refusal once, with how often it was seen. */
export async function refusalsIn(auditLog: string): Promise<readonly string[]> {
  const counts = new Map<string, number>();
  for await (const line of createInterface({
    input: createReadStream(auditLog),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    const told = line === '' ? undefined : refusalOf(JSON.parse(line) as AuditEvent);
    if (told !== undefined) counts.set(told, (counts.get(told) ?? 0) + 1);
  }
  return [...counts].map(([told, count]) => `${told}, ${count} times`).sort();
}

/** Undefined for other users' requests, and for answers that are part of the day (conflicts, ending namespaces). */
export function refusalOf(event: AuditEvent): string | undefined {
  const by = isOurs(event) ? whoRefused(event) : isUnknown(event) ? 'authentication' : undefined;
  if (by === undefined) return undefined;
  const { apiGroup, resource = event.requestURI, subresource } = event.objectRef ?? {};
  const target = [resource, ...(subresource === undefined ? [] : [subresource])].join('/');
  const group = apiGroup === undefined || apiGroup === '' ? '' : `${apiGroup}/`;
  return `${by} refused ${event.user.username ?? 'a certificate of ours'} to ${event.verb} ${group}${target}`;
}

/** Whom the API server did not believe has no name in its log: what we call ourselves tells it is us. */
const isUnknown = ({ user, userAgent = '', responseStatus }: AuditEvent): boolean =>
  user.username === undefined && responseStatus?.code === 401 && userAgent.endsWith(' comptroller');

function whoRefused({ responseStatus, annotations }: AuditEvent): string | undefined {
  if (annotations?.['authorization.k8s.io/decision'] === 'forbid') return 'RBAC';
  const policy = /ValidatingAdmissionPolicy '([^']+)'/.exec(responseStatus?.message ?? '')?.[1];
  if (policy !== undefined) return `admission policy ${policy}`;
  // Of OwnerReferencesPermissionEnforcement: a right on finalizers that no request shows.
  return responseStatus?.message?.includes("can't set finalizers") === true ||
    responseStatus?.message?.includes('cannot set blockOwnerDeletion') === true ||
    responseStatus?.message?.includes('cannot set an ownerRef') === true
    ? 'admission'
    : undefined;
}
