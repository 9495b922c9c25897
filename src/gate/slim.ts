import { hash } from 'node:crypto';
import type { WireRequest } from '#core/request.ts';
import type { PolicyInput } from '#policy/port.ts';

/** Canonical text above which an input is slimmed, where it may be: what policy judges in a lane of its own is larger. */
export const HEAVY = 256 * 1024;
/** Longer than every name, label, finalizer and uid. */
const LONG = 256;
/** What a write may change without touching what makes an object heavy. */
const LIGHT: ReadonlySet<string> = new Set(['finalizers', 'ownerReferences']);

/**
 * Whether a write ends something or only says how it is: deletions, statuses, finalizers, owners. Those must be possible
 * however heavy a tenant made the object (I12), and no rule on them rests on the middle of a long string. A create, and
 * a change of what an object wishes, is judged as it is or not at all.
 */
export function maySlim({ verb, target, body }: WireRequest): boolean {
  if (verb === 'delete' || target.subresource === 'status' || target.subresource === 'finalize') return true;
  return verb === 'patch' && target.subresource === undefined && changesLittle(body);
}

function changesLittle(body: string | undefined): boolean {
  const { metadata, ...rest } = JSON.parse(body ?? '{}') as { metadata?: Readonly<Record<string, unknown>> };
  const said = Object.keys(metadata ?? {}).filter((key) => key !== 'uid' && key !== 'resourceVersion');
  return (
    Object.keys(rest).length === 0 && said.length > 0 && said.every((key) => LIGHT.has(key.replace(/^\$\w+\//, '')))
  );
}

/** The same input with each long string of its objects cut: its beginning, its length and its SHA-256, so that equal ones stay equal. */
export function slim(input: PolicyInput): PolicyInput {
  const { object, before, patch } = input;
  return { ...input, object: cut(object), before: cut(before), patch: cut(patch) };
}

function cut<T>(value: T): T {
  if (typeof value === 'string') return (value.length > LONG ? digestOf(value) : value) as T;
  if (Array.isArray(value)) return value.map(cut) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cut(one)])) as T;
}

const digestOf = (text: string): string => `${text.slice(0, 64)}~${text.length}~sha256:${hash('sha256', text, 'hex')}`;
