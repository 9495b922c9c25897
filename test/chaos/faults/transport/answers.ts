/** What an API server that cannot or will not answer says, and which requests a fault may touch. */
import type { Mischief, RequestSeen } from '../../between/port.ts';

/** Leadership is a subject of its own: API Priority and Fairness gives Leases a way past all others, so does this. */
export const isLease = ({ url }: RequestSeen): boolean => url.includes('/leases');
export const isWrite = ({ method, url }: RequestSeen): boolean =>
  method !== 'GET' && !/\/(tokenreviews|subjectaccessreviews|selfsubjectaccessreviews)(\?|$)/.test(url);
/** Of a whole list or its first events; not a look at one object. */
export const isList = ({ method, url }: RequestSeen): boolean =>
  method === 'GET' && (url.includes('limit=') || url.includes('sendInitialEvents='));
export const isPodCreation = ({ method, url }: RequestSeen): boolean =>
  method === 'POST' && /\/namespaces\/[^/]+\/pods(\?|$)/.test(url);

const REASONS = {
  400: 'BadRequest',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
} as const;

const status = (code: keyof typeof REASONS): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'the fault harness says so',
  reason: REASONS[code],
  code,
});

export function refusal(code: keyof typeof REASONS, headers: Readonly<Record<string, string>> = {}): Mischief {
  return { kind: 'answer', status: code, headers, body: JSON.stringify(status(code)) };
}

/** A watch that begins well and says at once that the history is gone. */
export const EXPIRED_WATCH: Mischief = {
  kind: 'answer',
  status: 200,
  body: `${JSON.stringify({ type: 'ERROR', object: status(410) })}\n`,
};
