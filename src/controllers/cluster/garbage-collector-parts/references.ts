import { jsonEqual } from '#core/json.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';

/** How the references of an object to its owners changed, owner by owner. */
export interface Changes {
  readonly added: readonly OwnerReference[];
  readonly removed: readonly OwnerReference[];
  readonly changed: readonly { readonly old: OwnerReference; readonly now: OwnerReference }[];
}

export function changesOf(old: readonly OwnerReference[], now: readonly OwnerReference[]): Changes {
  const were = byUid(old);
  const are = byUid(now);
  return {
    added: [...are.values()].filter(({ uid }) => !were.has(uid)),
    removed: [...were.values()].filter(({ uid }) => !are.has(uid)),
    changed: [...are.values()].flatMap((one) => {
      const before = were.get(one.uid);
      return before === undefined || jsonEqual(before, one) ? [] : [{ old: before, now: one }];
    }),
  };
}

/** The owners that this change lets go of: nothing of theirs is blocked by it any more. */
export function unblockedBy({ removed, changed }: Changes): readonly string[] {
  const released = removed.filter(blocks).map(({ uid }) => uid);
  return [...released, ...changed.filter(({ old, now }) => blocks(old) && !blocks(now)).map(({ now }) => now.uid)];
}

/** Below this a search is quicker than an index. */
const FEW = 16;
/** Pure memory: what a list holds never changes. */
const indexes = new WeakMap<readonly OwnerReference[], ReadonlyMap<string, readonly OwnerReference[]>>();
const keepers = new WeakMap<readonly OwnerReference[], number>();

/** The references to one owner. Thousands of owners may be asked for one after the other (I15). */
export function referencesTo(owners: readonly OwnerReference[], uid: string): readonly OwnerReference[] {
  if (owners.length < FEW) return owners.filter((owner) => owner.uid === uid);
  const index = indexes.get(owners) ?? Map.groupBy(owners, (owner) => owner.uid);
  indexes.set(owners, index);
  return index.get(uid) ?? [];
}

/** Whether one of the owners keeps the object. Begins with whoever did the last time: of thousands most are gone (I15). */
export function isKept(owners: readonly OwnerReference[], keeps: (owner: OwnerReference) => boolean): boolean {
  const from = keepers.get(owners) ?? 0;
  for (let step = 0; step < owners.length; step++) {
    const at = (from + step) % owners.length;
    if (!keeps(owners[at] as OwnerReference)) continue;
    if (at !== from) keepers.set(owners, at);
    return true;
  }
  return false;
}

function blocks({ blockOwnerDeletion }: OwnerReference): boolean {
  return blockOwnerDeletion === true;
}

function byUid(references: readonly OwnerReference[]): ReadonlyMap<string, OwnerReference> {
  return new Map(references.map((reference) => [reference.uid, reference]));
}
