/** What happens to the connections between Comptroller and the API server, and to the API server itself. */
import { setTimeout as pause } from 'node:timers/promises';
import { LEASE_SECONDS } from '../arena.ts';
import type { Arena, Fault, Measured } from '../fault.ts';
import { isLease } from './transport/answers.ts';
import { type Decide, endure, firstOf } from './transport/endure.ts';
import { loseRelease } from './transport/lost-release.ts';
import { KILLED_API_SERVER, whileAway } from './while-away.ts';
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
  // The scheduler is not ours: its watches were once not opened again for 90 s, and until then it binds nothing.
  await wished.met(240_000);
  const served = Math.round(performance.now() - back);
  await witness.leave();
  return { 'leads after': `${leads} ms`, 'served after': `${served} ms` };
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
  await pause(full ? 60_000 : (LEASE_SECONDS + 1) * 1000);
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

export const TRANSPORT_FAULTS: readonly Fault[] = [
  {
    name: 'api-server-killed',
    group: 'transport',
    expects:
      'an API server that is killed in a scale-up and started again finds a leader within seconds, and no pod twice',
    // The lease runs out meanwhile.
    ends: 1,
    excuses: [KILLED_API_SERVER],
    times: 5,
    inflict: killApiServer,
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
    name: 'lost-release',
    group: 'transport',
    expects:
      'a release whose answer is lost at the door and on its way into the cluster, before a SIGKILL, counts once or not at all',
    inflict: loseRelease,
  },
];
