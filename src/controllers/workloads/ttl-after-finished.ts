import { allow, defineController, type Input } from '#core/controller.ts';
import type { Job } from '#core/k8s/types.gen.ts';
import { nothing, type Plan } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { type Ms, parseTime, seconds } from '#core/time.ts';

export const ttlAfterFinished = defineController({
  name: 'ttl-after-finished',
  upstreamRole: 'ttl-after-finished-controller',
  does: 'Deletes finished Jobs once their `ttlSecondsAfterFinished` has passed.',
  events: false,
  rbac: [allow('batch/jobs', 'get', 'list', 'watch', 'delete')],
  loops: [
    {
      queue: 'ttl_jobs_to_delete',
      key: 'batch/jobs',
      workers: 5,
      workersFlag: 'concurrent-ttl-after-finished-syncs',
      reconcile,
    },
  ],
});

function reconcile({ object: job, now }: Input<'batch/jobs', Job>): Plan {
  if (job === undefined) return nothing('gone');
  if (job.metadata?.deletionTimestamp !== undefined) return nothing('deleting');
  const expires = expiryOf(job);
  if (expires === undefined) return nothing('not-due');
  // Wall time: what it is compared with is the API's own stamp. As upstream, a clock that lags only deletes later.
  if (expires > now.wall) return nothing('waiting', { requeueAfter: expires - now.wall });
  const ref = refOf('batch/jobs', job);
  // A refusal stands for a write as long as nothing but time and status changed: one of this hour must not stand for the
  // next, such as where the TTL was raised between the live read and the judgement.
  const slot = String(expires);
  return {
    reason: 'ttl-expired',
    chains: [[{ verb: 'delete', ref, propagation: 'Foreground', before: job, reason: 'ttl-expired', slot }]],
    events: [],
    // The TTL may have been raised, or the Job replaced, since the cache saw it: what is live decides.
    confirm: { read: [ref], expect: 'replan' },
  };
}

/** Milliseconds since 1970; undefined for a Job that runs, has no TTL, or does not say when it finished. */
function expiryOf({ spec, status }: Job): Ms | undefined {
  const ttl = spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || ttl === null) return undefined;
  const finished = status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  const at = parseTime(finished?.lastTransitionTime);
  return at === undefined ? undefined : at + seconds(ttl);
}
