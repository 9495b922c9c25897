import { createFair } from '#core/fair.ts';
import type { PlannedEvent } from '#core/plan.ts';
import type { Now } from '#core/time.ts';
import { type Correlated, type Correlator, createCorrelator } from './correlate.ts';
import { countUp, namespaceOf, newEvent } from './event-writes.ts';
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

/** Objects with something to tell, by reason; and how much each may have waiting: an object gets 25 Events at once. */
const QUEUE = 1000;
const BATCH = 32;
const AT_ONCE = 2;

interface Queued {
  readonly work: Work;
  readonly event: PlannedEvent;
}

/** What waits of one controller, object and reason. */
interface Batch {
  readonly turn: string;
  readonly events: Queued[];
}

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
  // Events of one object and reason go out one after another: else two equal ones would both be written anew.
  const waiting = new Map<string, Batch>();
  const busy = new Set<string>();
  // By namespace: what one tenant's failures have to tell must not drown what another, or the breaker, has to say (I15).
  const queue = createFair<Batch>();
  let serial = 0;
  let waiters: (() => void)[] = [];
  let closed = false;

  const dropped = (why: 'queue-full' | 'ending'): void => parts.meter.count('gate_events_dropped_total', { why });

  const pump = (): void => {
    while (busy.size < AT_ONCE) {
      const next = queue.next();
      if (next === undefined) break;
      void run(next);
    }
    if (busy.size > 0) return;
    for (const resolve of waiters) resolve();
    waiters = [];
  };

  return {
    emit(work, events) {
      for (const event of events) {
        if (closed) {
          dropped('ending');
          continue;
        }
        queue.add(namespaceOf(event), { work, event });
        if (queue.size() <= QUEUE) continue;
        queue.dropOfMost();
        dropped('queue-full');
      }
      pump();
    },
    drained: () =>
      running === 0 && queue.size() === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve)),
    close() {
      closed = true;
      while (queue.next() !== undefined) dropped('ending');
    },
  };
}

const turnOf = ({ work, event: { regarding, reason } }: Queued): string =>
  [work.controller.name, regarding.uid ?? regarding.name, reason].join('|');

async function emitAll(
  events: readonly Queued[],
  nextSerial: () => number,
  correlator: Correlator,
  parts: GateParts,
): Promise<void> {
  const now = parts.clock.now();
  for (const group of groupsOf(events, now, correlator, parts))
    await write(group, now, nextSerial(), correlator, parts);
}

function groupsOf(events: readonly Queued[], now: Now, correlator: Correlator, parts: GateParts): readonly Group[] {
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
