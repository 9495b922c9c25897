/** What happens between Comptroller and the API server, and to the API server itself. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Mischief } from '../between/port.ts';
import type { Arena, Excuse, Fault, Measured } from '../fault.ts';
import { EXPIRED_WATCH, isLease, isList, isPodCreation, isWrite, refusal } from './transport/answers.ts';
import { type Decide, endure, firstOf } from './transport/endure.ts';
import { expirePages } from './transport/expired-pages.ts';
import { loseRelease } from './transport/lost-release.ts';
import { whileAway } from './while-away.ts';
import { openWitness } from './witness.ts';

/** Until a lease of 5 s has run out, a process has started and its cache is filled, on a machine that has other work. */
const ANOTHER_LEADS = 40_000;

async function killApiServer({ admin, between, cluster, draw, fleet }: Arena, full: boolean): Promise<Measured> {
  const witness = await openWitness({ admin, cluster });
  const wished = await witness.wish(20);
  await pause(draw.int(0, 500));
  await cluster.killApiServer();
  await whileAway({ between }, async () => {
    await pause(full ? draw.int(0, 20_000) : 300);
    await cluster.startApiServer();
  });
  const back = performance.now();
  await fleet.leader({ timeout: ANOTHER_LEADS });
  const leads = Math.round(performance.now() - back);
  await wished.met(120_000);
  const served = Math.round(performance.now() - back);
  await witness.leave();
  return { 'leads after': `${leads} ms`, 'served after': `${served} ms` };
}

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

/** The connections that are open are forgotten by a router in between; new ones pass. */
async function strand({ admin, between, cluster, fleet }: Arena): Promise<Measured> {
  const witness = await openWitness({ admin, cluster });
  // Connections are found out by who uses them: each has served, and the lease was renewed over its own.
  await (await witness.wish(1)).met(30_000);
  await pause(2_000);
  const before = between.connections;
  between.strand();
  const took = await (await witness.wish(10)).met(30_000);
  const { process } = await fleet.leader();
  await witness.leave();
  if (process === undefined) throw new Error('nobody leads');
  between.cut();
  return { 'noticed and served after': `${took} ms`, 'new connections': between.connections - before };
}

/** Nothing comes through, in either direction, and nothing ends: for longer than the lease. */
async function freeze({ admin, between, cluster, fleet }: Arena, full: boolean): Promise<Measured> {
  const witness = await openWitness({ admin, cluster });
  const wished = await witness.wish(10);
  between.freeze();
  await pause(full ? 60_000 : 6_000);
  between.pass();
  const back = performance.now();
  await fleet.leader({ timeout: ANOTHER_LEADS });
  await wished.met(120_000);
  await witness.leave();
  return { 'served after': `${Math.round(performance.now() - back)} ms` };
}

function lastOnEach(arena: Arena, full: boolean): Promise<Measured> {
  const decide: Decide = (request) => (isLease(request) ? undefined : { kind: 'last' });
  return endure(arena, { decide, lasts: full ? 60_000 : 4_000, within: 20_000, touches: 20 });
}

/** Every watch that is opened first says nothing at all; the second one speaks. */
async function silence(arena: Arena, full: boolean): Promise<Measured> {
  const first = firstOf(1);
  const decide: Decide = (request) => (request.watch && first(request) ? { kind: 'silence' } : undefined);
  // Bookmarks come once a minute: two are waited for. The short run cannot, and ends the connections instead.
  if (full) return endure(arena, { decide, lasts: 0, within: 150_000, touches: 5 });
  return endure(arena, { decide, lasts: 4000, within: 20_000, touches: 5, heal: () => arena.between.cut() });
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

export const TRANSPORT_FAULTS: readonly Fault[] = [
  {
    name: 'api-server-killed',
    group: 'transport',
    expects:
      'an API server that is killed in a scale-up and started again finds a leader within seconds, and no pod twice',
    // The lease runs out meanwhile.
    ends: 1,
    times: 5,
    inflict: killApiServer,
  },
  {
    name: 'throttled',
    group: 'transport',
    expects: 'answers of 429 are heeded: nothing is asked again before its Retry-After, and all is done when they end',
    inflict: throttle,
  },
  {
    name: 'server-errors',
    group: 'transport',
    expects:
      'answers of 500 are believed to say nothing: what was done all the same is found, and no pod is made twice',
    excuses: [ANSWERED_IN_BETWEEN],
    inflict: failOften,
  },
  {
    name: 'stranded-connections',
    group: 'transport',
    expects:
      'connections that a router forgot are noticed by the first request on one of them: nobody loses the lease, and watches are opened anew',
    inflict: strand,
  },
  {
    name: 'frozen-network',
    group: 'transport',
    expects:
      'a network that swallows everything for longer than the lease costs one leadership, and nothing is done twice after it',
    ends: 1,
    inflict: freeze,
  },
  {
    name: 'connection-close',
    group: 'transport',
    expects:
      'an API server that ends each connection after its answer (what GOAWAY is to HTTP/2, which Comptroller does not speak) costs time only',
    inflict: lastOnEach,
  },
  {
    name: 'silent-watches',
    group: 'transport',
    expects:
      'a watch that stays open and says nothing is given up after two minutes without a bookmark; nothing wrong is done until then',
    inflict: silence,
  },
  {
    name: 'expired-watches',
    group: 'transport',
    expects: 'watches that are refused with 410, by answer or by event, are begun anew with a list',
    inflict: expire,
  },
  {
    name: 'expired-pages',
    group: 'transport',
    expects:
      'lists in pages whose continue tokens expire (410) are begun anew, and nothing of their last page is missing',
    inflict: expirePages,
  },
  {
    name: 'slow-answers',
    group: 'transport',
    expects:
      'answers that take seconds slow things down; a write that was given up is looked up before it is tried again',
    inflict: delay,
  },
  {
    name: 'truncated-answers',
    group: 'transport',
    expects: 'lists, watches and answers of writes that end in the middle are taken for what they are: no answer',
    inflict: (arena, full) => spoil(arena, () => ({ kind: 'truncate', after: arena.draw.int(0, 400) }), full),
  },
  {
    name: 'malformed-answers',
    group: 'transport',
    expects:
      'lists, watches and answers of writes that are no JSON are taken for no answer, and never for an empty one',
    inflict: (arena, full) => spoil(arena, () => ({ kind: 'garble', bytes: arena.draw.int(1, 20) }), full),
  },
  {
    name: 'lost-creations',
    group: 'transport',
    expects: 'a pod whose creation got no answer is looked for under its name: it is there once, and never twice',
    inflict: loseCreations,
  },
  {
    name: 'lost-release',
    group: 'transport',
    expects:
      'a release whose answer is lost at the door and on its way into the cluster, before a SIGKILL, counts once or not at all',
    inflict: loseRelease,
  },
];
