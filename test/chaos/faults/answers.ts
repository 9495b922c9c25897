/** What the API server answers, or what becomes of an answer on its way. */
import type { Mischief } from '../between/port.ts';
import type { Arena, Excuse, Fault, Measured } from '../fault.ts';
import { EXPIRED_WATCH, isLease, isList, isPodCreation, isWrite, refusal } from './transport/answers.ts';
import { type Decide, endure, firstOf } from './transport/endure.ts';
import { expirePages } from './transport/expired-pages.ts';

/** Asks for a second of patience: each request again after that, and no sooner. */
function throttle(arena: Arena, full: boolean): Promise<Measured> {
  const last = new Map<string, number>();
  const early: string[] = [];
  const decide: Decide = (request) => {
    if (isLease(request) || !arena.draw.chance(0.7)) return undefined;
    const key = `${request.method} ${request.url} ${request.user}`;
    const since = performance.now() - (last.get(key) ?? Number.NEGATIVE_INFINITY);
    // Creations of several pods are one path, and readers share theirs.
    if (isWrite(request) && request.method !== 'POST' && since < 900)
      early.push(`${key} after ${Math.round(since)} ms`);
    last.set(key, performance.now());
    return refusal(429, { 'retry-after': '1' });
  };
  return endure(arena, { decide, lasts: full ? 60_000 : 4_000, within: 15_000, touches: 3 }).then((measured) => {
    if (early.length > 0) throw new Error(`asked again before its time: ${early.slice(0, 3).join(', ')}`);
    return measured;
  });
}

function failOften(arena: Arena, full: boolean): Promise<Measured> {
  const decide: Decide = (request) => {
    if (isLease(request) || !arena.draw.chance(0.4)) return undefined;
    const failure = refusal(500);
    // Half of the writes are done all the same: the answer does not tell.
    return isWrite(request) && arena.draw.chance(0.5) ? ({ ...failure, done: true } as Mischief) : failure;
  };
  return endure(arena, { decide, lasts: full ? 60_000 : 4_000, within: 60_000, touches: 3 });
}

function expire(arena: Arena, full: boolean): Promise<Measured> {
  const first = firstOf(full ? 10 : 2);
  const decide: Decide = (request) => {
    if (!request.watch || request.url.includes('sendInitialEvents') || !first(request)) return undefined;
    return arena.draw.chance(0.5) ? EXPIRED_WATCH : refusal(410);
  };
  return endure(arena, { decide, lasts: full ? 30_000 : 3_000, within: 15_000, touches: 10 });
}

function delay(arena: Arena, full: boolean): Promise<Measured> {
  const { draw } = arena;
  const decide: Decide = (request) => {
    if (isLease(request)) return { kind: 'delay-answer', delay: draw.int(0, 500) };
    const kind = draw.chance(0.5) ? 'delay-answer' : 'delay-request';
    return { kind, delay: draw.int(500, 5000) };
  };
  return endure(arena, { decide, lasts: full ? 60_000 : 6_000, within: 30_000, touches: 20 });
}

/** Lists are forced by watches that expire; then they, the watches after them and answers of writes are spoilt. */
function spoil(arena: Arena, how: () => Mischief, full: boolean): Promise<Measured> {
  const [expires, lists, watches] = [firstOf(1), firstOf(2), firstOf(3)];
  const decide: Decide = (request) => {
    if (isLease(request)) return undefined;
    if (isList(request)) return lists(request) ? how() : undefined;
    if (request.watch) return expires(request) ? EXPIRED_WATCH : watches(request) ? how() : undefined;
    return arena.draw.chance(isWrite(request) ? 0.3 : 0.2) ? how() : undefined;
  };
  return endure(arena, { decide, lasts: full ? 60_000 : 8_000, within: 60_000, touches: 10 });
}

function loseCreations(arena: Arena, full: boolean): Promise<Measured> {
  const decide: Decide = (request) => {
    if (!isPodCreation(request) || !arena.draw.chance(0.5)) return undefined;
    return arena.draw.chance(0.7) ? { kind: 'lose-answer' } : { kind: 'swallow' };
  };
  // Each loss is waited out before it is looked up, and the first pod is made alone.
  return endure(arena, { decide, lasts: full ? 30_000 : 5_000, within: 60_000, touches: 2, pods: 15 });
}

const ANSWERED_IN_BETWEEN: Excuse = {
  finding: 'unseen',
  because: 'the proxy answered in the place of the API server, which never heard of it',
};

export const ANSWER_FAULTS: readonly Fault[] = [
  {
    name: 'throttled',
    group: 'answers',
    expects: 'answers of 429 are heeded: nothing is asked again before its Retry-After, and all is done when they end',
    inflict: throttle,
  },
  {
    name: 'server-errors',
    group: 'answers',
    expects:
      'answers of 500 are believed to say nothing: what was done all the same is found, and no pod is made twice',
    excuses: [ANSWERED_IN_BETWEEN],
    inflict: failOften,
  },
  {
    name: 'expired-watches',
    group: 'answers',
    expects: 'watches that are refused with 410, by answer or by event, are begun anew with a list',
    inflict: expire,
  },
  {
    name: 'expired-pages',
    group: 'answers',
    expects:
      'lists in pages whose continue tokens expire (410) are begun anew, and nothing of their last page is missing',
    inflict: expirePages,
  },
  {
    name: 'slow-answers',
    group: 'answers',
    expects:
      'answers that take seconds slow things down; a write that was given up is looked up before it is tried again',
    inflict: delay,
  },
  {
    name: 'truncated-answers',
    group: 'answers',
    expects: 'lists, watches and answers of writes that end in the middle are taken for what they are: no answer',
    inflict: (arena, full) => spoil(arena, () => ({ kind: 'truncate', after: arena.draw.int(0, 400) }), full),
  },
  {
    name: 'malformed-answers',
    group: 'answers',
    expects:
      'lists, watches and answers of writes that are no JSON are taken for no answer, and never for an empty one',
    inflict: (arena, full) => spoil(arena, () => ({ kind: 'garble', bytes: arena.draw.int(1, 20) }), full),
  },
  {
    name: 'lost-creations',
    group: 'answers',
    expects: 'a pod whose creation got no answer is looked for under its name: it is there once, and never twice',
    inflict: loseCreations,
  },
];
