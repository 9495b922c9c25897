import { createHash } from 'node:crypto';
import { controllerOf } from '#core/owner.ts';
import type { Plan } from '#core/plan.ts';
import { keyOf, type Ref, refOf } from '#core/ref.ts';
import { type ApiObject, resourceInfo, resourceOfKind } from '#core/resource.ts';
import type { Work } from '../work.ts';
import type { Lookup } from './lookup.ts';
import { whole } from './numbers.ts';
import type { Root } from './port.ts';

/** No chain of controllers is longer; one that is a circle is not. */
const LONGEST = 8;

/** Whose change or end is the cause of a plan: what the plan says, else the top of the trigger's controllers. */
export function rootOf(plan: Plan, work: Work, lookup: Lookup): Root {
  if (plan.blast !== undefined) return named(plan.blast.root, plan.blast.generation, lookup);
  const { trigger, controller, loop, key } = work;
  if (trigger === undefined) return { id: `${controller.name}/${loop}/${key}`, present: false };
  let { ref, object } = trigger;
  for (let step = 0; step < LONGEST; step++) {
    const above = aboveOf(object, lookup);
    if (above === undefined) break;
    ({ ref, object } = above);
  }
  return named(ref, generationOf(object), lookup);
}

function named(ref: Ref, wished: number | undefined, lookup: Lookup): Root {
  // Who writes owner references writes what he likes: what no object can be called is kept as a digest.
  if (!fits(ref)) return { id: createHash('sha256').update(JSON.stringify(ref)).digest('hex'), present: false };
  const found = lookup.get(ref.resource, ref);
  const present = found !== undefined && (ref.uid === undefined || found.metadata?.uid === ref.uid);
  const generation = wished ?? (present ? generationOf(found) : undefined);
  return {
    id: ref.uid ?? `${ref.resource} ${keyOf(ref)}`,
    ref,
    ...(generation !== undefined && { generation }),
    present,
  };
}

/** As every object's does; in bytes of the state that a hold of it is kept in. */
function fits(ref: Ref): boolean {
  const { resource, namespace = '', name, uid = '' } = ref;
  const written = Buffer.byteLength(JSON.stringify(ref)) <= 700;
  return written && resource.length <= 512 && namespace.length <= 253 && name.length <= 253 && uid.length <= 128;
}

function aboveOf(object: ApiObject, lookup: Lookup): { ref: Ref; object: ApiObject } | undefined {
  const owner = controllerOf(object);
  const resource = owner && resourceOfKind(owner.apiVersion, owner.kind);
  if (owner === undefined || resource === undefined) return undefined;
  const namespace = resourceInfo(resource).namespaced ? object.metadata?.namespace : undefined;
  const found = lookup.get(resource, { namespace, name: owner.name });
  return found?.metadata?.uid === owner.uid ? { ref: refOf(resource, found), object: found } : undefined;
}

/** Whether the cache shows it with another wish than the plan was made for. */
export function isOutdated({ ref, id, generation }: Root, lookup: Lookup): boolean {
  const found = ref === undefined ? undefined : lookup.get(ref.resource, ref);
  if (found === undefined || found.metadata?.uid !== id || generation === undefined) return false;
  return generationOf(found) !== generation;
}

export function generationOf(object: ApiObject): number | undefined {
  const generation = object.metadata?.generation;
  return Number.isSafeInteger(generation) && (generation as number) >= 0 ? generation : undefined;
}

/** How much the root has, as its own counts say: the larger of wish and state, as either may be the new one. */
export function heldBy({ ref, id }: Root, lookup: Lookup): number | undefined {
  if (ref === undefined || !COUNTED.has(ref.resource)) return undefined;
  const found = lookup.get(ref.resource, ref) as Counted | undefined;
  if (found === undefined || found.metadata?.uid !== id) return undefined;
  const { spec, status } = found;
  const counts = [spec?.replicas, status?.replicas, spec?.parallelism, status?.active, status?.currentNumberScheduled];
  const known = counts.flatMap((count) => whole(count) ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

interface Counted extends ApiObject {
  readonly spec?: { readonly replicas?: unknown; readonly parallelism?: unknown };
  readonly status?: {
    readonly replicas?: unknown;
    readonly active?: unknown;
    readonly currentNumberScheduled?: unknown;
  };
}

const COUNTED: ReadonlySet<string> = new Set([
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'apps/daemonsets',
  'batch/jobs',
  'core/replicationcontrollers',
]);
