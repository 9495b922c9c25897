import type { Create, Patch, PlannedEvent, Write } from '#core/plan.ts';
import { objectReference, type Ref } from '#core/ref.ts';
import { formatTime, type Now } from '#core/time.ts';
import type { Standing } from './correlate.ts';

/** What an Event says, and how often it happened by now. */
export interface Told {
  readonly message: string;
  readonly count: number;
}

/** Cluster-scoped objects' Events live here, as upstream's do. */
const DEFAULT_NAMESPACE = 'default';

export const namespaceOf = ({ regarding }: PlannedEvent): string => regarding.namespace ?? DEFAULT_NAMESPACE;

/** `serial` tells Events of one object and millisecond apart. */
export function newEvent(
  component: string,
  event: PlannedEvent,
  { message, count }: Told,
  now: Now,
  serial: number,
): Write {
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
      count,
    } as Create['object'],
  };
}

/** `told.count`: with all that were counted before. */
export function countUp(event: PlannedEvent, told: Told, { namespace, name, uid }: Standing, now: Now): Write {
  const ref: Ref = { resource: 'core/events', namespace, name, uid };
  const patch = { ...told, lastTimestamp: formatTime(now.wall) };
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
