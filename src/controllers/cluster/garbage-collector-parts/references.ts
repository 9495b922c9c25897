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

function blocks({ blockOwnerDeletion }: OwnerReference): boolean {
  return blockOwnerDeletion === true;
}

function byUid(references: readonly OwnerReference[]): ReadonlyMap<string, OwnerReference> {
  return new Map(references.map((reference) => [reference.uid, reference]));
}
