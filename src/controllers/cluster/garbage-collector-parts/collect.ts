import type { Input } from '#core/controller.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import {
  type Delete,
  nothing,
  type Outcomes,
  type Plan,
  type PlannedEvent,
  type Propagation,
  write,
} from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { compareRV } from '#core/rv.ts';
import { seconds } from '#core/time.ts';
import { blastOf } from './blast.ts';
import type { DeleteFacts, OwnerFact, OwnerState } from './facts.ts';
import { type Graph, isUnseen, isVirtual, keyFor, nodeFor } from './graph.ts';
import { asJson } from './learn.ts';
import {
  blockingDependents,
  FOREGROUND,
  has,
  type Identity,
  identityOf,
  isEnding,
  type Node,
  ORPHAN,
  waitersFor,
} from './node.ts';
import { dropFinalizer, dropReferences, unblock } from './patches.ts';

type Asked = Pick<Input<Resource, ApiObject>, 'key' | 'derived' | 'facts'>;
type Found = Extract<DeleteFacts, { item: 'found' }>;

/** Everything that a decision on one object rests on. */
interface Case {
  readonly graph: Graph;
  readonly node: Node;
  readonly resource: Resource;
  readonly object: ApiObject;
}

const LOOK_AGAIN = seconds(1);
const CIRCLE = 'circle';

/** Decides on one object: to delete it, to take references off it, to let it end, or nothing. */
export function collect({ key, derived, facts: given }: Asked): Plan {
  const graph = derived as Graph;
  const facts = given as DeleteFacts;
  const node = nodeFor(graph, key);
  if (facts.item !== 'found') return withoutObject(facts, key);
  // It went while it was looked at.
  if (node === undefined) return nothing('gone');
  const one: Case = { graph, node, resource: facts.resource, object: facts.object };
  // A foreground deletion began while its owners were looked at.
  if (facts.owners === undefined || node.deletingDependents)
    return facts.owners === undefined ? finish(one) : nothing('changed-meanwhile', { next: 'again' });
  const plan = decide(one, facts.owners, key);
  const told = { events: strangers(one, facts.owners), learnt: facts.owners.flatMap(absenceOf) };
  const settled = { ...plan, events: told.events, ...(told.learnt.length > 0 && { learnt: told.learnt }) };
  // What no watch shows may be gone before one does: then nobody would ever tell.
  const untold = isVirtual(node) || isUnseen(graph, node) || isAhead(one);
  return untold && settled.next === undefined ? { ...settled, next: 'backoff' } : settled;
}

/**
 * It names other owners than a watch has told of. They may be changed back before one does: then a watch would tell of no
 * change, and nobody would look again.
 */
function isAhead({ node, object: { metadata } }: Case): boolean {
  if (compareRV(metadata?.resourceVersion ?? '', node.version) <= 0) return false;
  const uids = (owners: readonly OwnerReference[] = []): string => JSON.stringify(owners.map(({ uid }) => uid).sort());
  return uids(metadata?.ownerReferences) !== uids(node.owners);
}

function withoutObject(facts: Exclude<DeleteFacts, Found>, key: string): Plan {
  switch (facts.item) {
    case 'none':
      return nothing('nothing-to-do');
    case 'misplaced':
      return nothing('misplaced', { learnt: [asJson({ kind: 'misplaced', identity: facts.identity })] });
    case 'incomplete':
      return nothing('waiting-for-resources', { requeueAfter: LOOK_AGAIN });
    case 'unread':
      return nothing('unread', { next: 'backoff' });
    case 'unknown-kind':
      return unknownKind(key);
    case 'absent':
      return nothing('absent', { learnt: [asJson({ kind: 'absent', identity: facts.identity })] });
  }
}

function unknownKind(key: string): Plan {
  return nothing('unknown-kind', { next: 'backoff', learnt: [asJson({ kind: 'unknown-kind', key })] });
}

function decide(one: Case, owners: readonly OwnerFact[], key: string): Plan {
  const { resource, object, node } = one;
  if (owners.length === 0) return nothing('no-owners');
  // Its end has begun: what remains is not ours.
  if (isEnding(object)) return nothing('ending');
  if (owners.some(({ state }) => state === 'unread')) return nothing('unread', { next: 'backoff' });
  if (owners.some(({ state }) => state === 'unknown-kind')) return unknownKind(key);
  if (owners.some(({ state }) => state === 'misplaced')) return nothing('misplaced');
  const [solid, dangling, waiting] = [of(owners, 'solid'), of(owners, 'dangling'), of(owners, 'waiting')];
  if (solid.length > 0) {
    const kept = new Set(solid.map(({ uid }) => uid));
    const gone = new Set([...dangling, ...waiting].map(({ uid }) => uid).filter((uid) => !kept.has(uid)));
    const patch = dropReferences(resource, object, gone, 'drop-owners');
    return patch === undefined ? nothing('owned') : write('owned', patch);
  }
  const foreground = waiting.length > 0 && node.dependents.size > 0;
  const circle = foreground && [...node.dependents].some(({ deletingDependents }) => deletingDependents);
  const patch = circle ? unblock(resource, object, 'break-circle') : undefined;
  if (patch !== undefined) return write(CIRCLE, patch);
  const ended = waiting.length > 0 ? waiting : dangling;
  return remove(one, foreground ? 'Foreground' : propagationOf(object), ended);
}

function of(owners: readonly OwnerFact[], wanted: OwnerState): readonly OwnerReference[] {
  return owners.filter(({ state }) => state === wanted).map(({ reference }) => reference);
}

/** What somebody wished for its dependents before is kept to. */
function propagationOf(object: ApiObject): Propagation {
  if (has(object, ORPHAN)) return 'Orphan';
  return has(object, FOREGROUND) ? 'Foreground' : 'Background';
}

function remove(
  { graph, node, resource, object }: Case,
  propagation: Propagation,
  ended: readonly OwnerReference[],
): Plan {
  const one: Delete = {
    verb: 'delete',
    ref: refOf(resource, object),
    resourceVersion: object.metadata?.resourceVersion ?? '',
    propagation,
    before: object,
    reason: 'collect',
  };
  return { ...write('collect', one), blast: blastOf(graph, node, resource, ended) };
}

/** Lets an object end that waits for its dependents, or has those looked at that it waits for. */
function finish({ graph, node, resource, object }: Case): Plan {
  const waiters = waitersFor(node, graph.nodes);
  const blocking = blockingDependents(node).filter((dependent) => !waiters.has(dependent));
  if (blocking.length === 0) {
    const patch = dropFinalizer(resource, object, FOREGROUND, 'finish-foreground');
    return patch === undefined ? nothing('finished') : write('finish-foreground', patch);
  }
  const wakes = blocking.filter(({ deletingDependents }) => !deletingDependents);
  return nothing('waiting-for-dependents', { enqueue: wakes.map((dependent) => ({ key: keyFor(dependent) })) });
}

function absenceOf({ absent }: OwnerFact) {
  return absent === undefined ? [] : [asJson({ kind: 'absent-owner', identity: absent })];
}

/** Owners of another namespace are none, and whoever named them should hear it. */
function strangers({ graph, node, resource, object }: Case, owners: readonly OwnerFact[]): readonly PlannedEvent[] {
  return owners.flatMap(({ reference }) => {
    const owner = graph.nodes.get(reference.uid);
    if (owner === undefined || isVirtual(owner) || owner.identity.namespace === '') return [];
    const { namespace } = node.identity;
    if (owner.identity.namespace === namespace) return [];
    const named = nameOf({ ...reference, namespace });
    return [
      {
        regarding: refOf(resource, object),
        type: 'Warning' as const,
        reason: 'OwnerRefInvalidNamespace',
        message: `ownerRef ${named} does not exist in namespace ${JSON.stringify(namespace)}`,
      },
    ];
  });
}

function nameOf({ apiVersion, kind, namespace, name, uid }: Identity): string {
  return `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
}

/** A deletion that found nothing is a discovery. What a circle held goes next, once the circle is broken. */
export function settleCollect({ facts: given }: Asked, outcomes: Outcomes, plan: Plan): Plan {
  const facts = given as DeleteFacts;
  const each = outcomes.flat();
  const gone = each.some(
    (outcome) => outcome.kind === 'gone' || (outcome.kind === 'applied' && outcome.benign === true),
  );
  const broken = plan.reason === CIRCLE && each.every(({ kind }) => kind === 'applied');
  if (!gone || facts.item !== 'found') return nothing('settled', broken ? { next: 'again' } : {});
  const identity = identityOf(facts.resource, facts.object);
  return nothing('absent', { learnt: [asJson({ kind: 'absent', identity })] });
}
