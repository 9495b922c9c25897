import { createFair } from '#core/fair.ts';
import type { Create, Patch, PlannedEvent, Write } from '#core/plan.ts';
import { objectReference, type Ref } from '#core/ref.ts';
import { formatTime, type Now } from '#core/time.ts';
import { type Correlated, type Correlator, createCorrelator } from './correlate.ts';
import { judge } from './judge.ts';
import type { GateParts } from './ports.ts';
import { send } from './send.ts';
import type { Work } from './work.ts';

/** The lane of Events: same stages, own bounds. It never makes a plan wait, and drops before the intent. */
export interface EventLane {
  emit(work: Work, events: readonly PlannedEvent[]): void;
  /** Resolves when nothing is queued or under way. */
  drained(): Promise<void>;
}

const QUEUE = 1000;
const AT_ONCE = 2;
/** Cluster-scoped objects' Events live here, as upstream's do. */
const DEFAULT_NAMESPACE = 'default';

interface Queued {
  readonly work: Work;
  readonly event: PlannedEvent;
}

export function createEventLane(parts: GateParts): EventLane {
  const correlator = createCorrelator();
  // Events of one object and reason go out one after another: else two equal ones would both be written anew.
  const turns = new Map<string, Promise<void>>();
  // By namespace: what one tenant's failures have to tell must not drown what another, or the breaker, has to say (I15).
  const queue = createFair<Queued>();
  let running = 0;
  let serial = 0;
  let waiters: (() => void)[] = [];

  const pump = (): void => {
    while (running < AT_ONCE) {
      const next = queue.next();
      if (next === undefined) break;
      running += 1;
      serial += 1;
      void inTurn(turns, turnOf(next), emitOne.bind(undefined, next, serial, correlator, parts))
        .catch((error: unknown) =>
          parts.log.error('emitting an event threw', { error: error instanceof Error ? error.name : 'unknown' }),
        )
        .finally(() => {
          running -= 1;
          pump();
        });
    }
    if (running > 0 || queue.size() > 0) return;
    for (const resolve of waiters) resolve();
    waiters = [];
  };

  return {
    emit(work, events) {
      for (const event of events) {
        queue.add(namespaceOf(event), { work, event });
        if (queue.size() <= QUEUE) continue;
        queue.dropOfMost();
        parts.meter.count('gate_events_dropped_total', { why: 'queue-full' });
      }
      pump();
    },
    drained: () =>
      running === 0 && queue.size() === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve)),
  };
}

const namespaceOf = ({ regarding }: PlannedEvent): string => regarding.namespace ?? DEFAULT_NAMESPACE;

const turnOf = ({ work, event }: Queued): string =>
  [work.controller.name, event.regarding.uid ?? event.regarding.name, event.reason].join('|');

async function inTurn(turns: Map<string, Promise<void>>, key: string, act: () => Promise<void>): Promise<void> {
  const before = turns.get(key) ?? Promise.resolve();
  const mine = before.then(act, act);
  turns.set(key, mine);
  try {
    await mine;
  } finally {
    if (turns.get(key) === mine) turns.delete(key);
  }
}

async function emitOne(
  { work, event }: Queued,
  serial: number,
  correlator: Correlator,
  parts: GateParts,
): Promise<void> {
  const now = parts.clock.now();
  const component = `${work.controller.name}-controller`;
  const correlated = correlator.correlate(component, event, now);
  if (correlated.kind === 'drop') {
    parts.meter.count('gate_events_dropped_total', { why: 'spam' });
    return;
  }
  const write =
    correlated.kind === 'create'
      ? newEvent(component, event, correlated.message, now, serial)
      : countUp(event, correlated, now);
  const [judged] = await judge([[write]], work, parts, 'event');
  const pending = judged?.ok === true ? judged.chain[0] : undefined;
  if (pending === undefined) {
    parts.meter.count('gate_events_dropped_total', { why: 'refused' });
    return;
  }
  const { outcome } = await send(pending, work, parts, 'event');
  if (outcome.kind === 'applied') settle(correlated, outcome.object?.metadata ?? {}, correlator, now);
  else {
    correlator.forget(correlated.id);
    parts.meter.count('gate_events_dropped_total', { why: outcome.kind });
  }
}

function settle(
  correlated: Exclude<Correlated, { kind: 'drop' }>,
  metadata: { namespace?: string; name?: string; uid?: string },
  correlator: Correlator,
  now: Now,
): void {
  const before = correlated.kind === 'count' ? correlated.standing : { ...metadata, count: 0, first: now.wall };
  const { namespace, name, uid, count, first } = before;
  if (namespace === undefined || name === undefined || uid === undefined) return;
  correlator.stands(correlated.id, { namespace, name, uid, count: count + 1, first });
}

function newEvent(component: string, event: PlannedEvent, message: string, now: Now, serial: number): Write {
  const namespace = namespaceOf(event);
  const time = formatTime(now.wall);
  // Unique as upstream's: the object's name and a time, here made finer by a counter.
  const unique = ((BigInt(Math.floor(now.wall)) << 20n) | BigInt(serial & 0xfffff)).toString(16);
  return {
    verb: 'create',
    reason: 'event',
    slot: event.reason,
    resource: 'core/events',
    namespace,
    object: {
      metadata: { name: `${event.regarding.name.slice(0, 230)}.${unique}`, namespace },
      involvedObject: objectReference(event.regarding),
      type: event.type,
      reason: event.reason,
      message,
      source: { component },
      reportingComponent: component,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    } as Create['object'],
  };
}

function countUp(event: PlannedEvent, { standing, message }: Extract<Correlated, { kind: 'count' }>, now: Now): Write {
  const { namespace, name, uid } = standing;
  const ref: Ref = { resource: 'core/events', namespace, name, uid };
  const patch = { count: standing.count + 1, lastTimestamp: formatTime(now.wall), message };
  const after = {
    metadata: { namespace, name, uid },
    involvedObject: objectReference(event.regarding),
    reason: event.reason,
    type: event.type,
    ...patch,
  };
  return {
    verb: 'patch',
    reason: 'event',
    slot: event.reason,
    ref,
    type: 'merge',
    patch,
    after: after as Patch['after'],
    blind: 'only this process counts its own Events',
  };
}
