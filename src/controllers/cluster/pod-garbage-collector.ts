import { allow, defineController, type Input, type Reads } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import { wentThrough } from '#core/outcome.ts';
import { nothing, type Outcomes, type Plan } from '#core/plan.ts';
import { seconds } from '#core/time.ts';
import { candidates, type Listed } from './pod-garbage-collector-parts/candidates.ts';
import { chainFor } from './pod-garbage-collector-parts/ending.ts';
import { lastIfRefused, memoryFrom, memoryWith, refusedAfter } from './pod-garbage-collector-parts/memory.ts';
import { type Look, lookAt, missingNodes, suspects } from './pod-garbage-collector-parts/quarantine.ts';

/** The most pods that one run ends; the next comes at once. */
export const BURST = 500;
const MORE = 'collect-more';

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
  loops: [
    {
      queue: 'orphaned_pods_nodes',
      key: 'singleton',
      every: seconds(20),
      workers: 1,
      gather,
      reconcile,
      settle,
    },
  ],
});

type Round = Input<Listed, undefined>;

/** Looks live for the nodes that the cache has missed for long enough: it may lag, and their pods would be lost. */
function gather({ view, memory, now }: Omit<Round, 'facts'>, reads: Reads): Promise<Json> {
  return lookAt(suspects(missingNodes(view, memoryFrom(memory).missing, now.mono), now.mono), reads);
}

function reconcile({ view, memory, now, settings, facts }: Round): Plan {
  const known = memoryFrom(memory);
  const missing = missingNodes(view, known.missing, now.mono);
  const looks = (facts ?? []) as readonly Look[];
  const gone = new Set(
    looks.filter(({ node, found }) => found === 'nothing' && missing.has(node)).map(({ node }) => node),
  );
  const chains = lastIfRefused(candidates(view, gone, settings.terminatedPodGcThreshold), known.refused)
    .map((candidate) => chainFor(candidate, now.wall))
    .filter((chain) => chain.length > 0);
  const more = chains.length > BURST;
  // As upstream, a node that was looked at begins its quarantine anew; but not while pods of it are left to end.
  if (!more) for (const { node } of looks) missing.delete(node);
  return {
    reason: more ? MORE : chains.length > 0 ? 'collect' : 'in-order',
    chains: chains.slice(0, BURST),
    events: [],
    ...memoryWith({ missing, refused: known.refused }, memory),
  };
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
