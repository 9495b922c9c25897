import type { Json } from '#core/json.ts';
import type { Enqueue } from '#core/plan.ts';
import { compareRV } from '#core/rv.ts';
import { type Ms, seconds } from '#core/time.ts';
import { removeNode, takeFreed } from './fold.ts';
import { absentKey, type Graph, isVirtual, nodeFor, wakeToDelete } from './graph.ts';
import { type Identity, identityOfOwner, isSame } from './node.ts';
import { alternateIdentity, partition } from './partition.ts';
import { referencesTo } from './references.ts';

/** What a run found out by live reads. */
export type Learnt =
  /** The object of a node is not there under this identity. */
  | { readonly kind: 'absent'; readonly identity: Identity }
  /** A namespaced object is named as one of no namespace: it can be nowhere. */
  | { readonly kind: 'misplaced'; readonly identity: Identity }
  /** A reference leads nowhere. */
  | { readonly kind: 'absent-owner'; readonly identity: Identity }
  /** References to that owner (by uid) were taken off these dependents. */
  | { readonly kind: 'freed'; readonly owner: string; readonly dependents: readonly Freed[] }
  /** A kind is named that discovery does not tell of. */
  | { readonly kind: 'unknown-kind'; readonly key: string };

/** A dependent, and the resourceVersion in which it names that owner no more; none where it is gone. */
export interface Freed {
  readonly uid: string;
  readonly version?: string;
}

/** Dependents that disagree on their owner's name have it looked for under each of them, not faster than this. */
const NEXT_NAME: Ms = seconds(1);

export function asJson(learnt: Learnt): Json {
  if (learnt.kind === 'unknown-kind') return { ...learnt };
  if (learnt.kind === 'freed') return { ...learnt, dependents: learnt.dependents.map((one) => ({ ...one })) };
  return { kind: learnt.kind, identity: { ...learnt.identity } };
}

export function learn(graph: Graph, json: Json): readonly Enqueue[] {
  const learnt = json as unknown as Learnt;
  switch (learnt.kind) {
    case 'absent':
      return takeAbsence(graph, learnt.identity);
    case 'misplaced':
      return takeMisplaced(graph, learnt.identity);
    case 'absent-owner':
      graph.absent.set(absentKey(learnt.identity), true);
      return [];
    case 'unknown-kind':
      return takeUnknown(graph, learnt.key);
    case 'freed':
      return takeFreedOnes(graph, learnt);
  }
}

/** A cluster-scoped object names a namespaced owner. Others may name it where it can be, and it has to be looked for there. */
function takeMisplaced(graph: Graph, identity: Identity): readonly Enqueue[] {
  const node = graph.nodes.get(identity.uid);
  if (node === undefined || !isVirtual(node) || !isSame(node.identity, identity)) return [];
  const places = [...node.dependents].flatMap(({ owners, identity: { namespace } }) =>
    namespace === ''
      ? []
      : referencesTo(owners, identity.uid).map((reference) => identityOfOwner(reference, namespace)),
  );
  const next = places.find((place) => graph.absent.get(absentKey(place)) !== true);
  if (next === undefined) return [];
  node.identity = next;
  return [wakeToDelete(node)];
}

/** Who is gone by now waits for nothing. */
function takeUnknown(graph: Graph, key: string): readonly Enqueue[] {
  const node = nodeFor(graph, key);
  if (node !== undefined) graph.waiting.add(node.identity.uid);
  return [];
}

function takeFreedOnes(graph: Graph, { owner, dependents }: Extract<Learnt, { kind: 'freed' }>): readonly Enqueue[] {
  const wakes: Enqueue[] = [];
  for (const { uid, version } of dependents) {
    const node = graph.nodes.get(uid);
    // Somebody may have given the reference back, and a watch have told of it by now.
    const outdated = node !== undefined && version !== undefined && compareRV(node.version, version) > 0;
    if (node !== undefined && !outdated) takeFreed(graph, node, owner, wakes);
  }
  return wakes;
}

/** Absent under one identity is not absent under every one: only who named it so has lost an owner. */
function takeAbsence(graph: Graph, identity: Identity): readonly Enqueue[] {
  const wakes: Enqueue[] = [];
  const node = graph.nodes.get(identity.uid);
  if (node === undefined) return wakes;
  const { matching, others } = partition(node.dependents, identity);
  const same = isSame(node.identity, identity);
  if (isVirtual(node) ? others.length === 0 : same) {
    removeNode(graph, node, identity, 'absent', wakes);
    return wakes;
  }
  if (matching.length > 0) {
    graph.absent.set(absentKey(identity), true);
    for (const dependent of matching) wakes.push(wakeToDelete(dependent));
  }
  const next = isVirtual(node) && same ? alternateIdentity(others, identity) : undefined;
  if (next !== undefined) {
    node.identity = next;
    wakes.push(wakeToDelete(node, NEXT_NAME));
  }
  return wakes;
}
