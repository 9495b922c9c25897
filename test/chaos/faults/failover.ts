/** High availability, measured: the leader is killed, or hands over, in the middle of a scale-up. */
import { type AuditEvent, isWork, logOf } from '#kit/audit.ts';
import { type ActivePods, countActive } from '#kit/count-active.ts';
import { knock, liveLog, metricSum, newNamespace, ready } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { replicaSet } from '../../demo/objects.ts';
import { LEASE_SECONDS, RETRY_MS } from '../arena.ts';
import { AuditTail, arrived } from '../audit-tail.ts';
import { Distribution } from '../distribution.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { running } from './parts/replicas.ts';

const WISHED = 120;
const APP = 'over';
/** A follower looks after at most 2.2 retry periods; then come the barrier, recovery and the first plan. */
const TAKEOVER_MS = LEASE_SECONDS * 1000 + 2.2 * RETRY_MS + 2000;
const HAND_OVER_MS = 500;
/** A single time may meet a machine that is busy with something else; it is no wait for a lease all the same. */
const ONCE_MS = 4000;

interface Change {
  /** From the last write of the old leader to the first of the new one, as they reached the API server. */
  readonly gap: number;
  /** Lists that the new leader began because of it. */
  readonly lists: number;
  /** Pods at one moment. */
  readonly most: number;
}

async function failover(arena: Arena, full: boolean): Promise<Measured> {
  const times = full ? 15 : 1;
  const killed: Change[] = [];
  const stopped: Change[] = [];
  for (let n = 0; n < times; n++) killed.push(await inScaleUp(arena, 'SIGKILL'));
  for (let n = 0; n < times; n++) stopped.push(await inScaleUp(arena, 'SIGTERM'));
  return measured(killed, stopped);
}

/**
 * Each in a namespace of its own, which is gone before the next: a leader that deletes so many pods may be told after four
 * seconds that nobody knows how far that came, and hands over no sooner than it can have ended (I10).
 */
async function inScaleUp(arena: Arena, signal: 'SIGKILL' | 'SIGTERM'): Promise<Change> {
  const { admin, cluster, draw } = arena;
  const namespace = `failover-${draw.int(0, 1e9).toString(36)}`;
  await newNamespace(admin, namespace);
  const count = countActive(cluster, namespace, APP);
  try {
    return await change(arena, namespace, count, signal);
  } finally {
    await count.stop();
    await admin.delete('core/namespaces', { name: namespace });
    const gone = { timeout: 120_000, why: `namespace ${namespace} to be gone` };
    await admin.waitFor('core/namespaces', { name: namespace }, (found) => found === undefined, gone);
  }
}

function measured(killed: readonly Change[], stopped: readonly Change[]): Measured {
  const [after, over] = [killed, stopped].map((list) => new Distribution(list.map(({ gap }) => gap))) as [
    Distribution,
    Distribution,
  ];
  const all = [...killed, ...stopped];
  const lists = all.reduce((sum, one) => sum + one.lists, 0);
  const most = Math.max(...all.map((one) => one.most));
  const told = {
    'last write of a killed leader to first of the next': after.seconds(),
    'of one that hands over': over.seconds(),
    'lists by the next': lists,
    'most pods': `${most} of ${WISHED}`,
  };
  const bound = stopped.length === 1 ? ONCE_MS : HAND_OVER_MS;
  const wrong = [
    ...(after.max <= TAKEOVER_MS ? [] : [`a killed leader is followed within ${TAKEOVER_MS} ms`]),
    ...(over.at(0.5) <= bound ? [] : [`a leader hands over within ${bound} ms`]),
    ...(lists === 0 ? [] : ['a follower has warm caches']),
    ...(most <= WISHED ? [] : ['no pod is made twice']),
  ];
  if (wrong.length > 0) throw new Error(`not so: ${wrong.join('; ')}; ${JSON.stringify(told)}`);
  return told;
}

async function change(
  { fleet, admin, cluster }: Arena,
  namespace: string,
  count: ActivePods,
  signal: NodeJS.Signals,
): Promise<Change> {
  const old = await fleet.leader();
  const followers = fleet.replicas.filter((replica) => replica !== old);
  const lists = await listsBefore(followers, cluster);
  const { id: oldLog } = await liveLog(running(old));
  const tail = new AuditTail(cluster);
  await admin.create('apps/replicasets', replicaSet(namespace, APP, WISHED));
  await until(() => count.now() > WISHED / 8, { timeout: 30_000, every: 5, why: 'a part of the scale-up' });
  fleet.hold(old);
  const { code } = await fleet.kill(old, signal);
  if (signal === 'SIGTERM' && code !== 0) throw new Error(`a leader that was asked to stop ended with ${code}`);
  const next = await fleet.leader();
  await ready(admin, { namespace, name: APP }, WISHED);
  const listed = await metricSum({ manager: running(next), cluster }, LISTS);
  const { id: newLog } = await liveLog(running(next));
  await fleet.release(old);
  const before = lists.get(next.name) ?? 0;
  return { gap: gapBetween(tail, oldLog, newLog), lists: listed - before, most: count.most() };
}

const LISTS = 'cache_relists_total';

/** Of followers that are ready to take over. */
async function listsBefore(followers: readonly Replica[], cluster: Arena['cluster']): Promise<Map<string, number>> {
  const of = async (follower: Replica): Promise<readonly [string, number]> => {
    await until(async () => isReady(follower), { timeout: 30_000, every: 200, why: `${follower.name} to be ready` });
    return [follower.name, await steady(() => metricSum({ manager: running(follower), cluster }, LISTS))];
  };
  return new Map(await Promise.all(followers.map(of)));
}

/** What is only tracked is listed after a replica is ready: waits until nothing more comes. */
async function steady(read: () => Promise<number>): Promise<number> {
  let last = -1;
  const same = async (): Promise<boolean> => {
    const before = last;
    last = await read();
    return last === before;
  };
  await until(same, { timeout: 30_000, every: 1000, why: 'the lists of a follower to end' });
  return last;
}

async function isReady({ process }: Replica): Promise<boolean> {
  if (process === undefined) return false;
  return (await knock(process, '/readyz').catch(() => undefined))?.status === 200;
}

/** What controllers do: Events and the breaker's books are written at an end as well, when nobody works any more. */
const isOfAController = (event: AuditEvent): boolean =>
  isWork(event) && event.objectRef?.resource !== 'events' && event.user.username !== 'comptroller:breaker';

function gapBetween(tail: AuditTail, oldLog: string, newLog: string): number {
  const work = tail.ourWrites().filter(isOfAController);
  const last = work.findLast((event) => logOf(event) === oldLog);
  const first = work.find((event) => logOf(event) === newLog);
  if (last === undefined || first === undefined) throw new Error('one of two leaders wrote nothing in a scale-up');
  return arrived(first) - arrived(last);
}

const EXPECTS =
  'a follower goes on with the scale-up within the lease, or half a second after a leader that hands over; it lists nothing anew, and no pod is made twice';

export const FAILOVER_FAULTS: readonly Fault[] = [
  { name: 'failover-of-two', group: 'failover', expects: EXPECTS, needs: { replicas: 2 }, inflict: failover },
  { name: 'failover-of-three', group: 'failover', expects: EXPECTS, needs: { replicas: 3 }, inflict: failover },
];
