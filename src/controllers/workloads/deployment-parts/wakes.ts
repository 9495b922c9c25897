import type { Wake } from '#core/controller.ts';
import type { Pod } from '#core/k8s/types.gen.ts';
import { ownerIn } from '#core/owner-wakes.ts';
import { keyOfObject } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './claim.ts';

/** A Deployment that recreates waits for its old pods to be gone; of all else its ReplicaSets tell. */
export function wakesForPod(old: Pod | undefined, now: Pod | undefined, view: View<Listed>): readonly Wake[] {
  if (now !== undefined || old === undefined) return [];
  const replicaSet = ownerIn('apps/replicasets', old, view);
  const deployment = replicaSet && ownerIn('apps/deployments', replicaSet, view);
  return deployment?.spec.strategy?.type === 'Recreate' ? [{ key: keyOfObject(deployment) }] : [];
}
