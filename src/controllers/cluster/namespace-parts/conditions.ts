import { getCondition } from '#core/condition.ts';
import { bounded } from '#core/events.ts';
import type { Namespace, NamespaceCondition } from '#core/k8s/types.gen.ts';
import { patchOf } from '#core/patch.ts';
import type { Patch } from '#core/plan.ts';
import { formatTime, type Ms } from '#core/time.ts';
import { nameOf, type Remains } from './remains.ts';

/** Names of finalizers are tenants': a status must stay small whatever they are. */
const MESSAGE_BYTES = 4096;

type Said = Pick<NamespaceCondition, 'type' | 'status' | 'reason' | 'message'>;

/** Brings the conditions up to date; undefined when they are. */
export function conditionsPatch(namespace: Namespace, remains: Remains, wall: Ms): Patch | undefined {
  const old = namespace.status?.conditions ?? [];
  const conditions = saidOf(remains).reduce((all, said) => withSaid(all, said, wall), old);
  if (conditions === old) return undefined;
  return statusPatch(namespace, { conditions });
}

/** The phase is the API server's to set, at the deletion; where it is not set, it is ours. */
export function phasePatch(namespace: Namespace): Patch | undefined {
  return statusPatch(namespace, { phase: 'Terminating' });
}

function statusPatch(namespace: Namespace, change: Namespace['status']): Patch | undefined {
  return patchOf({
    resource: 'core/namespaces',
    before: namespace,
    after: { ...namespace, status: { ...namespace.status, ...change } },
    reason: 'status',
    subresource: 'status',
  });
}

/** In place, and in upstream's order where they are new. The time moves only with the status. */
function withSaid(all: readonly NamespaceCondition[], said: Said, wall: Ms): readonly NamespaceCondition[] {
  const old = getCondition(all, said.type);
  if (old === undefined) return [...all, { ...said, lastTransitionTime: formatTime(wall) }];
  if (old.status === said.status && old.reason === said.reason && old.message === said.message) return all;
  const time = old.status === said.status ? old.lastTransitionTime : formatTime(wall);
  const next = { ...said, ...(time !== undefined && { lastTransitionTime: time }) };
  return all.map((condition) => (condition === old ? next : condition));
}

function saidOf({ undiscovered, unreadable, errors, counts, finalizers }: Remains): readonly Said[] {
  const unread = unreadable.length > 0 ? `unexpected names of resources: ${sorted(unreadable)}` : undefined;
  const failures = [...new Set(errors)];
  const failed = `Failed to delete all resource types, ${failures.length} remaining: ${sorted(failures)}`;
  const left = [...counts].map(([resource, count]) => `${nameOf(resource)} has ${count} resource instances`);
  const held = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return [
    condition(DISCOVERY, undiscovered),
    condition(PARSING, unread),
    condition(CONTENT, errors.length === 0 ? undefined : failed),
    condition(REMAINING, left.length === 0 ? undefined : `Some resources are remaining: ${sorted(left)}`),
    condition(
      HELD,
      held.length === 0 ? undefined : `Some content in the namespace has finalizers remaining: ${sorted(held)}`,
    ),
  ];
}

interface Words {
  readonly type: string;
  readonly bad: string;
  readonly good: string;
  readonly goodMessage: string;
}

const DISCOVERY: Words = {
  type: 'NamespaceDeletionDiscoveryFailure',
  bad: 'DiscoveryFailed',
  good: 'ResourcesDiscovered',
  goodMessage: 'All resources successfully discovered',
};
const PARSING: Words = {
  type: 'NamespaceDeletionGroupVersionParsingFailure',
  bad: 'GroupVersionParsingFailed',
  good: 'ParsedGroupVersions',
  goodMessage: 'All legacy kube types successfully parsed',
};
const CONTENT: Words = {
  type: 'NamespaceDeletionContentFailure',
  bad: 'ContentDeletionFailed',
  good: 'ContentDeleted',
  goodMessage: 'All content successfully deleted, may be waiting on finalization',
};
const REMAINING: Words = {
  type: 'NamespaceContentRemaining',
  bad: 'SomeResourcesRemain',
  good: 'ContentRemoved',
  goodMessage: 'All content successfully removed',
};
const HELD: Words = {
  type: 'NamespaceFinalizersRemaining',
  bad: 'SomeFinalizersRemain',
  good: 'ContentHasNoFinalizers',
  goodMessage: 'All content-preserving finalizers finished',
};

function condition({ type, bad, good, goodMessage }: Words, trouble: string | undefined): Said {
  if (trouble === undefined) return { type, status: 'False', reason: good, message: goodMessage };
  return { type, status: 'True', reason: bad, message: bounded(trouble, MESSAGE_BYTES) };
}

/** The same text whatever order things were found in: else each look would write the status. */
function sorted(texts: readonly string[]): string {
  return [...texts].sort().join(', ');
}
