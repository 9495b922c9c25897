import type { Tracking } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import type { Enqueue } from '#core/plan.ts';
import { shortName } from '#core/resource.ts';
import { type Ms, type Now, seconds } from '#core/time.ts';
import { removeNode, takeFreed } from './fold.ts';
import { absentKey, DELETE, type Graph, isVirtual, wakeToDelete } from './graph.ts';
import { createKinds } from './kinds.ts';
import { type Identity, isSame, type Node, virtualNode } from './node.ts';
import { alternateIdentity, partition } from './partition.ts';

/** What a run found out by live reads. */
export type Learnt =
  /** The object of a node is not there under this identity. */
  | { readonly kind: 'absent'; readonly identity: Identity }
  /** A reference leads nowhere. */
  | { readonly kind: 'absent-owner'; readonly identity: Identity }
  /** References to that owner were taken off these dependents, all by uid. */
  | { readonly kind: 'freed'; readonly owner: string; readonly dependents: readonly string[] }
  /** A kind is named that discovery does not tell of. */
  | { readonly kind: 'unknown-kind'; readonly key: string };

/** Dependents that disagree on their owner's name have it looked for under each of them, not faster than this. */
const NEXT_NAME: Ms = seconds(1);

export function asJson(learnt: Learnt): Json {
  if (learnt.kind === 'unknown-kind') return { ...learnt };
  if (learnt.kind === 'freed') return { ...learnt, dependents: [...learnt.dependents] };
  return { kind: learnt.kind, identity: { ...learnt.identity } };
}

export function learn(graph: Graph, json: Json): readonly Enqueue[] {
  const learnt = json as unknown as Learnt;
  switch (learnt.kind) {
    case 'absent':
      return takeAbsence(graph, learnt.identity);
    case 'absent-owner':
      graph.absent.set(absentKey(learnt.identity), true);
      return [];
    case 'unknown-kind':
      graph.waiting.add(learnt.key);
      return [];
    case 'freed':
      return takeFreedOnes(graph, learnt);
  }
}

function takeFreedOnes(graph: Graph, { owner, dependents }: Extract<Learnt, { kind: 'freed' }>): readonly Enqueue[] {
  const wakes: Enqueue[] = [];
  for (const uid of dependents) {
    const node = graph.nodes.get(uid);
    if (node !== undefined) takeFreed(graph, node, owner, wakes);
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

/** Which resources are watched changed, or how much of them is known. */
export function track(graph: Graph, { discovery, resources }: Tracking, { mono }: Now): readonly Enqueue[] {
  const wakes: Enqueue[] = [];
  for (const resource of [...graph.resources.keys()]) {
    if (resources.has(resource)) continue;
    graph.resources.delete(resource);
    graph.lost.add(shortName(resource));
  }
  for (const [resource, { synced }] of resources)
    graph.resources.set(resource, { since: graph.resources.get(resource)?.since ?? mono, synced });
  const all = [...resources.values()];
  graph.complete ||= all.length > 0 && all.every(({ synced }) => synced);
  for (const node of graph.nodes.values())
    if (node.resource !== undefined && !resources.has(node.resource)) loseSight(graph, node, wakes);
  if (discovery === undefined) return wakes;
  const told = JSON.stringify(discovery.served.map(({ resource, also = [] }) => [resource, also]));
  if (told === graph.told) return wakes;
  graph.told = told;
  graph.kinds = createKinds(discovery);
  for (const key of graph.waiting) wakes.push({ loop: DELETE, key });
  graph.waiting.clear();
  return wakes;
}

/** Of a resource that is watched no longer nothing is known; who is named as an owner is looked for again. */
function loseSight({ nodes }: Graph, node: Node, wakes: Enqueue[]): void {
  for (const { uid } of node.owners) nodes.get(uid)?.dependents.delete(node);
  if (node.dependents.size === 0) nodes.delete(node.identity.uid);
  else {
    Object.assign(node, { ...virtualNode(node.identity), dependents: node.dependents });
    wakes.push(wakeToDelete(node));
  }
}
