import { ERRORS } from './errors.ts';
import { bounded } from './events.ts';
import type { Outcome } from './plan.ts';

const SAY_BYTES = 960;

/**
 * Why a write was not done, fit for the tenant who owns the object: rule ids with their static titles, our own
 * sentences, the API's machine words. Never an API error message. Undefined when there is nothing to tell: it was done,
 * not tried, or nobody knows yet.
 */
export function refusal(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'denied':
      return bounded(denial(outcome), SAY_BYTES);
    case 'failed':
      return bounded(failure(outcome), SAY_BYTES);
    case 'held':
      return 'held until a person releases it: it would remove too much at once';
    case 'exhausted':
      // Without a message it is our own pacing, which is no news to a tenant.
      return outcome.message === undefined ? undefined : bounded(outcome.message, SAY_BYTES);
    default:
      return undefined;
  }
}

function denial({ code, rules }: Extract<Outcome, { kind: 'denied' }>): string {
  if (rules.length === 0) return `refused: ${ERRORS[code].says}`;
  return `refused by policy: ${rules.map(({ rule, title }) => `${rule} (${title})`).join(', ')}`;
}

function failure({ code, apiReason, causes, message }: Extract<Outcome, { kind: 'failed' }>): string {
  if (message !== undefined) return message;
  const reason = apiReason === undefined ? '' : ` (${apiReason})`;
  const fields = (causes ?? []).map((cause) => `${cause.field} ${cause.reason}`.trim()).join(', ');
  return `${ERRORS[code].says}${reason}${fields === '' ? '' : `: ${fields}`}`;
}
