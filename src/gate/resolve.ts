import { METADATA_LIST } from '#api/metadata.ts';
import type { Reader } from '#api/port.ts';
import type { Barrier, Cache } from '#cache/port.ts';
import { type Controller, watchesAll } from '#core/controller.ts';
import type { WireRequest } from '#core/request.ts';
import { type ApiObject, pathOf, type Resource } from '#core/resource.ts';
import { compareRV, isRV } from '#core/rv.ts';
import type { Clock, Ms } from '#core/time.ts';

/** A recorded attempt whose answer is not known. */
export interface OpenWrite {
  readonly verb: WireRequest['verb'];
  readonly target: WireRequest['target'];
  /** The precondition that a patch or update carried. */
  readonly resourceVersion?: string;
  /** Up to which version the resource was known when the answer was lost; '' for not at all. */
  readonly known?: string;
  /** The gate derived the name, so an object of that name can only be this write's. */
  readonly derivedName: boolean;
}

export interface Resolution {
  readonly as: 'applied' | 'not-applied' | 'unknown';
  readonly how: string;
}

const UNREADABLE: Resolution = {
  as: 'unknown',
  how: 'the object cannot be read: the join with the audit log closes it',
};

/** What a restored store says of a write to the one before it. */
export const WENT_BACK: Resolution = {
  as: 'unknown',
  how: 'the history went back since: the join with the audit log closes it',
};

/** Who may list what a controller writes: `reader`, unless it works on everything and lists for itself. */
export function readingFor({ name, rbac }: Pick<Controller, 'name' | 'rbac'>): string {
  return watchesAll(rbac) ? name : 'reader';
}

/**
 * Looks whether a lost write happened, by one consistent live read of metadata as `identity`, which may list and perhaps
 * not get. To be asked only when the write can no longer happen: after its time-out, under the same leadership or a
 * later one.
 */
export async function resolve(open: OpenWrite, reader: Reader, identity: string): Promise<Resolution> {
  const { target } = open;
  if (target.name === undefined || open.verb === 'deletecollection') return UNREADABLE;
  const read = await readByName(target.resource, target.namespace, target.name, reader, identity);
  if (read === undefined) return UNREADABLE;
  const { object, rv } = read;
  // A restored store tells nothing of what was done to the one before it.
  if (isRV(rv) && compareRV(rv, open.known ?? '') < 0) return WENT_BACK;
  switch (open.verb) {
    case 'create':
      return resolveCreate(open, object);
    case 'delete':
      if (object === undefined || object.metadata?.uid !== target.uid)
        return { as: 'applied', how: 'the object is gone' };
      return object.metadata?.deletionTimestamp === undefined
        ? { as: 'not-applied', how: 'the object lives' }
        : { as: 'applied', how: 'the object is being deleted' };
    default:
      return resolveChange(open, object);
  }
}

function resolveCreate({ target, derivedName }: OpenWrite, object: ApiObject | undefined): Resolution {
  if (target.subresource !== undefined) return UNREADABLE;
  if (object === undefined) return { as: 'not-applied', how: 'no object has the name' };
  return derivedName
    ? { as: 'applied', how: 'an object has the derived name' }
    : { as: 'unknown', how: 'an object has the name, but another may have made it' };
}

function resolveChange({ target, resourceVersion }: OpenWrite, object: ApiObject | undefined): Resolution {
  if (object === undefined || object.metadata?.uid !== target.uid)
    return { as: 'unknown', how: 'the object is gone since' };
  const unchanged = resourceVersion !== undefined && object.metadata?.resourceVersion === resourceVersion;
  return unchanged
    ? { as: 'not-applied', how: 'the object is unchanged' }
    : { as: 'unknown', how: 'the object changed since, perhaps by this write' };
}

/** A list by name, because `reader` holds no `get`; undefined when there was no clear answer. */
async function readByName(
  resource: Resource,
  namespace: string | undefined,
  name: string,
  reader: Reader,
  identity: string,
): Promise<{ object: ApiObject | undefined; rv: unknown } | undefined> {
  const query = new URLSearchParams({ fieldSelector: `metadata.name=${name}` });
  try {
    const path = `${pathOf(resource, namespace === undefined ? {} : { namespace })}?${query}`;
    const answer = await reader.get(identity, path, { accept: METADATA_LIST });
    if (answer.status !== 200) return undefined;
    const { items, metadata } = answer.body as { items?: unknown; metadata?: { resourceVersion?: unknown } };
    const rv = metadata?.resourceVersion;
    return Array.isArray(items) ? { object: items[0] as ApiObject | undefined, rv } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The barrier behind a lost answer: first the time in which the write may still happen, then `settle` (which resolves
 * and records it), then a consistent list.
 */
export function lostBarrier(
  resource: Resource,
  wait: Ms,
  settle: () => Promise<void>,
  { cache, clock }: { cache: Cache; clock: Clock },
): Barrier {
  const callbacks = new Set<() => void>();
  let inner: Barrier | undefined;
  const open = (): void => {
    inner = cache.uncertain(resource);
    inner.whenReached(() => {
      for (const callback of callbacks) callback();
      callbacks.clear();
    });
  };
  clock.after(wait, () => void settle().then(open, open));
  return {
    resource,
    reached: () => inner?.reached() ?? false,
    whenReached(callback) {
      if (inner?.reached() === true) callback();
      else callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
  };
}
