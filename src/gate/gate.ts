import type { Barrier } from '#cache/port.ts';
import type { Outcome, Plan, Write } from '#core/plan.ts';
import type { Charged } from './breaker/port.ts';
import { confirm } from './confirm.ts';
import { judge, LATER } from './judge.ts';
import type { GateParts } from './ports.ts';
import { goesOn, resourceVersionOf, type Sent, send, withPrevious } from './send.ts';
import type { Executed, Judged, Pending, Work } from './work.ts';

/** The one way of a write out of this process. */
export interface Gate {
  /** Runs a plan's chains through every stage. Never throws for what the cluster, policy or ledger do. */
  execute(work: Work, plan: Plan): Promise<Executed>;
  /** Plans under way. */
  busy(): number;
  /** From now on every plan is refused with GATE_SHUTTING_DOWN. */
  close(): void;
}

/**
 * confirm -> declared -> policy -> breaker -> quota -> ledger -> fence -> send -> outcome. `judge` holds the second and
 * third stage, `send` the rest behind the breaker; this file only says how chains, groups and outcomes go together.
 */
export function createGate(parts: GateParts): Gate {
  let closed = false;
  let busy = 0;

  const run = async (work: Work, plan: Plan): Promise<Executed> => {
    parts.breaker.notice(work, plan);
    if (plan.chains.length === 0) return { outcomes: [], barriers: [] };
    if (closed) return refuseAll(plan, (write) => ({ write, kind: 'fenced', code: 'GATE_SHUTTING_DOWN' }));
    if (!parts.fence.admits(parts.writeTimeout))
      return refuseAll(plan, (write) => ({ write, kind: 'fenced', code: 'GATE_FENCED' }));
    if (!(await confirm(plan, work, parts)))
      return refuseAll(plan, (write) => ({ write, kind: 'stale', code: 'GATE_STALE_PLAN' }));
    return plan.spread === 'slow-start' ? slowStart(plan, work, parts) : group(plan.chains, plan, work, parts);
  };

  return {
    async execute(work, plan) {
      busy += 1;
      try {
        const about = plan.blast === undefined ? work : { ...work, blast: plan.blast };
        const executed = await run(about, plan);
        count(executed, work, parts);
        return executed;
      } finally {
        busy -= 1;
      }
    },
    busy: () => busy,
    close() {
      closed = true;
    },
  };
}

type Chains = readonly (readonly Write[])[];

/** Judges and charges a group of chains together, then runs the allowed ones in parallel. */
async function group(chains: Chains, plan: Plan, work: Work, parts: GateParts): Promise<Ran> {
  const { judged, settle } = await admit(chains, plan, work, parts);
  const ran = await runAll(judged, work, parts);
  settle(ran.outcomes);
  return ran;
}

/** Judged by policy, then charged by the breaker: what is left of the chains may be sent. */
async function admit(chains: Chains, plan: Plan, work: Work, parts: GateParts): Promise<Charged> {
  const started = parts.clock.now().mono;
  const judged = await judge(chains, work, parts, 'write');
  parts.meter.observe('gate_stage_duration_seconds', { stage: 'policy' }, (parts.clock.now().mono - started) / 1000);
  return parts.breaker.charge(judged, work, plan);
}

async function runAll(judged: readonly Judged[], work: Work, parts: GateParts): Promise<Ran> {
  const ran = await Promise.all(judged.map((one) => runChain(one, work, parts)));
  return {
    outcomes: ran.map(({ outcomes }) => outcomes),
    barriers: ran.flatMap(({ barriers }) => barriers),
    longest: judged.reduce((most, one) => Math.max(most, longestOf(one)), 0),
  };
}

function longestOf(judged: Judged): number {
  return judged.ok ? Math.max(0, ...judged.chain.map(({ request }) => request.body?.length ?? 0)) : 0;
}

/**
 * Groups of 1, 2, 4, ...: a wish that is refused is refused once, not five hundred times. A plan that may take something
 * away is judged and charged whole before its first group: the breaker holds it whole, or not at all.
 */
async function slowStart(plan: Plan, work: Work, parts: GateParts): Promise<Executed> {
  if (plan.chains.flat().every(makesOnly)) return inGroups(plan.chains, (next) => group(next, plan, work, parts));
  const { judged, settle } = await admit(plan.chains, plan, work, parts);
  const run = (_next: Chains, from: number, to: number) => runAll(judged.slice(from, to), work, parts);
  const ran = await inGroups(plan.chains, run);
  settle(ran.outcomes);
  return ran;
}

const makesOnly = (write: Write): boolean => write.verb === 'create' && write.subresource === undefined;

type RunGroup = (next: Chains, from: number, to: number) => Promise<Ran>;
interface Ran extends Executed {
  /** Bytes of the longest body in the group. */
  readonly longest: number;
}

/** A group's bodies are in memory together, and on the wire: of heavy objects it holds fewer (I15). */
const GROUP_BYTES = 2 * 1024 * 1024;

async function inGroups(chains: Chains, run: RunGroup): Promise<Executed> {
  const outcomes: (readonly Outcome[])[] = [];
  const barriers: Barrier[] = [];
  let size = 1;
  let failed = false;
  while (outcomes.length < chains.length) {
    const next = chains.slice(outcomes.length, outcomes.length + size);
    if (failed) {
      outcomes.push(...next.map((chain) => chain.map((write): Outcome => ({ write, kind: 'skipped' }))));
      continue;
    }
    const ran = await run(next, outcomes.length, outcomes.length + next.length);
    outcomes.push(...ran.outcomes);
    barriers.push(...ran.barriers);
    failed = ran.outcomes.some((chain) => !chain.every(goesOn) || chain.some(tellsOfTheEnd));
    size = Math.max(1, Math.min(size * 2, Math.floor(GROUP_BYTES / Math.max(1, ran.longest))));
  }
  return { outcomes, barriers };
}

/** No failure, and yet no reason to ask again: whatever is made there, the namespace is ending. */
const tellsOfTheEnd = (outcome: Outcome): boolean => 'code' in outcome && outcome.code === 'API_NAMESPACE_TERMINATING';

async function runChain(
  judged: Judged,
  work: Work,
  parts: GateParts,
): Promise<{ outcomes: readonly Outcome[]; barriers: readonly Barrier[] }> {
  if (!judged.ok) return { outcomes: judged.outcomes, barriers: [] };
  const outcomes: Outcome[] = [];
  const barriers: Barrier[] = [];
  let previous: string | undefined;
  let stopped = false;
  for (const pending of judged.chain) {
    if (stopped) {
      outcomes.push({ write: pending.write, kind: 'skipped' });
      continue;
    }
    const sent: Sent = await send(finalise(pending, previous), work, parts, 'write');
    outcomes.push(sent.outcome);
    if (sent.barrier !== undefined) barriers.push(sent.barrier);
    stopped = !goesOn(sent.outcome);
    previous = resourceVersionOf(sent.outcome) ?? previous;
  }
  return { outcomes, barriers };
}

function finalise(pending: Pending, previous: string | undefined): Pending {
  return previous === undefined ? pending : { ...pending, request: withPrevious(pending.request, LATER, previous) };
}

function refuseAll(plan: Plan, refuse: (write: Write) => Outcome): Executed {
  return { outcomes: plan.chains.map((chain) => chain.map(refuse)), barriers: [] };
}

function count({ outcomes }: Executed, work: Work, { meter }: GateParts): void {
  const controller = work.controller.name;
  for (const { write, kind } of outcomes.flat())
    meter.count('gate_writes_total', { controller, verb: write.verb, outcome: kind });
}
