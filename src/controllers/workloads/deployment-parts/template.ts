import { canonical, type Json, jsonEqual } from '#core/json.ts';
import type { PodTemplateSpec } from '#core/k8s/types.gen.ts';
import { nanos } from '#core/quantity.ts';
import type { Labels } from '#core/selector.ts';

/** On what a Deployment's ReplicaSets make, so that their selectors never overlap. */
export const HASH_LABEL = 'pod-template-hash';

/**
 * Whether two templates mean the same, whatever their hash label: as the API server writes them, but with quantities by
 * value, and nothing and empty lists and maps alike. A false difference would roll out every pod.
 */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  const [left, right] = [withoutHash(a ?? {}), withoutHash(b ?? {})];
  return jsonEqual(left, right) || jsonEqual(meaning(left), meaning(right));
}

export function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const labels = template.metadata?.labels;
  if (labels === undefined || !Object.hasOwn(labels, HASH_LABEL)) return template;
  const { [HASH_LABEL]: _, ...others } = labels;
  return { ...template, metadata: { ...template.metadata, labels: others } };
}

export function withHash(template: PodTemplateSpec, hash: string): PodTemplateSpec {
  const labels: Labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  return { ...template, metadata: { ...template.metadata, labels } };
}

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * Names a template: FNV-1a, 32 bits, of what it means and of how often a name was taken already, in upstream's alphabet.
 * Not upstream's number, which is a hash of Go's own memory layout.
 */
export const templateHash = (template: PodTemplateSpec, collisions: number | undefined): string =>
  shortHash([meaning(template) ?? {}, collisions ?? null]);

export function shortHash(value: Json): string {
  const text = canonical(value);
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return [...String(hash)].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('');
}

/** Maps of texts: their keys are people's own. */
const TEXTS = new Set(['labels', 'annotations', 'nodeSelector', 'matchLabels', 'volumeAttributes', 'options']);
const QUANTITIES = new Set(['limits', 'requests', 'overhead']);
/** Single quantities, by the member that holds them. */
const QUANTITY_IN = new Map([
  ['sizeLimit', 'emptyDir'],
  ['divisor', 'resourceFieldRef'],
]);
/** Members that are always there in Go, so that an empty one is an absent one. */
const ALWAYS = new Set(['metadata', 'resources']);

/** What equal templates have in common: undefined for what means nothing. */
function meaning(value: unknown, key = '', parent = ''): Json | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    return value.length === 0 ? undefined : value.map((item) => meaning(item, key, parent) ?? null);
  }
  if (typeof value !== 'object') return QUANTITY_IN.get(key) === parent ? quantity(value as Json) : (value as Json);
  const members = Object.entries(value).flatMap(([name, member]): [string, Json][] => {
    const meant = memberOf(key, name, member);
    return meant === undefined ? [] : [[name, meant]];
  });
  const empties = TEXTS.has(key) || QUANTITIES.has(key) || ALWAYS.has(key);
  return members.length === 0 && empties ? undefined : Object.fromEntries(members);
}

function memberOf(key: string, name: string, member: unknown): Json | undefined {
  if (TEXTS.has(key)) return member as Json;
  if (QUANTITIES.has(key)) return quantity(member as Json);
  return meaning(member, name, key);
}

function quantity(value: Json): Json {
  const amount = typeof value === 'string' || typeof value === 'number' ? nanos(value) : undefined;
  return amount === undefined ? value : String(amount);
}
