import type { OwnerReference } from '#core/k8s/types.gen.ts';
import type { Blast, Evidence } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import { type Resource, resourceInfo } from '#core/resource.ts';
import { parseTime } from '#core/time.ts';
import { weightOf } from '#core/weight.ts';
import { type Fallen, type Graph, isVirtual } from './graph.ts';
import type { Identity, Node } from './node.ts';
import { isKept, referencesTo } from './references.ts';

/**
 * An owner ends: writes down at each dependent whose end is the cause, what goes with it in all, and what is known of
 * it. Where the owner was to go itself, the cause is what ended above it: a Deployment's pods and ReplicaSets are one.
 */
export function fall(graph: Graph, owner: Node, seen: Evidence): void {
  const evidence = owner.doom?.evidence ?? owner.ended ?? seen;
  const cause = owner.doom?.cause ?? owner.cause ?? causeOf(graph, owner);
  if (cause === undefined) return;
  owner.cause = cause;
  graph.fallen.set(owner.identity.uid, { cause, evidence, created: owner.created });
  for (const dependent of owner.dependents) {
    const own = isOwn(dependent, owner.identity.uid, owner.created) ? evidence : 'absent';
    dependent.doom = { cause, owner: owner.identity.uid, evidence: own };
  }
}

/** A virtual owner that fell before: dependents that arrive only now have the cause of the others. */
export function recall({ fallen }: Graph, owner: Node): Node {
  const known = fallen.get(owner.identity.uid);
  if (known === undefined) return owner;
  return { ...owner, cause: known.cause, ended: known.evidence, created: known.created };
}

function causeOf(graph: Graph, owner: Node): Cause | undefined {
  const resource = owner.resource ?? resourceOf(graph, owner.identity);
  if (resource === undefined) return undefined;
  return { root: refTo(resource, owner.identity), total: weightBelow(graph, owner) };
}
type Cause = NonNullable<Node['cause']>;

/** Handed over later, or older than its owner: it had a life of its own, and an owner's end does not explain its own. */
function isOwn({ late, created }: Node, owner: string, ownerCreated: string | undefined): boolean {
  return !late.has(owner) && !isOlder(created, ownerCreated);
}

function isOlder(one: string | undefined, other: string | undefined): boolean {
  const [a, b] = [parseTime(one), parseTime(other)];
  return a === undefined || b === undefined || a < b;
}

/** The weight of all that has no owner left once this one is gone, and so on down. */
export function weightBelow({ nodes }: Graph, top: Node): number {
  const taken = new Set([top]);
  const queue = [top];
  const keeps = ({ uid }: OwnerReference): boolean => {
    const owner = nodes.get(uid);
    return owner !== undefined && !taken.has(owner) && uid !== top.identity.uid;
  };
  let weight = 0;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const dependent of next.dependents) {
      if (taken.has(dependent) || isKept(dependent.owners, keeps)) continue;
      taken.add(dependent);
      queue.push(dependent);
      weight += dependent.resource === undefined ? 0 : weightOf(dependent.resource);
    }
  }
  // Fifths add up to what no reader expects.
  return Math.round(weight * 10) / 10;
}

/** What a removal of this object is a part of. `ended` are the references of which one's end is the cause. */
export function blastOf(graph: Graph, node: Node, resource: Resource, ended: readonly OwnerReference[]): Blast {
  const { doom } = node;
  const own = lossOf(graph, node, resource);
  if (doom !== undefined && ended.some(({ uid }) => uid === doom.owner))
    return { ...rootOf(doom.cause, own), evidence: doom.evidence };
  for (const { uid } of ended) {
    const fallen = graph.fallen.get(uid);
    if (fallen !== undefined) return { ...rootOf(fallen.cause, own), evidence: knownOf(node, uid, fallen) };
  }
  const [first] = ended;
  const found = first && graph.kinds.resourceOf(first.apiVersion, first.kind);
  const root =
    first === undefined || found === undefined
      ? refTo(resource, node.identity)
      : refTo(found, { ...first, namespace: node.identity.namespace });
  return { root, total: own, evidence: 'absent' };
}

/** What was not known when the owner ended counts as well. */
function rootOf({ root, total }: Cause, own: number): Pick<Blast, 'root' | 'total'> {
  return { root, total: Math.max(total, own) };
}

function knownOf(node: Node, owner: string, { evidence, created }: Fallen): Evidence {
  // A reference that only the live read showed came after the first sight.
  const shown = !isVirtual(node) && referencesTo(node.owners, owner).length > 0;
  return shown && isOwn(node, owner, created) ? evidence : 'absent';
}

function lossOf(graph: Graph, node: Node, resource: Resource): number {
  return Math.round((weightOf(resource) + weightBelow(graph, node)) * 10) / 10;
}

function resourceOf({ kinds }: Graph, { apiVersion, kind }: Identity): Resource | undefined {
  return kinds.resourceOf(apiVersion, kind);
}

export function refTo(resource: Resource, { namespace, name, uid }: Omit<Identity, 'apiVersion' | 'kind'>): Ref {
  return { resource, ...(resourceInfo(resource).namespaced && namespace !== '' && { namespace }), name, uid };
}
