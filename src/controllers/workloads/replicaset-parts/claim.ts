import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf, ownerReference } from '#core/owner.ts';
import { adopt, release } from '#core/patch.ts';
import type { Confirm, Outcome, Patch } from '#core/plan.ts';
import { isActive, isTerminating } from '#core/pod.ts';
import { refOf } from '#core/ref.ts';
import type { Matcher } from '#core/selector.ts';
import type { View } from '#core/view.ts';

export type Listed = 'apps/replicasets' | 'core/pods';

/** Of a ReplicaSet's pods: which it has, which it must take or give up first. */
export interface Claims {
  /** Active, ours, and the selector matches. */
  readonly active: readonly Pod[];
  /** On their way out, ours, and the selector matches. */
  readonly terminating: readonly Pod[];
  /** Active orphans that the selector matches. */
  readonly orphans: readonly Pod[];
  /** Active, ours, but the selector does not match any more. */
  readonly strays: readonly Pod[];
}

/** Sorts the pods that are ours or nobody's. Who is being deleted neither takes nor gives up pods. */
export function claimsOf(replicaSet: ReplicaSet, selector: Matcher, view: View<Listed>): Claims {
  const { namespace = '', deletionTimestamp } = replicaSet.metadata ?? {};
  const matches = (pod: Pod) => selector.matches(pod.metadata?.labels);
  const owned = ownedPods(replicaSet, view);
  const leaving = deletionTimestamp !== undefined;
  return {
    active: owned.filter((pod) => isActive(pod) && matches(pod)),
    terminating: owned.filter((pod) => isTerminating(pod) && matches(pod)),
    orphans: leaving ? [] : view.orphans('core/pods', namespace).filter((pod) => isActive(pod) && matches(pod)),
    strays: leaving ? [] : owned.filter((pod) => isActive(pod) && !matches(pod)),
  };
}

/** The pods whose controller reference names this ReplicaSet in every part, in its own namespace. */
export function ownedPods(replicaSet: ReplicaSet, view: View<Listed>): readonly Pod[] {
  const { name, namespace, uid } = replicaSet.metadata ?? {};
  if (uid === undefined) return [];
  return view.controlledBy('core/pods', uid).filter((pod) => {
    // A reference from another namespace is forged: owners own in their namespace only.
    if (pod.metadata?.namespace !== namespace) return false;
    const reference = controllerOf(pod);
    return reference?.kind === 'ReplicaSet' && reference.name === name;
  });
}

/** The patches that take orphans and give up strays. */
export function claimPatches(replicaSet: ReplicaSet, claims: Claims): readonly Patch[] {
  const owner = ownerReference('apps/replicasets', replicaSet);
  return [
    ...claims.orphans.map((pod) => adopt('core/pods', pod, owner)),
    ...claims.strays.map((pod) => release('core/pods', pod, owner.uid)),
  ];
}

/** Adoption rests on the owner being alive, which the cache cannot promise: it is read live before anything is sent. */
export function confirmFor(replicaSet: ReplicaSet, patches: readonly Patch[]): { confirm?: Confirm } {
  if (!patches.some((patch) => patch.reason === 'adopt')) return {};
  return { confirm: { read: [refOf('apps/replicasets', replicaSet)], expect: 'same-uid-live' } };
}

export function isClaim(outcome: Outcome): boolean {
  return outcome.write.reason === 'adopt' || outcome.write.reason === 'release';
}

/** The pod is ours now, or is not any more, as wished. */
export function isDone(outcome: Outcome): boolean {
  return outcome.kind === 'applied' && outcome.benign === undefined;
}

/**
 * It came to an end without that: refused for good, or there is nothing to claim. As upstream, an invalid release is
 * one, for then the pod has no such reference any more.
 */
export function isFruitless(outcome: Outcome): boolean {
  if (outcome.kind === 'denied' || outcome.kind === 'gone') return true;
  if (outcome.kind === 'applied') return outcome.benign === true;
  return outcome.kind === 'failed' && outcome.code === 'API_INVALID' && outcome.write.reason === 'release';
}
