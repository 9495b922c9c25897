import type { Tracking } from '#core/controller.ts';
import type { Discovery } from '#core/discovery.ts';
import type { Enqueue } from '#core/plan.ts';
import { shortName } from '#core/resource.ts';
import { type Ms, minutes, type Now } from '#core/time.ts';
import { leaveOwner } from './fold.ts';
import { dropNode, type Graph, sortOf, type Unseen, wakeEnding, wakeToDelete } from './graph.ts';
import { createKinds } from './kinds.ts';
import { type Node, virtualNode } from './node.ts';

type Resources = Tracking['resources'];

/** An API that is installed again is back by then. Of one that is not, nobody waits for the objects any longer. */
const REINSTALLED: Ms = minutes(5);

/** Which resources are watched changed, or how much of them is known. */
export function track(graph: Graph, { discovery, resources }: Tracking, { mono }: Now): readonly Enqueue[] {
  const wakes: Enqueue[] = [];
  loseSight(graph, resources, mono);
  for (const [resource, { synced }] of resources) {
    const before = graph.resources.get(resource);
    // What was known and is in doubt again is waited for as long as something new, and who ended may be back.
    const doubted = before?.synced === true && !synced;
    graph.resources.set(resource, { since: before === undefined || doubted ? mono : before.since, synced });
    if (doubted) for (const gone of [graph.absent, graph.fallen]) gone.clear();
  }
  const all = [...resources.values()];
  graph.complete ||= all.length > 0 && all.every(({ synced }) => synced);
  for (const [name, unseen] of [...graph.unseen]) lookFor(graph, name, unseen, mono, wakes);
  takeKinds(graph, discovery, wakes);
  return wakes;
}

/**
 * Objects of a resource that is watched no longer are there still, mostly under another version. Forgotten, they would
 * let their owners end before them, or with an orphan's reference in them.
 */
function loseSight({ nodes, resources, lost, unseen }: Graph, now: Resources, mono: Ms): void {
  const dropped = new Set([...resources.keys()].filter((resource) => !now.has(resource)));
  if (dropped.size === 0) return;
  for (const resource of dropped) {
    resources.delete(resource);
    lost.add(shortName(resource));
  }
  for (const node of nodes.values()) {
    if (node.resource === undefined || !dropped.has(node.resource)) continue;
    const name = sortOf(node.resource);
    const entry = unseen.get(name) ?? { nodes: new Set(), served: mono, sought: false };
    entry.nodes.add(node);
    entry.sought = false;
    unseen.set(name, entry);
  }
}

/** Who did not come back with the resource is looked for live: a list may lag behind what was seen before it. */
function lookFor(graph: Graph, name: string, unseen: Unseen, mono: Ms, wakes: Enqueue[]): void {
  const watched = [...graph.resources].filter(([resource]) => sortOf(resource) === name);
  if (unseen.nodes.size === 0) graph.unseen.delete(name);
  else if (watched.length === 0) {
    if (mono - unseen.served >= REINSTALLED) letGo(graph, name, unseen, wakes);
  } else {
    unseen.served = mono;
    if (unseen.sought || watched.some(([, { synced }]) => !synced)) return;
    unseen.sought = true;
    for (const node of unseen.nodes) wakes.push(wakeToDelete(node));
  }
}

/** Of what is not served nothing is known; who is named as an owner is looked for again. */
function letGo(graph: Graph, name: string, { nodes }: Unseen, wakes: Enqueue[]): void {
  graph.unseen.delete(name);
  for (const node of nodes) {
    for (const { uid } of node.owners) {
      wakeEnding(graph, uid, wakes);
      leaveOwner(graph, node, uid);
    }
    if (node.dependents.size === 0) dropNode(graph, node);
    else becomeVirtual(node, wakes);
  }
}

function becomeVirtual(node: Node, wakes: Enqueue[]): void {
  Object.assign(node, { ...virtualNode(node.identity), dependents: node.dependents });
  wakes.push(wakeToDelete(node));
}

/** Keys that wait for a kind are run when discovery tells something new. */
function takeKinds(graph: Graph, discovery: Discovery | undefined, wakes: Enqueue[]): void {
  if (discovery === undefined) return;
  const told = JSON.stringify(discovery.served.map(({ resource, also = [] }) => [resource, also]));
  if (told === graph.told) return;
  graph.told = told;
  graph.kinds = createKinds(discovery);
  for (const uid of graph.waiting) {
    const node = graph.nodes.get(uid);
    if (node !== undefined) wakes.push(wakeToDelete(node));
  }
  graph.waiting.clear();
}
