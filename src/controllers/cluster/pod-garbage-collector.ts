import { allow, defineController, type Input } from '#core/controller.ts';
import { wentThrough } from '#core/outcome.ts';
import { nothing, type Outcomes, type Plan } from '#core/plan.ts';
import { type Ms, minutes, seconds } from '#core/time.ts';
import {
  type Candidate,
  type Listed,
  ofNode,
  ofNoNode,
  outOfService,
} from './pod-garbage-collector-parts/candidates.ts';
import { chainFor } from './pod-garbage-collector-parts/ending.ts';
import { lastIfRefused, memoryFrom, memoryWith, refusedAfter } from './pod-garbage-collector-parts/memory.ts';
import { lookFor, missingNodes, suspects } from './pod-garbage-collector-parts/quarantine.ts';
import { blastOf, nodesEnding, type Seen } from './pod-garbage-collector-parts/seen.ts';

/** The most pods that one run ends; the next comes at once. */
export const BURST = 500;
const MORE = 'collect-more';
/** Upstream's queue, whose keys are names of nodes there, too. */
const NODES = 'orphaned_pods_nodes';
const FORGET: Ms = minutes(1);

export const podGarbageCollector = defineController({
  name: 'pod-garbage-collector',
  aliases: ['podgc'],
  upstreamRole: 'pod-garbage-collector',
  does: 'Deletes pods that no kubelet will: of nodes that are gone or out of service, never scheduled, or too many that ended.',
  events: false,
  rbac: [
    allow('core/nodes', 'get', 'list', 'watch'),
    allow('core/pods', 'list', 'watch', 'delete'),
    allow('core/pods/status', 'patch'),
  ],
  derive: nodesEnding,
  loops: [
    {
      queue: 'pod_garbage',
      key: 'singleton',
      every: seconds(20),
      workers: 1,
      reconcile: patrol,
      settle,
    },
    {
      queue: NODES,
      key: 'string',
      workers: 1,
      gather: ({ key, view }, reads) => lookFor(key, view, reads),
      reconcile: clear,
      settle: settleNode,
    },
  ],
});

type Round = Input<Listed, undefined>;

/** Ends what is of no node, and sends for the nodes that were missed for long enough, or are out of service. */
function patrol({ view, memory, now, settings }: Round): Plan {
  const { missing: known, refused } = memoryFrom(memory);
  const missing = missingNodes(view, known, now.mono);
  const due = suspects(missing, now.mono);
  // As upstream, a node that is looked for begins its quarantine anew.
  for (const node of due) missing.delete(node);
  const nodes = [...due, ...outOfService(view)];
  return {
    ...collect(ofNoNode(view, settings.terminatedPodGcThreshold), refused, now.wall),
    ...(nodes.length > 0 && { enqueue: nodes.map((key) => ({ loop: NODES, key })) }),
    ...memoryWith({ missing, refused }, memory),
  };
}

/** Ends the pods of one node, by its name. */
function clear({ key, view, memory, facts, derived, now }: Round): Plan {
  const candidates = ofNode(key, view, facts === 'nothing');
  const left = new Set(candidates.map(({ pod }) => pod.metadata?.uid));
  const refused = new Set([...memoryFrom(memory).refused].filter((uid) => left.has(uid)));
  const plan = collect(candidates, refused, now.wall);
  return {
    ...plan,
    ...memoryWith({ missing: new Map(), refused }, memory),
    ...(plan.chains.length > 0 && { blast: blastOf(key, view, derived as Seen | undefined) }),
  };
}

function collect(candidates: readonly Candidate[], refused: ReadonlySet<string>, wall: Ms): Plan {
  const chains = lastIfRefused(candidates, refused)
    .map((candidate) => chainFor(candidate, wall))
    .filter((chain) => chain.length > 0);
  const reason = chains.length > BURST ? MORE : chains.length > 0 ? 'collect' : 'in-order';
  return { reason, chains: chains.slice(0, BURST), events: [] };
}

/** Goes on at once where pods are left and nothing failed; what was refused comes last from now on. */
function settle({ memory }: Round, outcomes: Outcomes, plan: Plan): Plan {
  const before = plan.memory === undefined ? memory : plan.memory;
  const { missing, refused } = memoryFrom(before);
  const again = plan.reason === MORE && outcomes.flat().every(wentThrough);
  return nothing('settled', {
    ...memoryWith({ missing, refused: refusedAfter(refused, outcomes) }, before),
    ...(again && { next: 'again' as const }),
  });
}

/** Nobody sends for a node of which no pod is left: while something is remembered of it, it looks itself. */
function settleNode(round: Round, outcomes: Outcomes, plan: Plan): Plan {
  const settled = settle(round, outcomes, plan);
  const remembered = [settled.memory, plan.memory, round.memory].find((memory) => memory !== undefined);
  return remembered === undefined || remembered === null ? settled : { ...settled, requeueAfter: FORGET };
}
