import { type Controller, listedBy, watchesAll } from '#core/controller.ts';
import { type ErrorCode, retryOf } from '#core/errors.ts';
import { canonical } from '#core/json.ts';
import { patched } from '#core/patch.ts';
import { type Outcome, targetOf, type Write } from '#core/plan.ts';
import type { WireRequest } from '#core/request.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import type { Decision, PolicyInput, Violation } from '#policy/port.ts';
import { checkDeclared } from './declared.ts';
import { causeOf, inputDigest, policyInput } from './input.ts';
import { sameBundle } from './park.ts';
import type { GateParts } from './ports.ts';
import { render } from './render.ts';
import { HEAVY, maySlim, slim } from './slim.ts';
import type { Judged, Pending, Work } from './work.ts';

type Refusal = Extract<Outcome, { kind: 'denied' }>;

/** In place of a resourceVersion that the chain's own earlier answer will give. */
export const LATER = '(previous)';

/**
 * The stages `declared` and `policy` for a group of chains: each chain whole, all in one crossing to the evaluator.
 * One refused write refuses its chain; the other chains of the group are not touched.
 */
export async function judge(
  chains: readonly (readonly Write[])[],
  work: Work,
  parts: GateParts,
  lane: 'write' | 'event',
): Promise<readonly Judged[]> {
  const prepared = chains.map((chain) => prepareChain(chain, work, parts, lane));
  const open = prepared
    .flatMap((chain) => (chain.ok ? chain.asked : []))
    .filter(({ standing }) => standing === undefined);
  const decisions = await decideAll(open, parts);
  open.forEach((asked, at) => {
    asked.decision = decisions[at] ?? unreached();
  });
  return prepared.map((chain) => (chain.ok ? verdictOf(chain.asked, work, parts) : chain));
}

interface Asked {
  readonly pending: Pending;
  readonly input: PolicyInput;
  /** The canonical input: what is judged, and what the record's digest is of. */
  readonly text: string;
  /** The refusal that stands already, so that nothing is asked (I11). */
  readonly standing?: { readonly code: ErrorCode; readonly rules: Refusal['rules'] } | undefined;
  decision?: Decision;
}
type Prepared =
  | { readonly ok: true; readonly asked: Asked[] }
  | { readonly ok: false; readonly outcomes: readonly Outcome[] };

const unreached = (): Decision => ({ kind: 'error', bundle: undefined, code: 'POLICY_CRASHED', micros: 0 });

async function decideAll(asked: readonly Asked[], { evaluator }: GateParts): Promise<readonly Decision[]> {
  if (asked.length === 0) return [];
  try {
    return await evaluator.decide(
      asked.map(({ input }) => input),
      asked.map(({ text }) => text),
    );
  } catch {
    return asked.map(unreached);
  }
}

function prepareChain(chain: readonly Write[], work: Work, parts: GateParts, lane: 'write' | 'event'): Prepared {
  const asked: Asked[] = [];
  for (const [at, write] of chain.entries()) {
    const one = prepare(write, work, parts, lane);
    if (!one.ok) {
      parts.meter.count('gate_refusals_total', { controller: work.controller.name, code: one.code });
      return { ok: false, outcomes: refuseAt(chain, at, { write, kind: 'denied', code: one.code, rules: [] }) };
    }
    asked.push(one.asked);
  }
  return { ok: true, asked };
}

function prepare(
  write: Write,
  work: Work,
  parts: GateParts,
  lane: 'write' | 'event',
): { ok: true; asked: Asked } | { ok: false; code: ErrorCode } {
  const { cache, clock, names, park, evaluator, ledger } = parts;
  const target = targetOf(write);
  const writeId = lane === 'event' ? eventIdOf(write, work) : idOf(write, work);
  const generateName =
    write.verb === 'create' && write.object.metadata?.name === undefined
      ? write.object.metadata?.generateName
      : undefined;
  const rendered = render(write, {
    identity: work.controller.name,
    class: lane,
    timeout: parts.writeTimeout,
    previous: LATER,
    ...(generateName !== undefined && { name: names.derive(writeId, generateName) }),
  });
  if (!rendered.ok) return rendered;
  const undeclared = checkDeclared(work.controller, rendered.request);
  const namespace = target?.namespace === undefined ? undefined : namespaceOf(parts, target.namespace);
  const { ok: _, ...parcel } = rendered;
  // What the cache shows counts, not what the plan says was there.
  const before = cachedBefore(rendered.request, work, cache) ?? parcel.before;
  const after = write.verb === 'patch' && before !== undefined ? patched(before, write) : parcel.after;
  const pending: Pending = {
    write,
    writeId,
    cause: causeOf(write.reason, work, namespace),
    ...parcel,
    ...(before && { before }),
    ...(after && { after }),
  };
  if (undeclared !== undefined) {
    ledger.denial({ ...wishOf(pending, work), code: undeclared, epoch: parts.fence.epoch() });
    return { ok: false, code: undeclared };
  }
  const bundle = evaluator.active();
  if (bundle === undefined) return { ok: false, code: 'POLICY_MISSING' };
  const whole = policyInput(pending, work, {
    cluster: parts.cluster,
    epoch: parts.fence.epoch(),
    bundle,
    user: parts.identities.current(work.controller.name).user,
    facts: {
      namespace: (name) => namespaceOf(parts, name),
      untracked: (resource) => untrackedBy(work.controller, resource, cache),
    },
    now: clock.now(),
  });
  const { input, text } = judged(whole, rendered.request);
  const standing = lane === 'event' ? undefined : park.standing(writeId, bundle, input);
  return { ok: true, asked: { pending, input, text, standing } };
}

/** What is asked of policy, with its canonical text. */
function judged(whole: PolicyInput, request: WireRequest): { readonly input: PolicyInput; readonly text: string } {
  const text = canonical(whole);
  if (text.length <= HEAVY || !maySlim(request)) return { input: whole, text };
  const input = slim(whole);
  return { input, text: canonical(input) };
}

/** Of what it does not list, who works on everything reads the metadata only: rules must not take the rest for absent. */
function untrackedBy({ rbac }: Controller, resource: Resource, cache: GateParts['cache']): readonly string[] {
  const whole = listedBy(rbac).includes(resource) || !rbac.some(({ kind }) => kind === 'any');
  return whole ? cache.untracked(resource) : cache.tracked.untracked;
}

/** What the cache shows under the uid that a change is for; nothing where the controller neither lists nor tracks it. */
function cachedBefore(
  { verb, target }: WireRequest,
  { controller, view }: Work,
  { tracked }: Pick<GateParts['cache'], 'tracked'>,
): ApiObject | undefined {
  const { resource, namespace, name, uid } = target;
  if (verb === 'create' || name === undefined) return undefined;
  const at = { namespace, name };
  const found: ApiObject | undefined = listedBy(controller.rbac).includes(resource)
    ? view.get(resource, at)
    : watchesAll(controller.rbac)
      ? tracked.get(resource, at)
      : undefined;
  return found !== undefined && found.metadata?.uid === uid ? asItself(resource, found) : undefined;
}

/** Of what is cached as metadata only, rules see the kind that it has. */
function asItself(resource: Resource, object: ApiObject): ApiObject {
  if (object.kind !== 'PartialObjectMetadata') return object;
  return { ...object, apiVersion: apiVersionOf(resource), kind: resourceInfo(resource).kind };
}

function namespaceOf({ cache }: GateParts, name: string) {
  return cache.view(['core/namespaces']).get('core/namespaces', { name });
}

/** (controller, key uid, verb, ref uid, reason, slot): without times, so that a refusal is recognised (I11). */
export function idOf(write: Write, work: Work): string {
  const target = targetOf(write);
  const owner = work.trigger?.ref.uid ?? work.key;
  const about =
    target?.uid ??
    (write.verb === 'create'
      ? `${target?.resource}/${target?.namespace ?? ''}/${target?.name ?? '*'}`
      : (target?.namespace ?? ''));
  return [work.controller.name, owner, write.verb, about, write.reason, write.slot ?? ''].join('|');
}

/** An Event's own name and uid are new each time: refusals of one kind shall be counted, not listed. */
function eventIdOf(write: Write, work: Work): string {
  const event = 'object' in write ? write.object : 'after' in write ? write.after : undefined;
  const { involvedObject } = (event ?? {}) as { involvedObject?: { uid?: string; name?: string } };
  const about = involvedObject?.uid ?? involvedObject?.name ?? '';
  return [work.controller.name, about, 'event', write.verb, write.slot ?? ''].join('|');
}

/** Fills each write's verdict, or refuses the chain at its first write that is not allowed. */
function verdictOf(asked: readonly Asked[], work: Work, parts: GateParts): Judged {
  const chain = asked.map(({ pending }) => pending.write);
  for (const [at, one] of asked.entries()) {
    const refusal = refusalOf(one, work, parts);
    if (refusal !== undefined) return { ok: false, outcomes: refuseAt(chain, at, refusal) };
  }
  return { ok: true, chain: asked.map(({ pending }) => pending) };
}

function refusalOf(
  { pending, input, text, standing, decision = unreached() }: Asked,
  work: Work,
  parts: GateParts,
): Refusal | undefined {
  const { write } = pending;
  const controller = work.controller.name;
  if (standing !== undefined) {
    parts.meter.count('gate_refusals_total', { controller, code: 'GATE_PARKED' });
    return { write, kind: 'denied', code: standing.code, rules: standing.rules };
  }
  if (decision.kind === 'allow') {
    parts.park.lift(pending.writeId);
    pending.verdict = {
      allow: true,
      bundle: decision.bundle,
      rules: [],
      warnings: decision.warnings,
      inputDigest: inputDigest(text),
      micros: decision.micros,
      by: 'policy',
    };
    return undefined;
  }
  const code = codeOf(decision, input, parts);
  const violations = decision.kind === 'deny' ? decision.violations : [];
  const rules = violations.map(({ rule, title }) => ({ rule, title }));
  parts.meter.count('gate_refusals_total', { controller, code });
  parts.ledger.denial(denialOf(pending, work, parts, code, decision, violations, inputDigest(text)));
  if (retryOf(code) === 'never' && pending.request.class !== 'event')
    parts.park.put(pending.writeId, queueKey(work), decision.bundle, input, { code, rules });
  parts.meter.set('gate_parked_writes', {}, parts.park.size());
  return { write, kind: 'denied', code, rules };
}

/**
 * What must not stand, because nothing would ever lift it: a refusal by a bundle that is no longer the active one, and
 * one without the namespace, of which the cache has not heard yet (its watch may be behind the others).
 */
function codeOf(
  decision: Exclude<Decision, { kind: 'allow' }>,
  { write, facts }: PolicyInput,
  { evaluator }: GateParts,
): ErrorCode {
  if (decision.kind === 'deny' && write.namespace !== '' && facts.namespace === undefined) return 'GATE_STALE_PLAN';
  if (decision.bundle !== undefined && !sameBundle(decision.bundle, evaluator.active())) return 'POLICY_OUTDATED';
  return decision.kind === 'deny' ? 'GATE_POLICY_DENIED' : decision.code;
}

function denialOf(
  pending: Pending,
  work: Work,
  parts: GateParts,
  code: ErrorCode,
  decision: Decision,
  violations: readonly Violation[],
  digest: string,
) {
  const { bundle } = decision;
  const warnings = decision.kind === 'deny' ? decision.warnings : [];
  const verdict = bundle && {
    allow: false,
    bundle,
    rules: violations.map(({ rule }) => rule),
    warnings,
    inputDigest: digest,
    micros: decision.micros,
    by: 'policy' as const,
  };
  return {
    ...wishOf(pending, work),
    code,
    ...(verdict !== undefined && { verdict }),
    titles: violations.map(({ title }) => title),
    messages: violations.map(({ message }) => message),
    epoch: parts.fence.epoch(),
  };
}

/** Where to wake a write that waits: controller, queue and key. */
export const queueKey = (work: Work): string => `${work.controller.name}|${work.loop}|${work.key}`;

/** The part of a record that says who wishes what, and why. */
export function wishOf(pending: Pending, work: Work) {
  return {
    controller: work.controller.name,
    loop: work.loop,
    key: work.key,
    cause: pending.cause,
    writeId: pending.writeId,
    request: pending.request,
    ...(pending.after !== undefined && { after: pending.after }),
    ...(pending.before !== undefined && { before: pending.before }),
  };
}

/** The refused write's own outcome; everything else of its chain is skipped, also what stands before it. */
export function refuseAt(chain: readonly Write[], at: number, refusal: Outcome): readonly Outcome[] {
  return chain.map((write, index) => (index === at ? refusal : { write, kind: 'skipped' as const }));
}
