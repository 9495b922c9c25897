import type { Namespace } from '#core/k8s/types.gen.ts';
import { nothing, type Plan, write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { seconds } from '#core/time.ts';
import type { Facts } from './gather.ts';
import { asMemory, type Drain } from './memory.ts';

const OURS = 'kubernetes';
const UNREAD = seconds(1);
/** Where it was refused, nothing else would bring the namespace back. */
const REFUSED = seconds(60);

/**
 * Takes our finalizer, and leaves those of others. The whole object is sent, so it is the one that is live: what a
 * cache leaves out would be taken from it, and its version is a precondition.
 */
export function finalizePlan(drain: Drain, { namespace: read }: Extract<Facts, { kind: 'live' }>): Plan {
  if (!read.ok) return read.status === 404 ? nothing('gone') : nothing('unread', { requeueAfter: UNREAD });
  const live = read.object;
  if (live.metadata?.uid !== drain.uid || live.metadata.deletionTimestamp === undefined) return nothing('another');
  const held = live.spec?.finalizers ?? [];
  if (!held.includes(OURS)) return nothing('let-go', { memory: asMemory({ ...drain, end: 'done' }) });
  const finalizers = [...new Set(held)].filter((one) => one !== OURS).sort();
  const { managedFields: _, ...metadata } = live.metadata;
  const object: Namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata,
    spec: { ...live.spec, finalizers },
  };
  const ref = refOf('core/namespaces', live);
  const replace = { verb: 'update', ref, subresource: 'finalize', object, reason: 'finalize' } as const;
  return { ...write('finalize', replace), requeueAfter: REFUSED };
}
