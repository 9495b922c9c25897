import type { PlannedEvent } from '#core/plan.ts';
import type { Now } from '#core/time.ts';
import { type Correlated, type Correlator, createCorrelator } from './correlate.ts';
import { createEventQueue, type EventBatch, type QueuedEvent } from './event-queue.ts';
import { countUp, newEvent } from './event-writes.ts';
import { judge } from './judge.ts';
import type { GateParts } from './ports.ts';
import { send } from './send.ts';
import type { Work } from './work.ts';

/** The lane of Events: same stages, own bounds. It never makes a plan wait, and drops before the intent. */
export interface EventLane {
  emit(work: Work, events: readonly PlannedEvent[]): void;
  /** Resolves when nothing is queued or under way. */
  drained(): Promise<void>;
  /** Drops what is queued, and takes no more: a hand-over does not wait for what there is to tell. */
  close(): void;
}

const AT_ONCE = 2;

/** Equal or combined Events that waited together: one write, counted up by all of them. */
interface Group {
  readonly work: Work;
  /** The first says what it is, the last what it says. */
  readonly first: Exclude<Correlated, { kind: 'drop' }>;
  event: PlannedEvent;
  message: string;
  count: number;
}

export function createEventLane(parts: GateParts): EventLane {
  const correlator = createCorrelator();
  const queue = createEventQueue((why, count) => parts.meter.count('gate_events_dropped_total', { why }, count));
  let running = 0;
  let serial = 0;
  let waiters: (() => void)[] = [];
  const nextSerial = (): number => ++serial;

  const run = async (batch: EventBatch): Promise<void> => {
    running += 1;
    await emitAll(batch.events, nextSerial, correlator, parts).catch((error: unknown) =>
      parts.log.error('emitting an event threw', { error: error instanceof Error ? error.name : 'unknown' }),
    );
    running -= 1;
    queue.done(batch);
    pump();
  };

  const pump = (): void => {
    while (running < AT_ONCE) {
      const next = queue.next();
      if (next === undefined) break;
      void run(next);
    }
    if (running > 0) return;
    for (const resolve of waiters) resolve();
    waiters = [];
  };

  return {
    emit(work, events) {
      for (const event of events) queue.add({ work, event });
      pump();
    },
    drained: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
    close: () => queue.close(),
  };
}

async function emitAll(
  events: readonly QueuedEvent[],
  nextSerial: () => number,
  correlator: Correlator,
  parts: GateParts,
): Promise<void> {
  const now = parts.clock.now();
  for (const group of groupsOf(events, now, correlator, parts))
    await write(group, now, nextSerial(), correlator, parts);
}

function groupsOf(
  events: readonly QueuedEvent[],
  now: Now,
  correlator: Correlator,
  parts: GateParts,
): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { work, event } of events) {
    const correlated = correlator.correlate(componentOf(work), event, now);
    if (correlated.kind === 'drop') {
      parts.meter.count('gate_events_dropped_total', { why: 'spam' });
      continue;
    }
    const { id, message } = correlated;
    const found = groups.get(id);
    if (found === undefined) groups.set(id, { work, first: correlated, event, message, count: 1 });
    else Object.assign(found, { event, message, count: found.count + 1 });
  }
  return [...groups.values()];
}

const componentOf = ({ controller }: Work): string => `${controller.name}-controller`;

async function write(group: Group, now: Now, serial: number, correlator: Correlator, parts: GateParts): Promise<void> {
  const { work, first, event, message, count } = group;
  const planned =
    first.kind === 'create'
      ? newEvent(componentOf(work), event, { message, count }, now, serial)
      : countUp(event, { message, count: first.standing.count + count }, first.standing, now);
  const [judged] = await judge([[planned]], work, parts, 'event');
  const pending = judged?.ok === true ? judged.chain[0] : undefined;
  if (pending === undefined) {
    parts.meter.count('gate_events_dropped_total', { why: 'refused' }, count);
    return;
  }
  const { outcome } = await send(pending, work, parts, 'event');
  if (outcome.kind === 'applied') settle(group, outcome.object?.metadata ?? {}, correlator, now);
  else {
    correlator.forget(first.id);
    parts.meter.count('gate_events_dropped_total', { why: outcome.kind }, count);
  }
}

function settle(
  { first, count }: Group,
  metadata: { namespace?: string; name?: string; uid?: string },
  correlator: Correlator,
  now: Now,
): void {
  const before = first.kind === 'count' ? first.standing : { ...metadata, count: 0, first: now.wall };
  const { namespace, name, uid } = before;
  if (namespace === undefined || name === undefined || uid === undefined) return;
  correlator.stands(first.id, { namespace, name, uid, count: before.count + count, first: before.first });
}
