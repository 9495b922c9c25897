import { isRecord } from './manifest.ts';
import type { Violation } from './port.ts';

/** What an engine says of one input. A Decision without its bundle. */
export type Judgement =
  | { readonly kind: 'allow'; readonly warnings: readonly string[]; readonly micros: number }
  | {
      readonly kind: 'deny';
      readonly violations: readonly Violation[];
      readonly warnings: readonly string[];
      readonly needs: readonly ('approval' | 'live')[];
      readonly micros: number;
    }
  | {
      readonly kind: 'error';
      readonly code:
        | 'POLICY_UNDEFINED'
        | 'POLICY_MALFORMED'
        | 'POLICY_TIMEOUT'
        | 'POLICY_CRASHED'
        | 'POLICY_INPUT_TOO_LARGE';
      readonly micros: number;
    };

const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;
const NEEDS: ReadonlySet<unknown> = new Set(['approval', 'live']);
const RULE = /^[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9-]{0,62}$/;
const CAP = { violations: 64, warnings: 32, controls: 16, title: 256, message: 2048, short: 128 } as const;

/** The result set of an evaluation as a judgement: only a well-formed allow allows (I2). */
export function readResult(results: unknown, micros: number): Judgement {
  if (!Array.isArray(results) || results.length === 0) return { kind: 'error', code: 'POLICY_UNDEFINED', micros };
  const malformed: Judgement = { kind: 'error', code: 'POLICY_MALFORMED', micros };
  const result: unknown = isRecord(results[0]) ? results[0].result : undefined;
  if (results.length !== 1 || !isRecord(result) || Object.keys(result).length !== 4) return malformed;
  const { allow, violations, warnings, needs } = result;
  if (typeof allow !== 'boolean' || !isViolations(violations) || !isWarnings(warnings) || !isNeeds(needs))
    return malformed;
  const refused = violations.length > 0 || needs.length > 0;
  // An allow that names a violation, and a refusal that names none, contradict themselves.
  if (allow === refused) return malformed;
  return allow
    ? { kind: 'allow', warnings, micros }
    : { kind: 'deny', violations: mostSevere(violations), warnings, needs, micros };
}

function isViolations(value: unknown): value is Violation[] {
  return Array.isArray(value) && value.every(isViolation);
}

function isViolation(value: unknown): value is Violation {
  if (!isRecord(value) || Object.keys(value).length !== 5) return false;
  const { rule, title, message, severity, controls } = value;
  return (
    typeof rule === 'string' &&
    RULE.test(rule) &&
    isText(title, CAP.title) &&
    typeof message === 'string' &&
    (SEVERITIES as readonly unknown[]).includes(severity) &&
    Array.isArray(controls) &&
    controls.length <= CAP.controls &&
    controls.every((control) => isText(control, CAP.short))
  );
}

function isWarnings(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= CAP.warnings && value.every((one) => isText(one, CAP.title));
}

function isNeeds(value: unknown): value is ('approval' | 'live')[] {
  return Array.isArray(value) && value.length <= NEEDS.size && value.every((one) => NEEDS.has(one));
}

function isText(value: unknown, cap: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= cap;
}

/** Most severe first, then by rule; bounded, as an object with a thousand containers is still one refusal. */
function mostSevere(violations: readonly Violation[]): Violation[] {
  const rank = ({ severity }: Violation): number => SEVERITIES.indexOf(severity);
  return violations
    .toSorted((a, b) => rank(a) - rank(b) || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0))
    .slice(0, CAP.violations)
    .map((violation) => ({ ...violation, message: violation.message.slice(0, CAP.message) }));
}
