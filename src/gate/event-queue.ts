import { createFair } from '#core/fair.ts';
import type { PlannedEvent } from '#core/plan.ts';
import { namespaceOf } from './event-writes.ts';
import type { Work } from './work.ts';

export interface QueuedEvent {
  readonly work: Work;
  readonly event: PlannedEvent;
}

/** What waits of one controller, object and reason. */
export interface EventBatch {
  readonly turn: string;
  readonly events: readonly QueuedEvent[];
}

/**
 * Events of one object and reason wait together, and go out one batch after another: else two equal ones would both be
 * written anew. Batches go in turns by namespace: what one tenant's failures have to tell must not drown what another,
 * or the breaker, has to say (I15).
 */
export interface EventQueue {
  add(queued: QueuedEvent): void;
  /** Of a turn that is not under way. */
  next(): EventBatch | undefined;
  /** The next batch of its turn may go. */
  done(batch: EventBatch): void;
  /** Drops what waits, and takes no more. */
  close(): void;
}

export type WhyDropped = 'queue-full' | 'ending';

/** Batches, and how much each may hold: an object gets 25 Events at once. */
const QUEUE = 1000;
const BATCH = 32;

interface Waiting extends EventBatch {
  readonly events: QueuedEvent[];
}

export function createEventQueue(dropped: (why: WhyDropped, count: number) => void): EventQueue {
  const waiting = new Map<string, Waiting>();
  const busy = new Set<string>();
  const ready = createFair<Waiting>();
  let closed = false;

  const enqueue = (batch: Waiting, { event }: QueuedEvent): void => {
    ready.add(namespaceOf(event), batch);
    if (ready.size() <= QUEUE) return;
    const lost = ready.dropOfMost();
    if (lost === undefined) return;
    waiting.delete(lost.turn);
    dropped('queue-full', lost.events.length);
  };

  return {
    add(queued) {
      if (closed) return dropped('ending', 1);
      const turn = turnOf(queued);
      const batch = waiting.get(turn);
      if (batch === undefined) {
        const made: Waiting = { turn, events: [queued] };
        waiting.set(turn, made);
        if (!busy.has(turn)) enqueue(made, queued);
      } else if (batch.events.length < BATCH) batch.events.push(queued);
      else dropped('queue-full', 1);
    },
    next() {
      const batch = ready.next();
      if (batch === undefined) return undefined;
      waiting.delete(batch.turn);
      busy.add(batch.turn);
      return batch;
    },
    done({ turn }) {
      busy.delete(turn);
      const next = waiting.get(turn);
      if (next !== undefined) enqueue(next, next.events[0] as QueuedEvent);
    },
    close() {
      closed = true;
      for (const { events } of waiting.values()) dropped('ending', events.length);
      waiting.clear();
      while (ready.next() !== undefined);
    },
  };
}

const turnOf = ({ work, event: { regarding, reason } }: QueuedEvent): string =>
  [work.controller.name, regarding.uid ?? regarding.name, reason].join('|');
