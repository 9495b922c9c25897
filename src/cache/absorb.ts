import { keyOf, keyOfObject } from '#core/ref.ts';
import { isRV, laterRV } from '#core/rv.ts';
import type { Cached, Decoder } from './decode.ts';
import type { Store } from './store.ts';

/** What an answer to an own write did to the cache. */
export type Absorbed =
  /** It is seen at once (or was already, or is outside of what this cache holds). */
  | { readonly kind: 'visible' }
  /** It changed an object of this cache in a way that the answer does not show: wait for that version. */
  | { readonly kind: 'at'; readonly rv: string }
  /** Nothing orderable came back: wait for a consistent list. `uid` ended, and may be forgotten then. */
  | { readonly kind: 'unknown'; readonly uid?: string };

export type AnswerVerb = 'create' | 'update' | 'patch' | 'delete';

/** Which keys the cache holds; `undefined`: all. */
export type Scope = { readonly name: string } | undefined;

const VISIBLE: Absorbed = { kind: 'visible' };

export function absorb(
  store: Store,
  decoder: Decoder,
  scope: Scope,
  verb: AnswerVerb,
  answer: unknown,
  at: { readonly namespace?: string | undefined; readonly name?: string | undefined } | undefined,
): Absorbed {
  // A cache of one name is told nothing by a write of another.
  if (scope !== undefined && at?.name !== undefined && at.name !== scope.name) return VISIBLE;
  const key = at?.name === undefined ? undefined : keyOf(at);
  if (kindOf(answer) !== undefined && decoder.matches(answer)) {
    const object = decoder.decode(answer, key === undefined ? undefined : store.get(key));
    if (object !== undefined) return absorbObject(store, scope, verb, object);
  }
  const details = field(answer, 'details');
  const uid = field(details, 'uid');
  if (kindOf(answer) === 'Status' && verb === 'delete' && typeof uid === 'string' && uid !== '')
    return absorbDeletion(store, uid, key);
  // A Scale carries the uid and the version of the object that it scaled.
  const rv = field(field(answer, 'metadata'), 'resourceVersion');
  return isRV(rv) ? { kind: 'at', rv } : { kind: 'unknown' };
}

function absorbObject(store: Store, scope: Scope, verb: AnswerVerb, object: Cached): Absorbed {
  const { uid, name, resourceVersion } = object.metadata;
  if (scope !== undefined && scope.name !== name) return VISIBLE;
  store.overlay(object);
  if (isFinal(verb, object)) {
    const key = keyOfObject(object);
    const known = store.lastKnown(uid, key);
    store.bury(uid, key, laterRV(resourceVersion, known?.rv ?? ''));
  }
  return VISIBLE;
}

function absorbDeletion(store: Store, uid: string, key: string | undefined): Absorbed {
  // The watch may have been faster than the answer.
  if (store.ended(uid)) return VISIBLE;
  const known = store.lastKnown(uid, key);
  store.bury(uid, known?.key ?? key, known?.rv);
  return known === undefined ? { kind: 'unknown', uid } : VISIBLE;
}

/**
 * Whether the object ended with this write. A patch that takes the last finalizer answers with the object as it was,
 * at its OLD version; a DELETE that took effect at once may answer with an object that was never marked.
 */
function isFinal(verb: AnswerVerb, object: Cached): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined) return verb === 'delete';
  if (isHeldBySpec(object)) return false;
  return (metadata.finalizers ?? []).length === 0 && (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** Namespaces have finalizers in their spec as well: a terminating one lives on until both lists are empty. */
function isHeldBySpec(object: Cached): boolean {
  if (object.kind !== 'Namespace') return false;
  const finalizers = field(field(object, 'spec'), 'finalizers');
  return Array.isArray(finalizers) && finalizers.length > 0;
}

function kindOf(answer: unknown): string | undefined {
  const kind = field(answer, 'kind');
  return typeof kind === 'string' ? kind : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
