import type { OwnerReference } from './k8s/types.gen.ts';
import { controllerOf, ownerReference } from './owner.ts';
import { adopt, release } from './patch.ts';
import type { Confirm, Outcome, Patch } from './plan.ts';
import { refOf } from './ref.ts';
import { type ApiObject, type ObjectOf, type Resource, resourceInfo } from './resource.ts';
import type { View } from './view.ts';

/** Who takes orphans that its selector matches, and gives up what it does not match any more. */
export interface Claimant {
  readonly resource: Resource;
  readonly object: ApiObject;
}

/** Which objects a claimant must take or give up first. */
export interface Wanted {
  readonly orphans: readonly ApiObject[];
  readonly strays: readonly ApiObject[];
}

/** The objects whose controller reference names the claimant in every part, in its own namespace. */
export function ownedBy<R extends Resource>(
  claimant: Claimant,
  resource: R,
  view: View<NoInfer<R>>,
): readonly ObjectOf<R>[] {
  const { name, namespace, uid } = claimant.object.metadata ?? {};
  if (uid === undefined) return [];
  const { kind } = resourceInfo(claimant.resource);
  return view.controlledBy(resource, uid).filter((object: ApiObject) => {
    // A reference from another namespace is forged: owners own in their namespace only.
    if (object.metadata?.namespace !== namespace) return false;
    const reference = controllerOf(object);
    return reference?.kind === kind && reference.name === name;
  });
}

/** The patches that take orphans and give up strays. */
export function claimPatches(claimant: Claimant, resource: Resource, { orphans, strays }: Wanted): readonly Patch[] {
  const owner: OwnerReference = ownerReference(claimant.resource, claimant.object);
  return [
    ...orphans.map((object) => adopt(resource, object, owner)),
    ...strays.map((object) => release(resource, object, owner.uid)),
  ];
}

/** Adoption rests on the owner being alive, which the cache cannot promise: it is read live before anything is sent. */
export function confirmFor({ resource, object }: Claimant, patches: readonly Patch[]): { confirm?: Confirm } {
  if (!patches.some((patch) => patch.reason === 'adopt')) return {};
  return { confirm: { read: [refOf(resource, object)], expect: 'same-uid-live' } };
}

export function isClaim(outcome: Outcome): boolean {
  return outcome.write.reason === 'adopt' || outcome.write.reason === 'release';
}

/** The object is ours now, or is not any more, as wished. */
export function isDone(outcome: Outcome): boolean {
  return outcome.kind === 'applied' && outcome.benign === undefined;
}

/**
 * It came to an end without that: refused for good, or there is nothing to claim. As upstream, an invalid release is
 * one, for then the object has no such reference any more.
 */
export function isFruitless(outcome: Outcome): boolean {
  if (outcome.kind === 'denied' || outcome.kind === 'gone') return true;
  if (outcome.kind === 'applied') return outcome.benign === true;
  return outcome.kind === 'failed' && outcome.code === 'API_INVALID' && outcome.write.reason === 'release';
}
