import type { Pod, PodCondition, PodStatus } from '#core/k8s/types.gen.ts';
import { patchOf } from '#core/patch.ts';
import type { Delete, Patch, Write } from '#core/plan.ts';
import { isTerminal } from '#core/pod.ts';
import { refOf } from '#core/ref.ts';
import { formatTime, type Ms } from '#core/time.ts';
import type { Candidate } from './candidates.ts';

/**
 * Marks a pod as failed, unless it ended, then deletes it without grace: no kubelet will do either. Empty where both are
 * done and only finalizers keep the pod.
 */
export function chainFor({ pod, why }: Candidate, wall: Ms): readonly Write[] {
  const failed = isTerminal(pod) ? undefined : markFailed(pod, why, wall);
  return [...(failed === undefined ? [] : [failed]), ...(isForced(pod) ? [] : [force(pod, why)])];
}

function isForced({ metadata }: Pod): boolean {
  return metadata?.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
}

function force(pod: Pod, why: Candidate['why']): Delete {
  return { verb: 'delete', ref: refOf('core/pods', pod), gracePeriodSeconds: 0, before: pod, reason: why };
}

function markFailed(pod: Pod, why: Candidate['why'], wall: Ms): Patch | undefined {
  const generation = pod.metadata?.generation;
  const status: PodStatus = {
    ...pod.status,
    phase: 'Failed',
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(why === 'orphaned' && { conditions: withDisruption(pod, wall) }),
  };
  return patchOf({ resource: 'core/pods', before: pod, after: { ...pod, status }, reason: why, subresource: 'status' });
}

/** Tells a Job, whose failure policy may ask, that it was not the pod's fault. Replaced where it stands, as upstream does. */
function withDisruption({ metadata, status }: Pod, wall: Ms): readonly PodCondition[] {
  const conditions = status?.conditions ?? [];
  const at = conditions.findIndex(({ type }) => type === 'DisruptionTarget');
  const since = conditions[at]?.status === 'True' ? conditions[at]?.lastTransitionTime : undefined;
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    ...(metadata?.generation !== undefined && { observedGeneration: metadata.generation }),
    status: 'True',
    lastTransitionTime: since ?? formatTime(wall),
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
  };
  return at < 0 ? [...conditions, condition] : conditions.with(at, condition);
}
