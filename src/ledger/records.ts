import { canonical, type Json } from '#core/json.ts';
import { pluralOf, resourceInfo } from '#core/resource.ts';
import type { Epoch } from '../leader/port.ts';
import type { Cause, ObjectName } from '../policy/port.ts';
import type { BodyRef } from './bodies.ts';
import { type CappedText, capList, capTexts, cutText, sha256 } from './caps.ts';
import type { DenialDraft, IntentDraft, NoteDraft, OutcomeDraft, Verdict, Wish } from './port.ts';

/** The kinds of leaves; README.md explains every field for readers that are not ours. */
export type RecordType = 'start' | 'stop' | 'intent' | 'outcome' | 'denial' | 'denials' | 'note' | 'gap';

export const RECORD_TYPES: readonly RecordType[] = [
  'start',
  'stop',
  'intent',
  'outcome',
  'denial',
  'denials',
  'note',
  'gap',
];

export const SCHEMA_VERSION = 1;

/** Longest texts and lists, in bytes of JSON and in items: with them every record fits into a leaf. */
export const CAPS = { name: 512, title: 256, text: 768, path: 2048, items: 12, owners: 4, listed: 20 } as const;

/** What surrounds a record's `data`. Keys are in canonical order, so that the whole is canonical JSON. */
export interface Position {
  readonly seq: number;
  /** The previous leaf's hash; empty for the first. */
  readonly prev: Buffer | undefined;
  readonly wall: number;
  readonly mono: number;
}

export function leafOf(type: RecordType, data: string, at: Position): Buffer {
  const prev = at.prev === undefined ? '' : at.prev.toString('base64');
  const time = new Date(at.wall).toISOString();
  return Buffer.from(
    `{"data":${data},"mono":${Math.floor(at.mono)},"prev":"${prev}","seq":${at.seq},"time":"${time}","type":"${type}","v":${SCHEMA_VERSION}}`,
  );
}

/** What `leafOf` adds to the data, at most. */
export const ENVELOPE_BYTES = 240;

/** JSON has no NaN; a duration that is none is not worth a refused write. */
const whole = (n: number): number => (Number.isFinite(n) ? Math.max(0, Math.round(n)) : 0);
const name = (text: string): CappedText => cutText(text, CAPS.name);
const optional = (text: string | undefined): CappedText | undefined => (text === undefined ? undefined : name(text));

function objectName(object: ObjectName): Json {
  return {
    apiVersion: name(object.apiVersion) as Json,
    kind: name(object.kind) as Json,
    name: name(object.name) as Json,
    ...(object.namespace !== undefined && { namespace: name(object.namespace) as Json }),
    ...(object.uid !== undefined && { uid: name(object.uid) as Json }),
  };
}

function causeOf(cause: Cause): object {
  return {
    reason: name(cause.reason),
    trigger: cause.trigger === undefined ? undefined : objectName(cause.trigger),
    owners: capList(cause.owners, CAPS.owners, objectName),
    evidence: cause.evidence,
  };
}

function verdictOf(verdict: Verdict): object {
  return {
    allow: verdict.allow,
    by: verdict.by,
    bundle: { version: verdict.bundle.version, digest: name(verdict.bundle.digest) },
    rules: capTexts(verdict.rules, CAPS.items, CAPS.name),
    warnings: capTexts(verdict.warnings, CAPS.items, CAPS.text),
    inputDigest: name(verdict.inputDigest),
    micros: whole(verdict.micros),
  };
}

function epochOf(epoch: Epoch | undefined): object | null {
  if (epoch === undefined) return null;
  return { lease: name(epoch.lease), transitions: epoch.transitions, holder: name(epoch.holder) };
}

/** What of the object before says which state the decision rests on. */
function wasOf(wish: Wish): object | undefined {
  const metadata = wish.before?.metadata;
  if (metadata === undefined) return undefined;
  return {
    uid: optional(metadata.uid),
    resourceVersion: optional(metadata.resourceVersion),
    generation: metadata.generation,
  };
}

/** The text whose digest says which bytes were judged and sent (I17). */
export function sentText(request: Wish['request']): string {
  return `${request.method}\n${request.path}\n${request.contentType ?? ''}\n${request.body ?? ''}`;
}

function wishOf(wish: Wish, digest: string, body: BodyRef | undefined): object {
  const { request } = wish;
  const { resource, namespace, name: object, uid, subresource } = request.target;
  const { group, version } = resourceInfo(resource);
  return {
    controller: name(wish.controller),
    loop: name(wish.loop),
    key: name(wish.key),
    writeId: cutText(wish.writeId, CAPS.path),
    cause: causeOf(wish.cause),
    class: request.class,
    identity: name(request.identity),
    verb: request.verb,
    group,
    version,
    resource: pluralOf(resource),
    subresource: optional(subresource),
    namespace: optional(namespace),
    name: optional(object),
    uid: optional(uid),
    derivedName: request.verb === 'create' && wish.after?.metadata?.generateName !== undefined ? true : undefined,
    was: wasOf(wish),
    method: request.method,
    path: cutText(request.path, CAPS.path),
    contentType: optional(request.contentType),
    timeout: whole(request.timeout),
    bytes: Buffer.byteLength(request.body ?? ''),
    digest,
    body,
  };
}

export function intentData(draft: IntentDraft, digest: string, body: BodyRef | undefined): string {
  return canonical({
    ...wishOf(draft, digest, body),
    user: name(draft.user),
    certificate: { serial: name(draft.certificate.serial), spki: name(draft.certificate.spki) },
    epoch: epochOf(draft.epoch),
    attempt: whole(draft.attempt),
    verdict: verdictOf(draft.verdict),
  });
}

export function denialData(
  draft: DenialDraft,
  digest: string,
  body: BodyRef | undefined,
  scrub: (text: string) => string,
): string {
  return canonical({
    ...wishOf(draft, digest, body),
    code: draft.code,
    epoch: epochOf(draft.epoch),
    verdict: draft.verdict === undefined ? undefined : verdictOf(draft.verdict),
    titles: draft.titles === undefined ? undefined : capTexts(draft.titles, CAPS.items, CAPS.title),
    messages: capTexts((draft.messages ?? []).map(scrub), CAPS.items, CAPS.text),
  });
}

/** What makes two denials equal: the same write, refused for the same reason by the same rules. */
export function denialKey(draft: DenialDraft): string {
  const { rules = [], bundle } = draft.verdict ?? {};
  return sha256(canonical([draft.controller, draft.writeId, draft.code, rules, bundle?.version ?? null]));
}

export function outcomeData(intent: number, draft: OutcomeDraft): string {
  return canonical({
    intent,
    kind: draft.kind,
    code: draft.code,
    status: draft.status,
    apiReason: optional(draft.apiReason),
    causes:
      draft.causes === undefined
        ? undefined
        : capList(draft.causes, CAPS.items, (cause) => ({
            reason: name(cause.reason) as Json,
            field: name(cause.field) as Json,
          })),
    uid: optional(draft.uid),
    resourceVersion: optional(draft.resourceVersion),
    name: optional(draft.name),
    took: whole(draft.took),
  });
}

/** Notes hold our own short values; each text is capped all the same. */
export function noteData(draft: NoteDraft): string {
  const capped = (value: unknown): unknown => {
    if (typeof value === 'string') return cutText(value, CAPS.text);
    if (Array.isArray(value)) return capTexts(value.map(String), CAPS.listed, CAPS.name);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, capped(member)]));
  };
  return canonical(capped(draft));
}
