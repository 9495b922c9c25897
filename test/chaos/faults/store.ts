/** etcd that is away, that has forgotten its history, and that is put back to what it was. */
import { setTimeout as pause } from 'node:timers/promises';
import { metric, ready, recordsIn } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { replicaSet } from '../../demo/objects.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { letGo } from './holds.ts';
import { KILLED_API_SERVER, whileAway } from './while-away.ts';
import { openWitness } from './witness.ts';

/** Until a lease of 5 s has run out, a process has started and its cache is filled, on a machine that has other work. */
const ANOTHER_LEADS = 60_000;

async function stopEtcd({ admin, cluster, fleet }: Arena, full: boolean): Promise<Measured> {
  const witness = await openWitness({ admin, cluster });
  const wished = await witness.wish(15);
  await cluster.stopEtcd();
  await pause(full ? 60_000 : 8_000);
  await cluster.startEtcd();
  const back = performance.now();
  await fleet.leader({ timeout: ANOTHER_LEADS });
  const leads = Math.round(performance.now() - back);
  await wished.met(180_000);
  const served = Math.round(performance.now() - back);
  await witness.leave();
  return { 'leads after': `${leads} ms`, 'served after': `${served} ms` };
}

/** A process that is busy answers the second time. */
async function told(ask: () => Promise<number>): Promise<number> {
  for (let tries = 0; tries < 5; tries++) {
    const count = await ask().catch(() => Number.NaN);
    if (Number.isFinite(count)) return count;
    await pause(500);
  }
  return Number.NaN;
}

/** How often each process that answers has listed because a watch was refused as too old. */
async function expired({ cluster, fleet }: Arena): Promise<ReadonlyMap<number, number>> {
  const running = fleet.replicas.flatMap(({ process }) => (process === undefined ? [] : [process]));
  const labels = ['core/pods', 'apps/replicasets', 'apps/deployments', 'core/namespaces'].map(
    (resource) => `{resource="${resource}",why="expired"}`,
  );
  const counts = running.map(async (manager): Promise<readonly [number, number]> => {
    let sum = 0;
    // Whoever is ending, or has not come up, has not outlived anything.
    for (const label of labels) sum += await told(() => metric({ manager, cluster }, 'cache_relists_total', label));
    return [manager.pid, sum];
  });
  return new Map(await Promise.all(counts));
}

/** Only who outlives the API server has a version to go on from: the follower, whose watches all break. */
async function compactEtcd(arena: Arena): Promise<Measured> {
  const { admin, cluster, fleet } = arena;
  const witness = await openWitness({ admin, cluster });
  await (await witness.wish(5)).met(30_000);
  const before = await expired(arena);
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
  const after = await expired(arena);
  const more = [...after].map(([pid, count]) => count - (before.get(pid) ?? Number.NaN));
  const lists = more.filter(Number.isFinite).reduce((sum, count) => sum + count, 0);
  if (lists === 0) throw new Error('no replica was told that its version is too old');
  await witness.leave();
  return { 'lists begun anew': lists, 'served after': `${served} ms` };
}

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
