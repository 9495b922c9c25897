import type { Wake } from '#core/controller.ts';
import type { Pod } from '#core/k8s/types.gen.ts';
import { ownerIn, ownerWakes } from '#core/owner-wakes.ts';
import { isReady } from '#core/pod.ts';
import { keyOfObject } from '#core/ref.ts';
import { seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './claim.ts';

/** Which ReplicaSets a change of a pod concerns: now, and once it has been ready for long enough. */
export function wakesFor(old: Pod | undefined, now: Pod | undefined, view: View<Listed>): readonly Wake[] {
  const wakes = ownerWakes('apps/replicasets', old, now, view);
  return wakes.length === 0 ? wakes : [...wakes, ...availabilityWakes(old, now, view)];
}

function availabilityWakes(old: Pod | undefined, now: Pod | undefined, view: View<Listed>): readonly Wake[] {
  if (old === undefined || now === undefined || isReady(old) || !isReady(now)) return [];
  const owner = ownerIn('apps/replicasets', now, view);
  const least = owner?.spec.minReadySeconds ?? 0;
  return owner !== undefined && least > 0 ? [{ key: keyOfObject(owner), after: seconds(least) }] : [];
}
