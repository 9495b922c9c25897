import { readFileSync } from 'node:fs';
import { parseAuditId } from '#ledger/checkpoint.ts';

/** What of `audit.k8s.io/v1` the tests look at. Read here with nothing of the product's own join in between. */
export interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  /** Without a name where nobody was authenticated. */
  readonly user: { readonly username?: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly reason?: string; readonly message?: string };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

const MUTATING: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
const OURS = 'comptroller:';
/** Requests of their identities that change nothing: questions to the API server. */
const REVIEWS: ReadonlySet<string> = new Set(['tokenreviews', 'subjectaccessreviews', 'selfsubjectaccessreviews']);

/** Everything that the API server has written so far; a line under way is left for the next look. */
export function readAudit({ auditLog }: { readonly auditLog: string }): readonly AuditEvent[] {
  const text = readFileSync(auditLog, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent);
}

export const isOurs = ({ user }: AuditEvent): boolean => user.username?.startsWith(OURS) === true;
export const isReview = ({ objectRef }: AuditEvent): boolean => REVIEWS.has(objectRef?.resource ?? '');
export const isMutating = (event: AuditEvent): boolean => MUTATING.has(event.verb) && !isReview(event);
/** Of the classes `write` and `event`: everything but what keeps leadership. */
export const isWork = (event: AuditEvent): boolean => isMutating(event) && event.objectRef?.resource !== 'leases';

/** Each mutating request by one of Comptroller's identities, in the order of their answers. */
export function ourWrites(cluster: { readonly auditLog: string }): readonly AuditEvent[] {
  return readAudit(cluster).filter((event) => isOurs(event) && isMutating(event));
}

/** Requests that the API server did not authenticate, or that RBAC refused. */
export function refusedByAuthority(events: readonly AuditEvent[]): readonly AuditEvent[] {
  return events.filter(
    (event) => event.responseStatus?.code === 401 || event.annotations?.['authorization.k8s.io/decision'] === 'forbid',
  );
}

/** Which log an Audit-ID names; undefined for one that the API server made up itself. */
export const logOf = ({ auditID }: AuditEvent): string | undefined => parseAuditId(auditID)?.logId;

/** As a test's failure shows them: short, with what says who and what. */
export function brief(events: readonly AuditEvent[]): readonly string[] {
  return events.map(
    ({ user, verb, requestURI, responseStatus, auditID }) =>
      `${user.username ?? 'nobody'} ${verb} ${requestURI} ${responseStatus?.code} ${auditID}`,
  );
}
