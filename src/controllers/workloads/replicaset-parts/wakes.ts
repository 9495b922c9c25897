import type { Wake } from '#core/controller.ts';
import { jsonEqual } from '#core/json.ts';
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf } from '#core/owner.ts';
import { isReady } from '#core/pod.ts';
import { keyOfObject } from '#core/ref.ts';
import { selectorOf } from '#core/selector.ts';
import { seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './claim.ts';

/** Which ReplicaSets a change of a pod concerns: its owner, its former owner, or who may adopt it. */
export function wakesFor(old: Pod | undefined, now: Pod | undefined, view: View<Listed>): readonly Wake[] {
  if (old?.metadata?.resourceVersion !== undefined && old.metadata.resourceVersion === now?.metadata?.resourceVersion) {
    return [];
  }
  const wakes: Wake[] = [];
  const [before, after] = [old && ownerOf(old, view), now && ownerOf(now, view)];
  if (before !== undefined && before !== after) wakes.push({ key: keyOfObject(before) });
  if (after !== undefined) wakes.push({ key: keyOfObject(after) }, ...availabilityWake(after, old, now));
  if (now !== undefined && controllerOf(now) === undefined && mayBeAdopted(old, now)) {
    wakes.push(...adopters(now, view).map((replicaSet) => ({ key: keyOfObject(replicaSet) })));
  }
  return wakes;
}

/** By name, then by uid: another ReplicaSet may have taken the name. */
function ownerOf(pod: Pod, view: View<Listed>): ReplicaSet | undefined {
  const reference = controllerOf(pod);
  if (reference?.kind !== 'ReplicaSet') return undefined;
  const found = view.get('apps/replicasets', { namespace: pod.metadata?.namespace, name: reference.name });
  return found?.metadata?.uid === reference.uid ? found : undefined;
}

function availabilityWake(replicaSet: ReplicaSet, old: Pod | undefined, now: Pod | undefined): readonly Wake[] {
  const least = replicaSet.spec.minReadySeconds ?? 0;
  const becameReady = old !== undefined && now !== undefined && !isReady(old) && isReady(now);
  return becameReady && least > 0 ? [{ key: keyOfObject(replicaSet), after: seconds(least) }] : [];
}

function mayBeAdopted(old: Pod | undefined, now: Pod): boolean {
  if (now.metadata?.deletionTimestamp !== undefined) return false;
  if (old === undefined) return true;
  return !jsonEqual(old.metadata?.labels, now.metadata?.labels) || controllerOf(old) !== undefined;
}

/** A selector that restricts nothing must not adopt everything. */
function adopters(pod: Pod, view: View<Listed>): readonly ReplicaSet[] {
  return view.list('apps/replicasets', pod.metadata?.namespace).filter((replicaSet) => {
    const selector = selectorOf(replicaSet.spec.selector);
    return selector !== undefined && !selector.empty && selector.matches(pod.metadata?.labels);
  });
}
