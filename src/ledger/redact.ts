import { createHmac } from 'node:crypto';
import { canonical } from '#core/json.ts';
import type { Resource } from '#core/resource.ts';
import { allowedPaths, isSecret, type Step } from './redact-paths.ts';

/** The members of a secret that do not even leave a digest. */
const UNSPOKEN = new Set(['data', 'stringData', 'annotations', 'status', 'spec']);
/** Deeper than any built-in type; deeper values become one digest. */
const MAX_DEPTH = 32;

/** Texts that look like a credential wherever they stand: PEM, JWT, long unbroken base64 or hexadecimal. */
const CREDENTIAL =
  /-----BEGIN[^-]*-----[\s\S]*?(?:-----END[^-]*-----|$)|[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|[A-Za-z0-9+/_=-]{40,}/g;

export interface Redactor {
  /** Canonical JSON of the object: allow-listed paths as they are, all else as digests keyed per (period, object, path). */
  object(target: Target, object: unknown): string;
  /** A keyed digest of the bytes sent where a plain one could be guessed (secrets). */
  digest(text: string): string;
  /** A policy's message without what looks like a credential. */
  scrub(text: string): string;
}
interface Target {
  readonly resource: Resource;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
}

export function redactor(key: Buffer): Redactor {
  const keyed = (text: string): string => createHmac('sha256', key).update(text).digest('hex').slice(0, 32);
  const scrub = (text: string): string => text.replace(CREDENTIAL, (found) => `~${keyed(`text\n${found}`)}~`);
  return {
    object: (target, object) => {
      const id = target.uid ?? `${target.namespace ?? ''}/${target.name ?? ''}`;
      const secret = isSecret(target);
      const digest = (path: string, value: unknown) => `{"~":"${keyed(`${id}\n${path}\n${canonical(value)}`)}"}`;
      return render({ digest, secret }, object, allowedPaths(target.resource), '', 0);
    },
    digest: (text) => createHmac('sha256', key).update(text).digest('hex'),
    scrub,
  };
}

interface Pen {
  readonly digest: (path: string, value: unknown) => string;
  readonly secret: boolean;
}

/** Text, never objects: a hostile key (`__proto__`) is only ever printed. */
function render(pen: Pen, value: unknown, step: Step | undefined, path: string, depth: number): string {
  if (step === undefined || depth > MAX_DEPTH) return pen.secret ? '{"~":""}' : pen.digest(path, value);
  if (step.keep === 'all') return canonical(value);
  if (typeof value !== 'object' || value === null) {
    if (step.keep === 'leaf') return canonical(value);
    return pen.secret ? '{"~":""}' : pen.digest(path, value);
  }
  if (Array.isArray(value)) {
    const items = value.map((item, at) => render(pen, item, step.next.get('*'), `${path}.${at}`, depth + 1));
    return `[${items.join(',')}]`;
  }
  return renderMembers(pen, value as Record<string, unknown>, step, path, depth);
}

function renderMembers(pen: Pen, value: Record<string, unknown>, step: Step, path: string, depth: number): string {
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member === undefined || (pen.secret && UNSPOKEN.has(key))) continue;
    const next = step.next.get(key) ?? step.next.get('*');
    members.push(`${JSON.stringify(key)}:${render(pen, member, next, `${path}.${key}`, depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}
