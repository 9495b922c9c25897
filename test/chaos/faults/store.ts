/** etcd that is away, that has forgotten its history, and that is put back to what it was. */
import { setTimeout as pause } from 'node:timers/promises';
import { metricLines, ready, recordsIn } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { RunningManager } from '#local/manager.ts';
import { replicaSet } from '../../demo/objects.ts';
import { LEASE_SECONDS } from '../arena.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { letGo } from './holds.ts';
import { KILLED_API_SERVER, whileAway } from './while-away.ts';
import { openWitness } from './witness.ts';

/** Until a short lease has run out, a process has started and its cache is filled, on a machine that has other work. */
const ANOTHER_LEADS = 60_000;

async function stopEtcd({ admin, cluster, fleet }: Arena, full: boolean): Promise<Measured> {
  const witness = await openWitness({ admin, cluster });
  const wished = await witness.wish(15);
  await cluster.stopEtcd();
  await pause(full ? 60_000 : (LEASE_SECONDS + 2) * 1000);
  await cluster.startEtcd();
  const back = performance.now();
  await fleet.leader({ timeout: ANOTHER_LEADS });
  const leads = Math.round(performance.now() - back);
  await wished.met(180_000);
  const served = Math.round(performance.now() - back);
  await witness.leave();
  return { 'leads after': `${leads} ms`, 'served after': `${served} ms` };
}

/** Why a list was begun anew: a watch was refused as too old, or whoever took the lease saw first that it was behind. */
const WHYS = ['expired', 'behind'] as const;
type Lists = Readonly<Record<(typeof WHYS)[number], number>>;

const NO_LISTS: Lists = { expired: 0, behind: 0 };

const overBoth = (of: (why: keyof Lists) => number): Lists => ({ expired: of('expired'), behind: of('behind') });

/** A process that is busy answers the second time; one that is ending, or has not come up, has outlived nothing. */
async function listsOf(cluster: Arena['cluster'], manager: RunningManager): Promise<Lists | undefined> {
  for (let tries = 0; tries < 5; tries++) {
    const lines = await metricLines({ cluster, manager }).catch(() => undefined);
    if (lines !== undefined) return overBoth((why) => sumOf(lines, why));
    await pause(500);
  }
  return undefined;
}

const sumOf = (lines: readonly string[], why: string): number =>
  lines
    .filter((line) => line.startsWith('cache_relists_total{') && line.includes(`why="${why}"`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

/** By process id, for each process that answers. */
async function begunAnew({ cluster, fleet }: Arena): Promise<ReadonlyMap<number, Lists>> {
  const running = fleet.replicas.flatMap(({ process }) => (process === undefined ? [] : [process]));
  const counts = running.map(async (manager) => [manager.pid, await listsOf(cluster, manager)] as const);
  return new Map((await Promise.all(counts)).flatMap(([pid, lists]) => (lists === undefined ? [] : [[pid, lists]])));
}

/** What came since `before` at those that were there then. */
function since(before: ReadonlyMap<number, Lists>, after: ReadonlyMap<number, Lists>): Lists {
  const outlived = [...after].filter(([pid]) => before.has(pid));
  return outlived.reduce(
    (sum, [pid, lists]) => overBoth((why) => sum[why] + lists[why] - (before.get(pid)?.[why] ?? 0)),
    NO_LISTS,
  );
}

/** Only who outlives the API server has a version to go on from: the follower, whose watches all break. */
async function compactEtcd(arena: Arena): Promise<Measured> {
  const { admin, cluster, fleet } = arena;
  const witness = await openWitness({ admin, cluster });
  await (await witness.wish(5)).met(30_000);
  const before = await begunAnew(arena);
  await whileAway(arena, async () => {
    await cluster.killApiServer();
    await cluster.compactEtcd();
    await cluster.startApiServer();
  });
  const back = performance.now();
  const wished = await witness.wish(5);
  await fleet.leader({ timeout: ANOTHER_LEADS });
  await wished.met(120_000);
  const served = Math.round(performance.now() - back);
  const after = await begunAnew(arena);
  const { expired, behind } = since(before, after);
  if (expired + behind === 0)
    throw new Error(`no replica listed anew: ${told(before)} answered before, ${told(after)} after`);
  await witness.leave();
  return { 'refused as too old': expired, 'seen to be behind': behind, 'served after': `${served} ms` };
}

const told = (lists: ReadonlyMap<number, Lists>): string => JSON.stringify([...lists]);

const LONG_LEASE = ['--leader-elect-lease-duration=90s', '--leader-elect-renew-deadline=60s'];

/** From now on leadership outlives a restart of the API server: whoever leads must notice what it finds there. */
async function keepLeading({ fleet }: Arena): Promise<void> {
  for (const replica of fleet.replicas) {
    fleet.hold(replica);
    await fleet.kill(replica, 'SIGTERM');
    await fleet.release(replica, LONG_LEASE);
    await fleet.leader({ timeout: ANOTHER_LEADS });
  }
}

/** How many eras each replica has recorded. */
async function eras({ ledgerDir }: Replica): Promise<number> {
  return (await recordsIn(ledgerDir)).filter(({ type, data }) => type === 'note' && data.note === 'era').length;
}

async function restore(arena: Arena, full: boolean): Promise<Measured> {
  const { admin, cluster, fleet, load } = arena;
  await keepLeading(arena);
  const witness = await openWitness(arena);
  await (await witness.wish(10)).met(30_000);
  const before = await Promise.all(fleet.replicas.map(eras));
  cluster.keepStore();
  const forgotten = { namespace: witness.namespace, name: 'forgotten' };
  await admin.create('apps/replicasets', replicaSet(forgotten.namespace, forgotten.name, 5));
  await ready(admin, forgotten, 5);
  await pause(full ? 20_000 : 2_000);
  await whileAway(arena, () => cluster.restoreStore());
  const back = performance.now();
  await load.adopt();
  const noticed = async (): Promise<boolean> =>
    (await Promise.all(fleet.replicas.map(eras))).every((count, at) => count > (before[at] ?? 0));
  await until(noticed, { timeout: 60_000, every: 500, why: 'every replica to record a new era' });
  const took = Math.round(performance.now() - back);
  const leader = await fleet.leader();
  // After a restore nothing is taken away until a person has looked.
  const [held] = await letGo(arena, leader);
  const wished = await witness.wish(3);
  await wished.met(60_000);
  await witness.leave();
  return { 'noticed by all after': `${took} ms`, held: held?.reason ?? '' };
}

export const STORE_FAULTS: readonly Fault[] = [
  {
    name: 'etcd-stopped',
    group: 'store',
    expects:
      'while etcd is away nobody leads for longer than the lease; when it is back somebody does, and all is as wished',
    // The lease cannot be renewed.
    ends: 1,
    recovery: 120_000,
    inflict: stopEtcd,
  },
  {
    name: 'etcd-compacted',
    group: 'store',
    expects:
      'a replica whose versions are compacted away is answered 410, lists afresh, and misses nothing; history did not go back',
    needs: { replicas: 2 },
    excuses: [KILLED_API_SERVER],
    // Whoever led while the API server was away.
    ends: 1,
    recovery: 120_000,
    inflict: compactEtcd,
  },
  {
    name: 'store-restored',
    group: 'store',
    expects:
      'after a restore of an older snapshot every replica records a new era and begins afresh, without an end; deletions wait for a person',
    needs: { replicas: 2, alone: true },
    excuses: [KILLED_API_SERVER],
    recovery: 120_000,
    inflict: restore,
  },
];
