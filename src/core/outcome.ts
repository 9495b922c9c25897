import { ERRORS, type ErrorCode, retryOf } from './errors.ts';
import { bounded } from './events.ts';
import type { Outcome } from './plan.ts';

/** Leaves room for the words around it in an Event of 1,024 bytes. */
const SAY_BYTES = 960;

/** Over before anyone could look. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['GATE_LEDGER_BUSY', 'POLICY_OUTDATED']);

/** Done, or nothing had to be done: the object is gone, its namespace ends. */
export function wentThrough(outcome: Outcome): boolean {
  return outcome.kind === 'applied' || ('code' in outcome && retryOf(outcome.code) === 'benign');
}

/**
 * Why a write was not done, fit for the tenant who owns the object: rule ids with their static titles, our own
 * sentences, the API's machine words. Never an API error message. Undefined when there is nothing to tell: it was done,
 * not tried, only paced, or nobody knows yet.
 */
export function refusal(outcome: Outcome): string | undefined {
  if (wentThrough(outcome)) return undefined;
  if ('code' in outcome && PASSING.has(outcome.code)) return undefined;
  switch (outcome.kind) {
    case 'denied':
      return bounded(denial(outcome), SAY_BYTES);
    case 'failed':
      return bounded(failure(outcome), SAY_BYTES);
    case 'held':
      return 'held until a person releases it: it would remove too much at once';
    default:
      return undefined;
  }
}

function denial({ code, rules }: Extract<Outcome, { kind: 'denied' }>): string {
  if (rules.length === 0) return `refused: ${saidOf(code)}`;
  return `refused by policy: ${rules.map(({ rule, title }) => `${rule} (${title})`).join(', ')}`;
}

function failure({ code, apiReason, causes, message }: Extract<Outcome, { kind: 'failed' }>): string {
  if (message !== undefined) return code === 'API_QUOTA_EXCEEDED' ? `forbidden: ${message}` : message;
  const reason = apiReason === undefined ? '' : ` (${apiReason})`;
  const fields = (causes ?? []).map((cause) => `${cause.field} ${cause.reason}`.trim()).join(', ');
  return `${saidOf(code)}${reason}${fields === '' ? '' : `: ${fields}`}`;
}

/** A code's sentence without its gerund, which the words before it say already. */
function saidOf(code: ErrorCode): string {
  const { says } = ERRORS[code];
  return says.slice(says.indexOf(': ') + (says.includes(': ') ? 2 : 1));
}
