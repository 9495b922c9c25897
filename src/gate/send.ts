import { failureOf } from '#api/status.ts';
import type { Barrier } from '#cache/port.ts';
import { type ErrorCode, retryOf } from '#core/errors.ts';
import type { Outcome } from '#core/plan.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import type { ApiObject } from '#core/resource.ts';
import { type Ms, seconds } from '#core/time.ts';
import type { OutcomeDraft } from '#ledger/port.ts';
import { foresee } from './foresee.ts';
import { wishOf } from './judge.ts';
import { ON_THE_WAY } from './lost.ts';
import type { GateParts } from './ports.ts';
import { lostBarrier, type OpenWrite, readingFor, resolve, WENT_BACK } from './resolve.ts';
import type { Pending, Work } from './work.ts';

/** The ledger refills the bytes of a namespace over minutes. */
const BODIES_REFILL: Ms = seconds(30);

export interface Sent {
  readonly outcome: Outcome;
  readonly barrier?: Barrier;
}

/** The last stages for one judged write: quota (forecast, budgets), ledger, fence, send, outcome. */
export async function send(pending: Pending, work: Work, parts: GateParts, lane: 'write' | 'event'): Promise<Sent> {
  const foreseen = foresee(pending, work, parts);
  if (!foreseen.ok) return { outcome: foreseen.outcome };
  let sent: Sent | undefined;
  try {
    sent = await attempt(pending, work, parts, lane);
    return sent;
  } finally {
    foreseen.settle(sent?.outcome);
  }
}

/** The intent is durable before a byte leaves (I1), and the fence is asked in the same turn as the socket write (I10). */
async function attempt(pending: Pending, work: Work, parts: GateParts, lane: 'write' | 'event'): Promise<Sent> {
  const { fence, ledger, clock } = parts;
  const { write, request } = pending;
  const spent = spend(pending, work, parts, lane);
  if (spent !== undefined) return { outcome: spent };
  if (!fence.admits(request.timeout)) return fenced(pending);

  const started = clock.now().mono;
  const recorded = await recordIntent(pending, work, parts, lane);
  parts.meter.observe('gate_stage_duration_seconds', { stage: 'ledger' }, (clock.now().mono - started) / 1000);
  if (!recorded.ok) return { outcome: { write, kind: 'failed', code: recorded.code } };

  const sending = clock.now().mono;
  let left = sending;
  const answer = await parts.writer.send(parts.proofs.mint(request, recorded.value), () => {
    left = clock.now().mono;
    return fence.admits(request.timeout);
  });
  const took = clock.now().mono - sending;
  parts.meter.observe('gate_stage_duration_seconds', { stage: 'send' }, took / 1000);
  const sent = interpret(answer, pending, { auditId: recorded.value.auditId, left }, work, parts);
  ledger.outcome(recorded.value, outcomeRecord(sent.outcome, answer, took));
  settleIds(pending, sent.outcome, parts);
  return sent;
}

function spend(
  pending: Pending,
  work: Work,
  { quota, clock, ledger, meter }: GateParts,
  lane: 'write' | 'event',
): Outcome | undefined {
  if (lane === 'event') return undefined;
  const { target, verb } = pending.request;
  const what = {
    controller: work.controller.name,
    verb,
    namespace: target.namespace ?? '',
    owner: work.trigger?.ref.uid ?? '',
    bytes: bytesOf(pending),
  };
  const spent = quota.spend(what, clock.now());
  if (spent.ok) {
    if (verb !== 'create' || !ledger.spent(target.namespace ?? '')) return undefined;
    meter.count('quota_budget_refusals_total', { controller: what.controller, scope: 'ledger' });
    return shed(pending);
  }
  meter.count('quota_budget_refusals_total', { controller: what.controller, scope: spent.scope });
  return {
    write: pending.write,
    kind: 'exhausted',
    code: 'GATE_QUOTA_EXHAUSTED',
    retryAfter: spent.retryAfter,
    message: spent.scope === 'bytes' ? 'byte budget of the namespace' : `write budget of the ${spent.scope}`,
  };
}

/** Of what is stored and told to every watch: a change of one field of a heavy object is as heavy as all of it. */
function bytesOf({ request, after }: Pending): number {
  // What takes away is never too heavy: it makes room.
  if (request.verb === 'delete' || request.verb === 'deletecollection') return 0;
  const whole = request.verb === 'create' || after === undefined ? '' : JSON.stringify(after);
  return Math.max(request.body?.length ?? 0, whole.length);
}

/** What a namespace creates must be on record with its body; where it made too much of them, it waits. */
function shed({ write }: Pending): Outcome {
  const message = "the ledger's space for objects of this namespace is used up for now";
  return { write, kind: 'exhausted', code: 'GATE_QUOTA_EXHAUSTED', retryAfter: BODIES_REFILL, message };
}

function recordIntent(pending: Pending, work: Work, parts: GateParts, lane: 'write' | 'event') {
  const { identities, ledger, fence } = parts;
  const credential = identities.current(work.controller.name);
  if (pending.verdict === undefined) throw new TypeError('recording a write that was not judged');
  return ledger.intent(
    {
      ...wishOf(pending, work),
      verdict: pending.verdict,
      epoch: fence.epoch(),
      user: credential.user,
      certificate: { serial: credential.serial, spki: credential.spki },
      attempt: parts.attempts.next(pending.writeId),
    },
    lane,
  );
}

const fenced = ({ write }: Pending): Sent => ({ outcome: { write, kind: 'fenced', code: 'GATE_FENCED' } });

function interpret(
  answer: Answer | { kind: 'refused' },
  pending: Pending,
  trip: Trip,
  work: Work,
  parts: GateParts,
): Sent {
  const { write, request } = pending;
  switch (answer.kind) {
    case 'refused':
      return fenced(pending);
    case 'unsent':
      return { outcome: { write, kind: 'failed', code: 'API_UNAVAILABLE' } };
    case 'lost':
      return lost(pending, trip, request.timeout + ON_THE_WAY, work, parts);
    case 'answered':
      return answer.status < 300 ? applied(answer.body, pending, parts) : refused(answer, pending, trip, work, parts);
  }
}

/** A request on its way to the API server. */
interface Trip {
  readonly auditId: string;
  /** When the fence let it go. */
  readonly left: Ms;
}

/**
 * How long one may still happen that was answered without being told of: the API server has it, and counts its time since
 * soon after it left. What nobody answered may only arrive now.
 */
const stillGoing = ({ left }: Trip, { request }: Pending, { clock }: GateParts): Ms =>
  Math.max(ON_THE_WAY, left + request.timeout + ON_THE_WAY - clock.now().mono);

/** The key rests until the write can no longer happen, `wait` from now; then its fate is looked up and recorded. */
function lost(pending: Pending, { auditId }: Trip, wait: Ms, { controller }: Work, parts: GateParts): Sent {
  const { request, write, writeId } = pending;
  const outcome: Outcome = { write, kind: 'unknown', code: 'API_UNKNOWN' };
  parts.lost.add(wait);
  if (request.class === 'event') return { outcome };
  const { cache } = parts;
  const era = cache.era();
  const open: OpenWrite = {
    known: cache.syncedRV(request.target.resource),
    verb: request.verb,
    target: request.target,
    derivedName: write.verb === 'create' && write.object.metadata?.name === undefined,
    ...('resourceVersion' in write &&
      write.resourceVersion !== undefined && { resourceVersion: write.resourceVersion }),
  };
  const settle = async (): Promise<void> => {
    const found = await resolve(open, parts.reader, readingFor(controller));
    const { as, how } = cache.era() === era ? found : WENT_BACK;
    // Nothing can happen under this name any more. A further attempt gets its own: else a name that is there would tell
    // of the one what became of the other.
    if (open.derivedName) parts.names.spent(writeId);
    await parts.ledger.note({ note: 'resolved', auditId, as, how });
  };
  return { outcome, barrier: lostBarrier(request.target.resource, wait, settle, parts) };
}

function applied(body: unknown, pending: Pending, { cache }: GateParts): Sent {
  const { write, request } = pending;
  const { verb, target } = request;
  // Nothing we cache is told by an Event's answer or a bulk deletion's: those have no overlay.
  const tracked = request.class === 'write' && verb !== 'deletecollection';
  const barrier = tracked ? cache.absorb(target.resource, verb, body, target) : undefined;
  const object = isStatus(body) ? undefined : (body as ApiObject);
  return {
    outcome: { write, kind: 'applied', ...(object !== undefined && { object }) },
    ...(barrier !== undefined && { barrier }),
  };
}

function refused(
  answer: Extract<Answer, { kind: 'answered' }>,
  pending: Pending,
  trip: Trip,
  work: Work,
  parts: GateParts,
): Sent {
  const { write, request } = pending;
  const failure = failureOf(request.verb, answer.status, answer.body);
  const { code } = failure;
  if (failure.uncertain === true) return lost(pending, trip, stillGoing(trip, pending, parts), work, parts);
  if (code === 'API_GONE')
    return {
      outcome: request.verb === 'delete' ? { write, kind: 'applied', benign: true } : { write, kind: 'gone', code },
    };
  const look = (): { barrier?: Barrier } =>
    request.class === 'event' ? {} : { barrier: parts.cache.uncertain(request.target.resource) };
  if (code === 'API_CONFLICT') return { outcome: { write, kind: 'conflict', code }, ...look() };
  const failed: Outcome = {
    write,
    kind: 'failed',
    code,
    status: answer.status,
    ...(failure.apiReason !== undefined && { apiReason: failure.apiReason }),
    ...(failure.causes !== undefined && { causes: failure.causes }),
    ...(failure.quota !== undefined && { message: failure.quota }),
    ...(answer.retryAfter !== undefined && { retryAfter: answer.retryAfter }),
  };
  // The name is taken: by our own lost write, perhaps. Look before the next try.
  return code === 'API_EXISTS' ? { outcome: failed, ...look() } : { outcome: failed };
}

function settleIds({ write, writeId }: Pending, outcome: Outcome, { names, attempts }: GateParts): void {
  if (outcome.kind === 'applied') attempts.settled(writeId);
  if (write.verb !== 'create') return;
  const taken = outcome.kind === 'failed' && outcome.code === 'API_EXISTS';
  if (outcome.kind === 'applied' || taken) names.spent(writeId);
}

const isStatus = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status';

/** What the ledger keeps of an answer: never its message (I9). */
export function outcomeRecord(outcome: Outcome, answer: Answer | { kind: 'refused' }, took: number): OutcomeDraft {
  const code: ErrorCode | undefined = 'code' in outcome ? outcome.code : undefined;
  const metadata = outcome.kind === 'applied' ? outcome.object?.metadata : undefined;
  return {
    kind: recordKind(outcome, answer),
    ...(code !== undefined && { code }),
    ...(answer.kind === 'answered' && { status: answer.status }),
    ...(outcome.kind === 'failed' && outcome.apiReason !== undefined && { apiReason: outcome.apiReason }),
    ...(outcome.kind === 'failed' && outcome.causes !== undefined && { causes: outcome.causes }),
    ...(isText(metadata?.uid) && { uid: metadata.uid }),
    ...(isText(metadata?.resourceVersion) && { resourceVersion: metadata.resourceVersion }),
    ...(isText(metadata?.name) && { name: metadata.name }),
    took,
  };
}

/** An answer is what a server sent: nothing in it has the shape that it should. */
const isText = (value: unknown): value is string => typeof value === 'string';

function recordKind(outcome: Outcome, answer: Answer | { kind: 'refused' }): OutcomeDraft['kind'] {
  if (answer.kind === 'refused') return 'fenced';
  if (answer.kind === 'unsent') return 'unsent';
  switch (outcome.kind) {
    case 'applied':
      return outcome.benign === true ? 'gone' : 'applied';
    case 'conflict':
    case 'gone':
    case 'unknown':
      return outcome.kind;
    default:
      return 'failed';
  }
}

/** Whether a chain goes on after that outcome: benign refusals count as applied. */
export function goesOn(outcome: Outcome): boolean {
  if (outcome.kind === 'applied' || outcome.kind === 'shadowed') return true;
  return 'code' in outcome && retryOf(outcome.code) === 'benign';
}

/** The resourceVersion for a later write of the chain on the same object. */
export function resourceVersionOf(outcome: Outcome): string | undefined {
  return outcome.kind === 'applied' ? outcome.object?.metadata?.resourceVersion : undefined;
}

/** A request is final only with its real precondition: fills in what `previous` stood for. */
export function withPrevious(request: WireRequest, placeholder: string, previous: string): WireRequest {
  if (request.body === undefined) return request;
  const body = JSON.parse(request.body) as { metadata?: { resourceVersion?: string } };
  if (body.metadata?.resourceVersion !== placeholder) return request;
  body.metadata.resourceVersion = previous;
  return { ...request, body: JSON.stringify(body) };
}
