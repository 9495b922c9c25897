import type { LabelSelector, LabelSelectorRequirement } from './k8s/types.gen.ts';
import { isDnsSubdomain } from './names.ts';

export type Labels = { readonly [key: string]: string };

/** A compiled label selector. */
export interface Matcher {
  /** Restricts nothing: it matches every object. */
  readonly empty: boolean;
  matches(labels: Labels | undefined): boolean;
}

type Requirement = (labels: Labels) => boolean;

const EVERYTHING: Matcher = { empty: true, matches: () => true };
const NOTHING: Matcher = { empty: false, matches: () => false };

/**
 * Compiles a `metav1.LabelSelector`. Absent: it matches nothing; without requirements: everything. Undefined when it is
 * invalid, which the caller must treat as matching nothing and must not retry: only a change of the object mends it.
 */
export function selectorOf(selector: LabelSelector | undefined): Matcher | undefined {
  if (selector === undefined || selector === null) return NOTHING;
  const labels = Object.entries(selector.matchLabels ?? {});
  const expressions = selector.matchExpressions ?? [];
  if (labels.length + expressions.length === 0) return EVERYTHING;
  const requirements: Requirement[] = [];
  for (const [key, value] of labels) {
    const requirement = requirementOf({ key, operator: 'In', values: [value] });
    if (requirement === undefined) return undefined;
    requirements.push(requirement);
  }
  for (const expression of expressions) {
    const requirement = requirementOf(expression);
    if (requirement === undefined) return undefined;
    requirements.push(requirement);
  }
  return { empty: false, matches: (labels = {}) => requirements.every((requirement) => requirement(labels)) };
}

/** Matches objects that carry all of these labels; no validation, as for labels the API server has admitted. */
export function carrying(wished: Labels | undefined): Matcher {
  const entries = Object.entries(wished ?? {});
  if (entries.length === 0) return EVERYTHING;
  return { empty: false, matches: (labels = {}) => entries.every(([key, value]) => labelOf(labels, key) === value) };
}

function requirementOf({ key, operator, values }: LabelSelectorRequirement): Requirement | undefined {
  const wished = values ?? [];
  if (!isLabelKey(key) || !wished.every(isLabelValue)) return undefined;
  const set = new Set(wished);
  switch (operator) {
    case 'In':
      return set.size === 0 ? undefined : (labels) => has(labels, key) && set.has(labelOf(labels, key) as string);
    case 'NotIn':
      return set.size === 0 ? undefined : (labels) => !has(labels, key) || !set.has(labelOf(labels, key) as string);
    case 'Exists':
      return set.size > 0 ? undefined : (labels) => has(labels, key);
    case 'DoesNotExist':
      return set.size > 0 ? undefined : (labels) => !has(labels, key);
    default:
      return undefined;
  }
}

/** Label keys are hostile (`constructor`): only own members count. */
function has(labels: Labels, key: string): boolean {
  return Object.hasOwn(labels, key);
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

const LABEL_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_MAX = 63;

/** `name` or `prefix/name`, as the API server admits label keys. */
export function isLabelKey(key: string): boolean {
  const parts = key.split('/');
  if (parts.length > 2) return false;
  const name = parts.at(-1) as string;
  if (parts.length === 2 && !isDnsSubdomain(parts[0] as string)) return false;
  return name.length <= LABEL_MAX && LABEL_NAME.test(name);
}

export function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= LABEL_MAX && LABEL_NAME.test(value));
}
