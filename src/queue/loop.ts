import type { Barrier } from '#cache/port.ts';
import type { AnyLoop, Controller, Input } from '#core/controller.ts';
import { deepFreeze, type Json } from '#core/json.ts';
import { nothing, type Outcome, type Plan } from '#core/plan.ts';
import { refOf, splitKey } from '#core/ref.ts';
import { type ApiObject, isResource, type Resource } from '#core/resource.ts';
import type { View } from '#core/view.ts';
import type { Executed, Work } from '#gate/work.ts';
import type { RunnerParts } from './ports.ts';
import type { WorkQueue } from './queue.ts';
import { requeueFor, restFor, wentWell } from './requeue.ts';

/** What one loop's runs share: the queue, the view, memory. */
export interface LoopState {
  readonly controller: Controller;
  readonly loop: AnyLoop;
  readonly queue: WorkQueue;
  readonly view: View<Resource>;
  readonly memory: Map<string, Json>;
  readonly derived: () => unknown;
  readonly learn: (learnt: readonly Json[]) => void;
  /** Another loop's queue of the same controller. */
  readonly queueOf: (loop: string) => WorkQueue | undefined;
}

/** What must be reached before the key may run again (I8), and what the run threw once its plan was carried out. */
export interface Ran {
  readonly barriers: readonly Barrier[];
  readonly thrown?: { readonly error: unknown };
}

/** One run of one key: gather, reconcile, gate, settle, gate, then what the plan asks for. */
export async function runKey(key: string, state: LoopState, parts: RunnerParts): Promise<Ran> {
  const { loop } = state;
  // Nothing is waited for where nothing is read: the run is then over when `runKey` returns, and can be timed.
  const before =
    loop.gather === undefined ? inputFor(key, state, parts) : await gathered(key, loop.gather, state, parts);
  const plan = deepFreeze(loop.reconcile(before));
  const work = workFor(key, before, state, parts);
  const first = await parts.gate.execute(work, plan);
  const barriers = [...first.barriers];
  try {
    barriers.push(...(await conclude(key, state, parts, { before, plan, work, first })));
    return { barriers };
  } catch (error) {
    // The writes are done all the same: the key waits for what they did.
    return { barriers, thrown: { error } };
  }
}

interface Begun {
  readonly before: Input<Resource, ApiObject>;
  readonly plan: Plan;
  readonly work: Work;
  readonly first: Executed;
}

/** Settles what became of the plan's writes, and does what the plans ask for beside writing. */
async function conclude(
  key: string,
  state: LoopState,
  parts: RunnerParts,
  { before, plan, work, first }: Begun,
): Promise<readonly Barrier[]> {
  const { loop, controller } = state;
  const settled =
    loop.settle === undefined
      ? nothing('settled')
      : deepFreeze(
          loop.settle(
            { ...inputFor(key, state, parts), object: before.object, facts: before.facts },
            first.outcomes,
            plan,
          ),
        );
  const second = await parts.gate.execute(work, settled);

  parts.events.emit(work, [...plan.events, ...settled.events]);
  const gone = isResource(loop.key) && before.object === undefined;
  remember(key, [plan, settled], gone, state);
  state.learn([plan, settled].flatMap(({ learnt }) => learnt ?? []));
  requeue(key, [plan, settled], [...first.outcomes, ...second.outcomes].flat(), state);
  parts.log.debug('reconciled', {
    controller: controller.name,
    queue: loop.queue,
    key,
    reason: plan.reason,
    writes: plan.chains.length,
    refused: refusals([...first.outcomes, ...second.outcomes].flat()),
  });
  return second.barriers;
}

/** The codes of what was not applied and the rules that spoke, for the log; undefined when all went well. */
function refusals(outcomes: readonly Outcome[]): string | undefined {
  const codes = new Set<string>();
  for (const outcome of outcomes) {
    if ('code' in outcome) codes.add(outcome.code);
    if (outcome.kind === 'denied') for (const { rule } of outcome.rules) codes.add(rule);
  }
  return codes.size === 0 ? undefined : [...codes].join(', ');
}

async function gathered(
  key: string,
  gather: NonNullable<AnyLoop['gather']>,
  state: LoopState,
  parts: RunnerParts,
): Promise<Input<Resource, ApiObject>> {
  const facts = deepFreeze(await gather(inputFor(key, state, parts), parts.readsFor(state.controller.name)));
  // The view is taken after the reads: what they saw may have arrived meanwhile.
  return { ...inputFor(key, state, parts), facts };
}

function inputFor(
  key: string,
  { loop, view, memory, derived }: LoopState,
  { clock, seed, settings }: RunnerParts,
): Input<Resource, ApiObject> {
  return Object.freeze({
    key,
    object: isResource(loop.key) ? view.get(loop.key, splitKey(key)) : undefined,
    view,
    memory: memory.get(key),
    derived: derived(),
    facts: undefined,
    now: Object.freeze(clock.now()),
    seed: seed(),
    settings,
  });
}

function workFor(
  key: string,
  input: Input<Resource, ApiObject>,
  { controller, loop, view }: LoopState,
  _parts: RunnerParts,
): Work {
  return {
    controller,
    loop: loop.queue,
    key,
    ...(input.object !== undefined &&
      isResource(loop.key) && { trigger: { ref: refOf(loop.key, input.object), object: input.object } }),
    view,
    now: input.now,
    replan: (fresh) => loop.reconcile({ ...input, object: fresh }),
  };
}

/** What is gone, and of which nothing is written or said any more, is forgotten: names come and go. */
function remember(key: string, plans: readonly Plan[], gone: boolean, { memory }: LoopState): void {
  const over = plans.every((plan) => plan.chains.length === 0 && plan.memory === undefined);
  if (gone && over) memory.delete(key);
  for (const plan of plans) {
    if (plan.memory === undefined) continue;
    if (plan.memory === null) memory.delete(key);
    else memory.set(key, plan.memory);
  }
}

function requeue(
  key: string,
  plans: readonly Plan[],
  outcomes: readonly Outcome[],
  { queue, queueOf, loop }: LoopState,
): void {
  const later = plans.some(({ next }) => next === 'backoff');
  if (wentWell(outcomes) && !later) queue.forget(key);
  const wishes = requeueFor(outcomes);
  for (const wish of wishes) {
    if (wish.kind === 'now') queue.add(key);
    if (wish.kind === 'soon') queue.addAfter(key, wish.delay);
    if (wish.kind === 'after') queue.retryAfter(key, wish.delay);
  }
  if (later || wishes.some(({ kind }) => kind === 'backoff')) queue.retry(key);
  queue.rest(key, restFor(outcomes));
  for (const plan of plans) {
    if (plan.next === 'again') queue.add(key);
    if (plan.requeueAfter !== undefined) queue.addAfter(key, plan.requeueAfter);
    for (const wake of plan.enqueue ?? []) queueOf(wake.loop ?? loop.queue)?.addAfter(wake.key, wake.after ?? 0);
  }
}
