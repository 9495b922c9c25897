import type { PlannedEvent } from '#core/plan.ts';
import { keyOf } from '#core/ref.ts';
import { type Ms, minutes, type Now } from '#core/time.ts';

/** Upstream's figures (client-go, tools/record): similar events are combined after 10 in 10 minutes; per object 25, then 1 in 5 minutes. */
const SIMILAR = 10;
const WINDOW: Ms = minutes(10);
const BURST = 25;
const REFILL: Ms = minutes(5);
const REMEMBERED = 4096;
const COMBINED = '(combined from similar events): ';
/** The API's own limit of an Event's message. */
const MAX_MESSAGE = 1024;

/** An Event that stands in the cluster, to count up instead of writing another. */
export interface Standing {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly count: number;
  readonly first: Ms;
}

export type Correlated =
  | { readonly kind: 'drop' }
  | { readonly kind: 'create'; readonly id: string; readonly message: string }
  | { readonly kind: 'count'; readonly id: string; readonly message: string; readonly standing: Standing };

export interface Correlator {
  correlate(component: string, event: PlannedEvent, now: Now): Correlated;
  /** An Event was written or counted under that id. */
  stands(id: string, standing: Standing): void;
  /** The Event is gone: the next equal one is written anew. */
  forget(id: string): void;
}

export function createCorrelator(): Correlator {
  const similar = new Map<string, { messages: Set<string>; last: Ms }>();
  const spam = new Map<string, { tokens: number; at: Ms }>();
  const standing = new Map<string, Standing>();

  const spends = (id: string, { mono }: Now): boolean => {
    const bucket = spam.get(id) ?? { tokens: BURST, at: mono };
    bucket.tokens = Math.min(BURST, bucket.tokens + (mono - bucket.at) / REFILL);
    bucket.at = mono;
    remember(spam, id, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
  const tooMany = (id: string, message: string, { mono }: Now): boolean => {
    const found = similar.get(id);
    const group =
      found !== undefined && mono - found.last <= WINDOW ? found : { messages: new Set<string>(), last: mono };
    if (group.messages.size < SIMILAR) group.messages.add(message);
    group.last = mono;
    remember(similar, id, group);
    return group.messages.size >= SIMILAR;
  };

  return {
    correlate(component, event, now) {
      const { regarding, type, reason } = event;
      const object = [component, regarding.resource, keyOf(regarding), regarding.uid ?? ''].join('|');
      const like = [object, type, reason].join('|');
      const combined = tooMany(like, event.message, now);
      const message = clip(combined ? COMBINED + event.message : event.message);
      const id = combined ? like : `${like}|${message}`;
      if (!spends(object, now)) return { kind: 'drop' };
      const found = standing.get(id);
      return found === undefined ? { kind: 'create', id, message } : { kind: 'count', id, message, standing: found };
    },
    stands: (id, event) => remember(standing, id, event),
    forget: (id) => void standing.delete(id),
  };
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > REMEMBERED ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

/** At most 1,024 bytes, never half a character. */
function clip(message: string): string {
  if (Buffer.byteLength(message) <= MAX_MESSAGE) return message;
  const cut = new TextDecoder().decode(Buffer.from(message).subarray(0, MAX_MESSAGE - 3));
  return `${cut.replace(/\uFFFD+$/, '')}...`;
}
