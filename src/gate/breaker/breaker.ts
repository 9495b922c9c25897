import type { ErrorCode } from '#core/errors.ts';
import type { Evidence, Outcome, Plan } from '#core/plan.ts';
import { keyOf, type Ref } from '#core/ref.ts';
import type { WireRequest } from '#core/request.ts';
import { shortName } from '#core/resource.ts';
import type { Clock } from '#core/time.ts';
import type { Ledger } from '#ledger/port.ts';
import type { Telemetry } from '#telemetry/port.ts';
import { refuseAt, wishOf } from '../judge.ts';
import type { Judged, Pending, Work } from '../work.ts';
import type { Answer, Books } from './books.ts';
import type { Desk } from './desk.ts';
import { MAX_SAMPLE } from './holds.ts';
import type { Lookup } from './lookup.ts';
import { type Charge, type Loss, lossesOf } from './loss.ts';
import type { Breaker, Charged, Hold, Root } from './port.ts';
import { rollingIn } from './rollout.ts';
import { generationOf, heldBy, isOutdated, rootOf } from './root.ts';
import type { Store } from './store.ts';
import { createUnsure, type Unsure } from './unsure.ts';

export interface BreakerParts extends Telemetry {
  readonly store: Store;
  readonly desk: Desk;
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, 'denial'>;
}

const SAMPLE_TEXT = 600;

type Chain = Extract<Judged, { ok: true }>['chain'];

/** What the gate asks: who charges is `books`, who tells people is `desk`. */
export function createBreaker(parts: BreakerParts): Breaker {
  const unsure = createUnsure();
  return {
    notice: (work, plan) => notice(work, plan, parts),
    async charge(judged, work, plan) {
      const charges = chargesOf(judged, parts);
      const untouched: Charged = { judged, settle: () => {} };
      if (!charges.some(({ loss }) => loss.destructive)) return untouched;
      const books = await parts.store.open();
      if (books === undefined) return refuse(judged, charges, blind, work, parts);
      const root = rootOf(plan, work, parts.lookup);
      if (root.ref !== undefined) heed(root.ref, root.generation, parts);
      unsure.stillThere(books, root, charges, parts.clock.now().wall);
      const answer = ask(books, charges, root, work, plan, parts);
      if (answer.kind === 'held') return held(answer, judged, charges, work, parts);
      if (answer.kind === 'outdated') return refuse(judged, charges, outdated, work, parts);
      if (answer.kind === 'full') return unremembered(judged, charges, root, work, parts);
      const passing = { judged, charges, root, evidence: evidenceOf(plan.blast, charges), unsure };
      return passed(answer, passing, work, parts);
    },
  };
}

/** A plan of a root that wishes something else ends what stood against its earlier wish, also a plan without writes. */
function notice(work: Work, plan: Plan, parts: BreakerParts): void {
  const { trigger } = work;
  const { blast } = plan;
  if (parts.store.books === undefined) return;
  parts.desk.noticed(work, plan);
  if (trigger !== undefined) heed(trigger.ref, generationOf(trigger.object), parts);
  if (blast !== undefined) heed(blast.root, blast.generation, parts);
}

/**
 * A plan may be older than what stands: the wish is of the generation that the cache shows now. `planned` counts only
 * for what the cache does not hold.
 */
function heed(ref: Ref, planned: number | undefined, { desk, lookup }: BreakerParts): void {
  if (ref.uid === undefined) return;
  const held = lookup.holds(ref.resource);
  const found = held ? lookup.get(ref.resource, ref) : undefined;
  if (found?.metadata?.uid === ref.uid) desk.changed(ref.uid, generationOf(found));
  else if (!held) desk.changed(ref.uid, planned);
}

function chargesOf(judged: readonly Judged[], { lookup, clock }: BreakerParts): readonly Charge[] {
  const pendings = judged.flatMap((one) => (one.ok ? one.chain : []));
  const { wall } = clock.now();
  const losses = lossesOf(pendings, lookup, wall);
  const { interrupting } = rollingIn(pendings, lookup, wall);
  return pendings.map((pending, at) => ({ pending, loss: losses[at] as Loss, rolls: interrupting.has(pending) }));
}

const weightOf = (charges: readonly Charge[]): number => charges.reduce((sum, { loss }) => sum + loss.weight, 0);

/** What of it goes only later, and is asked for once more then: a ReplicaSet that is lowered loses its pods by others. */
const followsOf = ({ pending, loss, rolls }: Charge): number =>
  rolls && pending.write.verb !== 'delete' ? loss.weight : loss.follows;

/** The namespace of all that is taken away, where it is one: whoever is the cause, that is whose loss it is. */
function namespaceOf(destructive: readonly Charge[]): string | undefined {
  const names = new Set(destructive.map(({ pending: { request } }) => ownNamespace(request.target)));
  return names.size === 1 ? [...names][0] : undefined;
}

const ownNamespace = ({ resource, namespace, name }: WireRequest['target']): string | undefined =>
  resource === 'core/namespaces' ? name : namespace;

function ask(
  books: Books,
  charges: readonly Charge[],
  root: Root,
  work: Work,
  { blast }: Plan,
  { lookup, clock }: BreakerParts,
): Answer {
  const destructive = charges.filter(({ loss }) => loss.destructive);
  const has = heldBy(root, lookup);
  const namespace = namespaceOf(destructive);
  const own = charges.filter(({ rolls }) => !rolls);
  const rolling = charges.filter(({ rolls }) => rolls);
  return books.ask(
    {
      controller: work.controller.name,
      root,
      ...(namespace !== undefined && { namespace }),
      loss: weightOf(own),
      follows: own.reduce((sum, charge) => sum + followsOf(charge), 0),
      rolled: weightOf(rolling),
      rolledFollows: rolling.reduce((sum, charge) => sum + followsOf(charge), 0),
      ...(blast?.total !== undefined && { total: blast.total }),
      ...(has !== undefined && { has }),
      evidence: evidenceOf(blast, charges),
      writes: destructive.length,
      sample: destructive.slice(0, MAX_SAMPLE).map(({ pending }) => nameOf(pending)),
      outdated: isOutdated(root, lookup),
    },
    clock.now().wall,
  );
}

function evidenceOf(blast: Plan['blast'], charges: readonly Charge[]): Evidence {
  return blast?.evidence ?? charges.find(({ loss }) => loss.destructive)?.pending.cause.evidence ?? 'absent';
}

function nameOf({ request: { target } }: Pending): string {
  return `${shortName(target.resource)} ${keyOf(target)}`.slice(0, SAMPLE_TEXT);
}

async function held(
  answer: Extract<Answer, { kind: 'held' }>,
  judged: readonly Judged[],
  charges: readonly Charge[],
  work: Work,
  parts: BreakerParts,
): Promise<Charged> {
  const { hold } = answer;
  parts.desk.waits(hold.id, work);
  if (answer.learnt === true) parts.store.touch();
  if (answer.tripped) await parts.desk.tripped(hold);
  return refuse(judged, charges, (pending) => byHold(pending, hold), work, parts);
}

interface Passing {
  readonly judged: readonly Judged[];
  readonly charges: readonly Charge[];
  readonly root: Root;
  readonly evidence: Evidence;
  readonly unsure: Unsure;
}

async function passed(
  answer: Extract<Answer, { kind: 'pass' }>,
  { judged, charges, root, evidence, unsure }: Passing,
  work: Work,
  parts: BreakerParts,
): Promise<Charged> {
  const { store, meter, clock } = parts;
  const { wall } = clock.now();
  const weight = weightOf(charges);
  if (weight > 0) store.touch();
  if ((answer.vital || (weight > 0 && store.late())) && !(await store.save())) {
    answer.undo();
    return refuse(judged, charges, blind, work, parts);
  }
  meter.count('breaker_weight_total', { controller: work.controller.name, evidence }, weight);
  return {
    judged,
    settle(outcomes) {
      unsure.learn(root, { side: answer.side, wall }, charges, outcomes);
      const not = new Set(outcomes.flat().flatMap((one) => (tookNothing(one) ? [one.write] : [])));
      for (const charge of charges) {
        const back = charge.loss.weight - followsOf(charge);
        if (back <= 0 || !not.has(charge.pending.write)) continue;
        store.books?.refund(root.id, charge.rolls ? 'rollout' : answer.side, back);
        store.touch();
      }
    },
  };
}

/** Refused like all that is over its limit, and asked again: what cannot be remembered cannot wait to be released. */
function unremembered(
  judged: readonly Judged[],
  charges: readonly Charge[],
  root: Root,
  work: Work,
  parts: BreakerParts,
): Charged {
  const controller = work.controller.name;
  parts.meter.count('breaker_trips_total', { controller, scope: 'unremembered' });
  parts.log.error('refusing what takes too much away: too many holds to remember one more', {
    controller,
    root: root.id,
    weight: weightOf(charges),
  });
  return refuse(judged, charges, blind, work, parts);
}

/** What was not done, or had been done by another: tried again it is charged again. */
function tookNothing(outcome: Outcome): boolean {
  if (outcome.kind === 'applied') return outcome.benign === true;
  return outcome.kind !== 'unknown';
}

type Refusal = (pending: Pending) => Outcome & { readonly code: ErrorCode };

const blind: Refusal = ({ write }) => ({ write, kind: 'exhausted', code: 'GATE_BREAKER_STATE' });
const outdated: Refusal = ({ write }) => ({ write, kind: 'stale', code: 'GATE_STALE_PLAN' });
const byHold = ({ write }: Pending, { id }: Hold): Outcome & { readonly code: ErrorCode } => ({
  write,
  kind: 'held',
  code: 'GATE_HELD',
  hold: id,
});

/** Refuses each chain that takes something away; the others go on. */
function refuse(
  judged: readonly Judged[],
  charges: readonly Charge[],
  refusal: Refusal,
  work: Work,
  parts: BreakerParts,
): Charged {
  const destructive = new Set(charges.flatMap(({ pending, loss }) => (loss.destructive ? [pending] : [])));
  let told = 0;
  const refuseChain = (chain: Chain): Judged => {
    const at = chain.findIndex((pending) => destructive.has(pending));
    const pending = chain[at];
    if (pending === undefined) return { ok: true, chain };
    const outcome = refusal(pending);
    parts.meter.count('gate_refusals_total', { controller: work.controller.name, code: outcome.code });
    // The first of them are recorded as refused; the trip's own record says how many there were.
    told += 1;
    if (told <= MAX_SAMPLE) tell(pending, outcome.code, work, parts);
    const writes = chain.map(({ write }) => write);
    return { ok: false, outcomes: refuseAt(writes, at, outcome) };
  };
  return { judged: judged.map((one) => (one.ok ? refuseChain(one.chain) : one)), settle: () => {} };
}

function tell(pending: Pending, code: ErrorCode, work: Work, { ledger, desk }: BreakerParts): void {
  ledger.denial({ ...wishOf(pending, work), code, epoch: desk.epoch() });
}
