import type { ErrorCode } from '#core/errors.ts';
import type { WireRequest } from '#core/request.ts';

/** What a refusal says that may be carried on (I9): codes and fields, never the message, which may echo values. */
export interface Failure {
  readonly code: ErrorCode;
  readonly status: number;
  readonly apiReason?: string;
  readonly causes?: readonly { readonly reason: string; readonly field: string }[];
  /** True where the write may have been done all the same: the server gave up, not the storage. */
  readonly uncertain?: true;
  /** Names and numbers of an exceeded ResourceQuota, nothing else; fit for a tenant. */
  readonly quota?: string;
}

interface Status {
  readonly reason: string;
  readonly message: string;
  readonly namesObject: boolean;
  readonly causes: readonly { readonly reason: string; readonly field: string }[];
}

const MAX_CAUSES = 16;
const MAX_WORD = 256;

/** Maps an answer outside 2xx to a code. Pure; `body` is whatever the server sent. */
export function failureOf(verb: WireRequest['verb'], status: number, body: unknown): Failure {
  const said = statusOf(body);
  const code = codeOf(verb, status, said);
  const quota = code === 'API_QUOTA_EXCEEDED' ? quotaOf(said.message) : undefined;
  return {
    code,
    status,
    ...(said.reason !== '' && { apiReason: said.reason }),
    ...(said.causes.length > 0 && { causes: said.causes }),
    ...(UNCERTAIN.has(status) && !neverAdmitted(verb, status, said) && { uncertain: true as const }),
    ...(quota !== undefined && { quota }),
  };
}

/** A handler that ran out of time goes on in the server; an error of etcd may come after its commit. */
const UNCERTAIN: ReadonlySet<number> = new Set([408, 500, 502, 504]);

/**
 * An admission webhook that could not be asked: nothing reached the storage, unless it was one deletion of many. What a
 * webhook itself answers begins with other words (`admission webhook`), so none can say this. Read here, not carried on.
 */
const WEBHOOK = /^Internal error occurred: failed calling webhook "/;

function neverAdmitted(verb: WireRequest['verb'], status: number, { reason, message }: Status): boolean {
  return verb !== 'deletecollection' && status === 500 && reason === 'InternalError' && WEBHOOK.test(message);
}

const GONE: ReadonlySet<string> = new Set(['NotFound', 'Gone']);

function codeOf(verb: WireRequest['verb'], status: number, said: Status): ErrorCode {
  switch (status) {
    case 401:
      return 'API_UNAUTHORIZED';
    case 403:
      return forbidden(said);
    case 404:
    case 410:
      // A path that is not served, and whatever stands before the API server, answer so too: only what names an object says
      // that the object is gone.
      return GONE.has(said.reason) && said.namesObject ? 'API_GONE' : 'API_REFUSED';
    case 408:
    case 504:
      return 'API_UNKNOWN';
    case 409:
      return conflict(verb, said);
    case 422:
      // A patch carries the uid it is meant for; another uid under that name is refused as a change of metadata.uid.
      return said.causes.some(({ field }) => field === 'metadata.uid') ? 'API_GONE' : 'API_INVALID';
    case 400:
      return 'API_INVALID';
    case 429:
      return 'API_THROTTLED';
    default:
      return status >= 500 ? 'API_UNAVAILABLE' : 'API_REFUSED';
  }
}

function forbidden(said: Status): ErrorCode {
  if (said.causes.some(({ reason }) => reason === 'NamespaceTerminating')) return 'API_NAMESPACE_TERMINATING';
  // Quota admission marks its refusals by the message only.
  return EXCEEDED.test(said.message) ? 'API_QUOTA_EXCEEDED' : 'API_FORBIDDEN';
}

/** From the registry and from the storage, in this order, as kube-apiserver v1.37 words them. */
const OTHER_UID = /": (the UID in the precondition \(|.*UID in precondition: )/;

function conflict(verb: WireRequest['verb'], said: Status): ErrorCode {
  if (said.reason === 'AlreadyExists') return 'API_EXISTS';
  // A deletion's uid precondition: what lives under that name now is another object. Read here, not carried on.
  if (verb === 'delete' && OTHER_UID.test(said.message)) return 'API_GONE';
  return 'API_CONFLICT';
}

/**
 * `pods "x" is forbidden: exceeded quota: NAME, requested: pods=1, used: pods=5, limited: pods=5`, whole; or that the
 * object does not say what a quota wants said, or that nobody has counted yet. Matched in full and against a grammar of
 * names and quantities, so that what is carried on can hold nothing else, whoever wrote the message (an admission
 * webhook may write any).
 */
const LIST = `[A-Za-z0-9._/-]{1,128}=[0-9.]{1,32}[A-Za-z]{0,3}(?:,[A-Za-z0-9._/-]{1,128}=[0-9.]{1,32}[A-Za-z]{0,3}){0,31}`;
const NAME = '[a-z0-9.-]{1,253}';
const NAMES = '[A-Za-z0-9._/-]{1,128}(?:,[A-Za-z0-9._/-]{1,128}){0,31}';
const EXCEEDED = /is forbidden: (?:exceeded quota|failed quota|status unknown for quota): /;
const QUOTA = new RegExp(
  `is forbidden: (${[
    `exceeded quota: ${NAME}, requested: ${LIST}, used: ${LIST}, limited: ${LIST}`,
    `failed quota: ${NAME}: must specify (?:(?:requests\\.|limits\\.)?(?:cpu|memory) for: ${NAMES}(?:; )?){1,6}`,
    `status unknown for quota: ${NAME}, resources: ${NAMES}`,
  ].join('|')})$`,
);
const MAX_QUOTA_TEXT = 512;

function quotaOf(message: string): string | undefined {
  if (message.length > 4 * MAX_QUOTA_TEXT) return undefined;
  const text = QUOTA.exec(message)?.[1];
  return text !== undefined && text.length <= MAX_QUOTA_TEXT ? text : undefined;
}

/** Reads a Status defensively: any field may be absent or of another type. */
function statusOf(body: unknown): Status {
  const status = record(body);
  const details = record(status.details);
  const causes = Array.isArray(details.causes) ? details.causes.slice(0, MAX_CAUSES) : [];
  return {
    reason: word(status.reason),
    message: typeof status.message === 'string' ? status.message : '',
    namesObject: typeof details.name === 'string' && details.name !== '',
    causes: causes.map((cause) => ({ reason: word(record(cause).reason), field: fieldPath(record(cause).field) })),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reasons are words of the API; anything longer or stranger is dropped, not cut. */
function word(value: unknown): string {
  return typeof value === 'string' && /^[A-Za-z0-9 ._-]{1,253}$/.test(value) ? value : '';
}

/** A field's path, without the keys in brackets: those are the object's own (label keys, map keys). */
function fieldPath(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_WORD) return '';
  const path = value.replace(/\[[^\]]*\]/g, '[]');
  return /^[A-Za-z0-9_.[\]<>]*$/.test(path) ? path : '';
}
