import { TransportError } from '#api/failure.ts';
import { controllerOf } from '#core/owner.ts';
import { keyOfObject } from '#core/ref.ts';
import type { ApiObject } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import type { Cached, Decoder } from './decode.ts';
import type { Store } from './store.ts';

export type Change = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The objects of a list that is still coming in. */
export interface Collector {
  put(type: Change, raw: unknown): void;
  clear(): void;
  objects(): readonly Cached[];
}

/** Decodes one event or item. Throws a malformed TransportError on what is no object of this resource. */
export function takeEvent(store: Store, decoder: Decoder, type: Change, raw: unknown): void {
  const like = likeness(store, raw) ?? store.indexes.oneControlledBy(ownerUid(raw));
  store.apply(type, must(decoder.decode(raw, like)));
}

export function createCollector(store: Store, decoder: Decoder): Collector {
  const found = new Map<string, Cached>();
  // One object of each owner: the others share with it what they have in common.
  const siblings = new Map<string, Cached>();
  return {
    put(type, raw) {
      const owner = ownerUid(raw);
      const object = must(decoder.decode(raw, likeness(store, raw) ?? siblings.get(owner)));
      if (owner !== '' && !siblings.has(owner)) siblings.set(owner, object);
      const key = keyOfObject(object);
      if (type === 'DELETED') found.delete(key);
      else found.set(key, object);
    },
    clear() {
      found.clear();
    },
    objects: () => [...found.values()],
  };
}

/** The version before. */
function likeness(store: Store, raw: unknown): ApiObject | undefined {
  const { metadata } = raw as ApiObject;
  return typeof metadata?.name === 'string' ? store.get(keyOfObject(raw as ApiObject)) : undefined;
}

function ownerUid(raw: unknown): string {
  const references: unknown = (raw as ApiObject).metadata?.ownerReferences;
  return (Array.isArray(references) && controllerOf(raw as ApiObject)?.uid) || '';
}

function must(object: Cached | undefined): Cached {
  if (object === undefined) throw new TransportError('malformed');
  return object;
}

/** Status and wait of an ERROR event. */
export function refusalIn(object: unknown): [status: number, retryAfter: Ms | undefined] {
  const { code, details } = object as { code?: unknown; details?: { retryAfterSeconds?: unknown } };
  const wait = details?.retryAfterSeconds;
  const retryAfter = typeof wait === 'number' && wait >= 0 && wait <= 600 ? wait * 1000 : undefined;
  return [typeof code === 'number' ? code : 500, retryAfter];
}
