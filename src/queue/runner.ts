import type { Barrier } from '#cache/port.ts';
import { type AnyLoop, type Controller, listedBy } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import type { Enqueue } from '#core/plan.ts';
import { keyOfObject } from '#core/ref.ts';
import { type ApiObject, isResource, type Resource } from '#core/resource.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { View } from '#core/view.ts';
import { type Derived, foldDerived } from './derived.ts';
import { type LoopState, type Ran, runKey } from './loop.ts';
import type { RunnerParts } from './ports.ts';
import { createQueue, type WorkQueue } from './queue.ts';
import { namespaceOf } from './turns.ts';

/** One controller at work during one leadership. */
export interface Runner {
  /** Wakes a key of a queue, where a refusal was lifted. */
  wake(queue: string, key: string): void;
  /** The wall clock was set: keys that wait for a time look at it again. */
  hasten(): void;
  /** Takes no further key; resolves when none is out. */
  stop(): Promise<void>;
  /** Keys ready or out, for health and tests. */
  backlog(): number;
  /** Calls back whenever all queues became idle. */
  idle(): boolean;
}

/** Starts every loop of a controller: memory and derived state are empty, and every key runs once (level-triggered). */
export function startRunner(controller: Controller, parts: RunnerParts): Runner {
  const view = parts.cache.view(listedBy(controller.rbac));
  const busy = new Map<string, Set<string>>();
  const stops: (() => void)[] = [];
  const loops: Running[] = [];
  const queueOf = (name: string): WorkQueue | undefined =>
    loops.find(({ state }) => state.loop.queue === name)?.state.queue;
  const early: Enqueue[] = [];
  let started = false;
  const wakeAll = (wakes: readonly Enqueue[]): void => {
    // What the first scan wakes waits until the queues are there.
    if (!started) early.push(...wakes);
    else
      for (const { loop, key, after } of wakes)
        queueOf(loop ?? controller.loops[0]?.queue ?? '')?.addAfter(key, after ?? 0);
  };
  const derived = foldDerived(controller, view, parts, wakeAll, stops);
  const breath = createBreath(parts.clock, () => pumpAll());
  const pumpAll = (): void => {
    for (const running of loops) pump(running, parts, breath, pumpAll);
  };
  for (const loop of controller.loops) {
    const group = loop.serialWith ?? loop.queue;
    const shared = busy.get(group) ?? new Set<string>();
    busy.set(group, shared);
    const state = createState(controller, loop, view, derived, shared, queueOf, () => queueMicrotask(pumpAll), parts);
    loops.push({
      state,
      workers: parts.workers.get(loop.queue) ?? loop.workers,
      running: 0,
      byNamespace: new Map(),
      stopped: false,
      waiters: [],
      holds: new Set(),
    });
  }
  started = true;
  wakeAll(early);
  for (const { state } of loops) stops.push(...listen(state, parts), ...tick(state, parts));
  parts.meter.set('running_managed_controllers', { name: controller.name, manager: 'comptroller' }, 1);

  return {
    wake: (queue, key) => queueOf(queue)?.add(key),
    hasten() {
      for (const { state } of loops) state.queue.hasten();
    },
    async stop() {
      for (const stop of stops) stop();
      parts.meter.set('running_managed_controllers', { name: controller.name, manager: 'comptroller' }, 0);
      await Promise.all(loops.map(drain));
    },
    backlog: () => loops.reduce((sum, { state }) => sum + state.queue.depth() + state.queue.out(), 0),
    idle: () => loops.every(({ state }) => state.queue.idle()),
  };
}

interface Running {
  readonly state: LoopState;
  readonly workers: number;
  running: number;
  /** Runs under way. */
  readonly byNamespace: Map<string, number>;
  stopped: boolean;
  waiters: (() => void)[];
  /** Cancels the waits of keys that are out behind a barrier. */
  readonly holds: Set<() => void>;
}

function createState(
  controller: Controller,
  loop: AnyLoop,
  view: View<Resource>,
  derived: Derived,
  busy: Set<string>,
  queueOf: LoopState['queueOf'],
  onReady: () => void,
  { clock, meter }: RunnerParts,
): LoopState {
  const queue = createQueue({ name: loop.queue, backoff: loop.backoff, clock, meter, onReady, busy });
  return {
    controller,
    loop,
    queue,
    view,
    memory: new Map<string, Json>(),
    derived: derived.state,
    learn: derived.learn,
    queueOf,
  };
}

/**
 * Workers beyond a loop's own, for namespaces that have none at work: however long one tenant's keys take, and however
 * many they are, another's wait for none of them (I15).
 */
const SPARE = 64;

function pump(running: Running, parts: RunnerParts, breath: Breath, pumpAll: () => void): void {
  const { state, workers, byNamespace } = running;
  while (!running.stopped && running.running < workers + SPARE && breath.lasts()) {
    const key = running.running < workers ? state.queue.take() : state.queue.take((one) => byNamespace.has(one));
    if (key === undefined) return;
    breath.spend();
    tally(running, namespaceOf(key), 1);
    void work(key, running, parts).finally(() => {
      tally(running, namespaceOf(key), -1);
      if (running.running === 0) for (const resolve of running.waiters.splice(0)) resolve();
      pumpAll();
    });
  }
}

/** Runs that have nothing to read or to write never leave the event loop's turn: after so many, or so long, it gets its own back. */
const IN_A_ROW = 100;
const AT_A_TIME: Ms = 20;

interface Breath {
  /** Whether one more key may begin now; where not, it is gone on with when the event loop has had its turn. */
  lasts(): boolean;
  spend(): void;
}

function createBreath(clock: Clock, goOn: () => void): Breath {
  let spent = 0;
  let begun: Ms = 0;
  let wasOut = false;
  const turn = (): void => {
    const again = wasOut;
    spent = 0;
    wasOut = false;
    if (again) goOn();
  };
  return {
    lasts() {
      const is = spent === 0 || (spent < IN_A_ROW && clock.now().mono - begun < AT_A_TIME);
      wasOut ||= !is;
      return is;
    },
    spend() {
      if (spent === 0) {
        begun = clock.now().mono;
        clock.after(0, turn);
      }
      spent += 1;
    },
  };
}

function tally(running: Running, namespace: string, count: 1 | -1): void {
  running.running += count;
  const now = (running.byNamespace.get(namespace) ?? 0) + count;
  if (now === 0) running.byNamespace.delete(namespace);
  else running.byNamespace.set(namespace, now);
}

/** Runs one key; it stays out, though its worker is free again, until its barriers are reached. */
async function work(key: string, running: Running, parts: RunnerParts): Promise<void> {
  const { state } = running;
  const ran = await runKey(key, state, parts).catch((error: unknown): Ran => ({ barriers: [], thrown: { error } }));
  if (ran.thrown !== undefined) {
    // A bug, not an outcome: say where, keep going with the other keys, try this one again later.
    parts.log.error('reconciling threw', { ...whereIs(state), key, error: told(ran.thrown.error) });
    state.queue.retry(key);
  }
  hold(key, ran.barriers, running);
}

function whereIs({ controller, loop }: LoopState): { readonly controller: string; readonly queue: string } {
  return { controller: controller.name, queue: loop.queue };
}

function told(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
}

function hold(key: string, barriers: readonly Barrier[], { state, holds, stopped }: Running): void {
  const open = barriers.filter((barrier) => !barrier.reached());
  if (open.length === 0 || stopped) {
    state.queue.done(key);
    return;
  }
  let left = open.length;
  for (const barrier of open) {
    let cancel: (() => void) | undefined;
    cancel = barrier.whenReached(() => {
      if (cancel !== undefined) holds.delete(cancel);
      left -= 1;
      if (left > 0) return;
      state.queue.add(key);
      state.queue.done(key);
    });
    holds.add(cancel);
  }
}

function drain(running: Running): Promise<void> {
  running.stopped = true;
  running.state.queue.stop();
  for (const cancel of running.holds) cancel();
  running.holds.clear();
  return running.running === 0 ? Promise.resolve() : new Promise((resolve) => running.waiters.push(resolve));
}

/** Wakes keys on transitions of the cache, and each existing key once. */
function listen(state: LoopState, { cache, settings, log }: RunnerParts): (() => void)[] {
  const { loop, queue, view } = state;
  const stops: (() => void)[] = [];
  if (isResource(loop.key)) {
    stops.push(cache.subscribe(loop.key, (old, now) => queue.add(keyOfObject((now ?? old) as ApiObject))));
    for (const object of view.list(loop.key)) queue.add(keyOfObject(object));
  }
  if (loop.key === 'singleton') queue.add('singleton');
  for (const [resource, mapper] of Object.entries(loop.on)) {
    if (mapper === undefined) continue;
    const wake = (old: ApiObject | undefined, now: ApiObject | undefined): void => {
      try {
        for (const { key, after } of mapper(old, now, view, settings)) queue.addAfter(key, after ?? 0);
      } catch (error) {
        // One object that a mapper cannot take must not keep the others from being seen.
        log.error('mapping threw', { ...whereIs(state), resource, error: told(error) });
      }
    };
    stops.push(cache.subscribe(resource as Resource, wake));
    if (loop.key === 'string') for (const object of view.list(resource as Resource)) wake(undefined, object);
  }
  return stops;
}

const REPORT_EVERY: Ms = 500;

function tick({ loop, queue, view }: LoopState, { clock }: RunnerParts): (() => void)[] {
  const stopReports = repeat(clock, REPORT_EVERY, () => queue.report());
  const { every } = loop;
  if (every === undefined) return [stopReports];
  const wakeAll = (): void => {
    if (isResource(loop.key)) for (const object of view.list(loop.key)) queue.add(keyOfObject(object));
    else queue.add('singleton');
  };
  return [stopReports, repeat(clock, every, wakeAll)];
}

function repeat(clock: Clock, every: Ms, act: () => void): () => void {
  let cancel: () => void;
  const again = (): void => {
    act();
    cancel = clock.after(every, again);
  };
  cancel = clock.after(every, again);
  return () => cancel();
}
