import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { patchOf } from '#core/patch.ts';
import type { Patch, Write } from '#core/plan.ts';
import { sizeAnnotations } from './annotations.ts';
import { sizeOf } from './bounds.ts';
import type { Target } from './sizes.ts';

/** The reasons of writes that change a size. Their slot tells the size before. */
const DIRECTIONS: ReadonlyMap<string, 'up' | 'down'> = new Map([
  ['scale-up', 'up'],
  ['scale-down', 'down'],
]);

/**
 * Makes a ReplicaSet as large as wished and notes for which size of the Deployment, always both in one patch: who sees
 * the one sees the other. Undefined when nothing changes; with `resize` also when only the note would.
 */
export function scalePatch(
  deployment: Deployment,
  { replicaSet, replicas }: Target,
  only?: 'resize',
): Patch | undefined {
  const from = sizeOf(replicaSet);
  if (only === 'resize' && from === replicas) return undefined;
  const { metadata = {}, spec } = replicaSet;
  const annotations = { ...metadata.annotations, ...sizeAnnotations(deployment) };
  return patchOf({
    resource: 'apps/replicasets',
    before: replicaSet,
    after: { ...replicaSet, metadata: { ...metadata, annotations }, spec: { ...spec, replicas } },
    reason: from === replicas ? 'annotate' : from < replicas ? 'scale-up' : 'scale-down',
    ...(from !== replicas && { slot: String(from) }),
  });
}

/** Smaller ones first, in one chain that stops at the first that is not done: so the whole never grows above its bound. */
export function smallerFirst(targets: readonly Target[]): readonly Target[] {
  const growth = ({ replicaSet, replicas }: Target) => Math.sign(replicas - sizeOf(replicaSet));
  return [...targets].sort((a, b) => growth(a) - growth(b));
}

/** `Scaled up replica set web-1 from 2 to 3`; undefined for a write that changed no size. */
export function scaledMessage(write: Write): string | undefined {
  const direction = write.verb === 'create' ? 'up' : DIRECTIONS.get(write.reason);
  if (direction === undefined || (write.verb !== 'create' && write.verb !== 'patch')) return undefined;
  const now = (write.verb === 'create' ? write.object : write.after) as ReplicaSet;
  const [from, to] = [write.verb === 'create' ? '0' : (write.slot ?? ''), sizeOf(now)];
  if (String(to) === from) return undefined;
  return `Scaled ${direction} replica set ${now.metadata?.name ?? ''} from ${from} to ${to}`;
}
