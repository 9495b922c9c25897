import { getCondition } from '#core/condition.ts';
import { type Json, jsonEqual } from '#core/json.ts';
import type { Pod, Service } from '#core/k8s/types.gen.ts';
import { formatTime, type Ms, parseTime } from '#core/time.ts';

/** When what the endpoints follow from changed, for those who measure how long it takes until traffic follows. */
export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

/** What the last run saw, as it is kept in a key's memory: milliseconds since 1970, pods by name. */
export interface Times {
  readonly service: Ms | null;
  readonly pods: readonly (readonly [name: string, readySince: Ms])[];
}

export interface Trigger {
  /** RFC 3339; undefined when nothing that carries a time changed, so that the annotation goes. */
  readonly time: string | undefined;
  readonly seen: Times;
}

/** The earliest change since the last run; for a Service that was not known, its creation. */
export function triggerOf(service: Service, pods: readonly Pod[], last: Times | undefined): Trigger {
  const created = parseTime(service.metadata?.creationTimestamp);
  const seen: Times = { service: created ?? null, pods: pods.flatMap(readinessOf) };
  if (last === undefined) return { time: textOf(created), seen };
  const before = new Map(last.pods);
  const changed = seen.pods.filter(([name, at]) => at > (before.get(name) ?? Number.NEGATIVE_INFINITY));
  const times = changed.map(([, at]) => at);
  if (created !== undefined && created > (last.service ?? Number.NEGATIVE_INFINITY)) times.push(created);
  const first = times.reduce<Ms | undefined>(
    (least, at) => (least === undefined || at < least ? at : least),
    undefined,
  );
  return { time: textOf(first), seen: jsonEqual(seen, last) ? last : seen };
}

/** Every pod that was ever judged has the time of its last change of readiness, ready or not. */
function readinessOf(pod: Pod): readonly (readonly [string, Ms])[] {
  const at = parseTime(getCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime);
  const name = pod.metadata?.name;
  return at === undefined || name === undefined ? [] : [[name, at]];
}

function textOf(at: Ms | undefined): string | undefined {
  return at === undefined ? undefined : formatTime(at);
}

/** Reads back what `Trigger.seen` put into memory; undefined when there was none. */
export function timesIn(memory: Json | undefined): Times | undefined {
  return memory === undefined || memory === null ? undefined : (memory as unknown as Times);
}

/** The annotations with that time, or without any. */
export function withTrigger(
  annotations: Readonly<Record<string, string>> | undefined,
  time: string | undefined,
): Readonly<Record<string, string>> {
  const others = Object.entries(annotations ?? {}).filter(([key]) => key !== TRIGGER_TIME);
  return Object.fromEntries(time === undefined ? others : [...others, [TRIGGER_TIME, time]]);
}
