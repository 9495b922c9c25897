import { allow, allowAny, defineController, type Reads, type Wake } from '#core/controller.ts';
import type { Pod } from '#core/k8s/types.gen.ts';
import { nothing, type Outcomes, type Plan } from '#core/plan.ts';
import { seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import { phasePatch } from './namespace-parts/conditions.ts';
import { afterDeletions, checkPlan, passPlan, undiscoveredPlan } from './namespace-parts/drain.ts';
import { finalizePlan } from './namespace-parts/finalize.ts';
import { type Facts, look, lookAgain, PODS } from './namespace-parts/gather.ts';
import { asMemory, type Drain } from './namespace-parts/memory.ts';
import { type NamespaceInput, type Stage, stageOf } from './namespace-parts/stage.ts';

/**
 * A pass looks at everything and deletes it, pods before all else; the run after it looks at what is left of that, and
 * says so. Where nothing is left the namespace is let go.
 */
export const namespace = defineController({
  name: 'namespace',
  upstreamRole: 'namespace-controller',
  does: 'Empties each namespace that is being deleted, pods first, and lets it go.',
  events: false,
  rbac: [
    allow('core/namespaces', 'get', 'list', 'watch'),
    allow('core/namespaces/status', 'patch'),
    allow('core/namespaces/finalize', 'update'),
    allow('core/pods', 'list', 'watch'),
    allowAny('list', 'delete', 'deletecollection'),
  ],
  loops: [
    {
      queue: 'namespace',
      key: 'core/namespaces',
      on: { 'core/pods': wakesFor },
      workers: 10,
      workersFlag: 'concurrent-namespace-syncs',
      backoff: { base: 5, max: 60_000 },
      gather,
      reconcile,
      settle,
    },
  ],
});

/** So long other API servers may take to see that the namespace ends, and to stop making things in it. */
const GRACE = seconds(5);

/** The watch brings the phase back at once; this is for a write that failed. */
const UNTOLD = seconds(1);

/** The last pod of a namespace that ends. */
function wakesFor(
  old: Pod | undefined,
  now: Pod | undefined,
  view: View<'core/namespaces' | 'core/pods'>,
): readonly Wake[] {
  const { namespace: key = '', uid } = old?.metadata ?? {};
  if (now !== undefined) return [];
  if (view.get('core/namespaces', { name: key })?.metadata?.deletionTimestamp === undefined) return [];
  return view.list(PODS, key).some((pod) => pod.metadata?.uid !== uid) ? [] : [{ key }];
}

async function gather(input: Omit<NamespaceInput, 'facts'>, reads: Reads): Promise<Facts | undefined> {
  const stage = stageOf(input);
  switch (stage.kind) {
    case 'pass':
      return look(input.key, reads, stage.drain.total === undefined);
    case 'check':
      return lookAgain(input.key, stage.check, reads);
    case 'finalize':
      return { kind: 'live', namespace: await reads.get('core/namespaces', { name: input.key }) };
    default:
      return undefined;
  }
}

function reconcile(input: NamespaceInput): Plan {
  const stage = stageOf(input);
  const { now } = input;
  switch (stage.kind) {
    case 'idle':
      return nothing(stage.why, input.memory === undefined ? {} : { memory: null });
    case 'done':
      return nothing('let-go');
    case 'seen': {
      const drain: Drain = { uid: stage.namespace.metadata?.uid ?? '', due: now.mono + GRACE };
      return nothing('seen', { memory: asMemory(drain), requeueAfter: GRACE });
    }
    case 'waiting':
      return nothing('waiting', { requeueAfter: stage.drain.due - now.mono });
    case 'phase': {
      const patch = phasePatch(stage.namespace);
      return { reason: 'phase', chains: patch === undefined ? [] : [[patch]], events: [], requeueAfter: UNTOLD };
    }
    default:
      return informed(input, stage);
  }
}

/** What rests on live reads. Where they were for another stage, time has passed meanwhile: once more. */
function informed(input: NamespaceInput, stage: Extract<Stage, { kind: 'pass' | 'check' | 'finalize' }>): Plan {
  const facts = input.facts as Facts | undefined;
  if (stage.kind === 'pass' && facts?.kind === 'listed') return passPlan(input, stage, facts);
  if (stage.kind === 'pass' && facts?.kind === 'undiscovered') return undiscoveredPlan(input, stage, facts);
  if (stage.kind === 'check' && facts?.kind === 'checked') return checkPlan(input, stage, facts);
  if (stage.kind === 'finalize' && facts?.kind === 'live') return finalizePlan(stage.drain, facts);
  return nothing('outrun', { next: 'again' });
}

function settle(input: NamespaceInput, outcomes: Outcomes, plan: Plan): Plan {
  const facts = input.facts as Facts | undefined;
  if (plan.reason !== 'drain' || facts?.kind !== 'listed') return nothing('settled');
  return afterDeletions(facts, plan.memory as unknown as Drain, outcomes);
}
