/** Processes that end, or stop for a while, at the worst moments. */
import { setTimeout as pause } from 'node:timers/promises';
import { brief, isWork, logOf } from '#kit/audit.ts';
import { LEASE, leaseOf, liveLog, recordsIn } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { parseAuditId } from '#ledger/checkpoint.ts';
import { LEASE_SECONDS } from '../arena.ts';
import { AuditTail, arrived } from '../audit-tail.ts';
import { Distribution } from '../distribution.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { keeperOf } from '../keeper-of.ts';
import { running } from './parts/replicas.ts';

/** Connections that a process writes over: so many requests may be in the kernel's hands when it freezes. */
const CONNECTIONS = 32;
const KEEPER_GONE = 69;
const THAWED: readonly (number | null)[] = [1, 74];

/** Kills again and again: mostly a moment after somebody came to lead, at times while it has not yet. */
async function killLeaders({ fleet, draw, say }: Arena, full: boolean): Promise<Measured> {
  const times = full ? 100 : 3;
  const again: number[] = [];
  for (let n = 1; n <= times; n++) {
    const early = draw.chance(0.2);
    const victim = early ? await anyProcess(fleet) : await fleet.leader();
    await pause(draw.int(0, early ? 3000 : 1500));
    if (victim.process === undefined) continue;
    await fleet.kill(victim);
    const killed = performance.now();
    if (n % 10 === 0) say(`killed ${n} of ${times} times`);
    if (n < times && draw.chance(0.5)) continue;
    await fleet.leader();
    again.push(performance.now() - killed);
  }
  return { kills: times, 'at work again': new Distribution(again).seconds() };
}

const anyProcess = (fleet: Arena['fleet']): Promise<Replica> =>
  until(() => fleet.replicas.find(({ process }) => process !== undefined), { timeout: 20_000, why: 'a process' });

async function stopInOrder({ fleet }: Arena, full: boolean): Promise<Measured> {
  const again: number[] = [];
  for (let n = 0; n < (full ? 10 : 1); n++) {
    const leader = await fleet.leader();
    const asked = performance.now();
    const { code } = await fleet.kill(leader, 'SIGTERM');
    if (code !== 0) throw new Error(`asked to stop it ended with ${code}`);
    await fleet.leader();
    again.push(performance.now() - asked);
  }
  return { 'at work again': new Distribution(again).seconds() };
}

/** Freezes the leader past its lease, and looks what it does when it wakes. */
async function freezeLeader(arena: Arena): Promise<Measured> {
  const { fleet, cluster, draw } = arena;
  const old = await fleet.leader();
  const frozen = running(old);
  const { id: oldLog } = await liveLog(frozen);
  const tail = new AuditTail(cluster);
  process.kill(frozen.pid, 'SIGSTOP');
  let thawed = '';
  let next: Replica | undefined;
  try {
    next = await leaderBut(fleet, old);
    await until(() => tail.ourWrites().some((event) => isWork(event) && logOf(event) !== oldLog), {
      timeout: 30_000,
      why: 'a write of the next leader',
    });
    await pause(draw.int(0, 2000));
  } finally {
    thawed = new Date().toISOString();
    process.kill(frozen.pid, 'SIGCONT');
  }
  const { code } = await frozen.exited;
  if (!THAWED.includes(code)) throw new Error(`a leader that woke after its lease ended with ${code}`);
  const { id: newLog } = await liveLog(running(next));
  await noneSent(tail, frozen.ledgerDir, oldLog, thawed);
  return { 'old writes that arrived late': lateWrites(tail, oldLog, newLog) };
}

/**
 * What was decided before the freeze may come into the ledger after it; the fence is asked once more before it leaves,
 * so the API server has seen none of it.
 */
async function noneSent(tail: AuditTail, ledgerDir: string, log: string, thawed: string): Promise<void> {
  const records = (await recordsIn(ledgerDir)).filter((one) => one.log === log && one.type === 'intent');
  const late = new Set(records.filter(({ time }) => time > thawed).map(({ seq }) => seq));
  const sent = tail.ourWrites().filter(({ auditID }) => {
    const named = parseAuditId(auditID);
    return named?.logId === log && late.has(named.seq);
  });
  if (sent.length > 0) throw new Error(`the old leader wrote after it woke: ${brief(sent).slice(0, 5).join('; ')}`);
}

/**
 * Of an old leader after the next one began: what it had handed to the kernel before it froze may still arrive, and is
 * at most a request for each connection. A lease it may not write at all.
 */
function lateWrites(tail: AuditTail, oldLog: string, newLog: string): number {
  const writes = tail.ourWrites();
  const taken = writes.find((event) => isWork(event) && logOf(event) === newLog);
  if (taken === undefined) throw new Error('the next leader wrote nothing');
  const late = writes.filter((event) => logOf(event) === oldLog && arrived(event) > arrived(taken));
  const leases = late.filter((event) => !isWork(event) && event.responseStatus?.code === 200);
  if (leases.length > 0 || late.length > CONNECTIONS)
    throw new Error(`the old leader wrote after the next one had: ${brief(late).slice(0, 5).join('; ')}`);
  return late.filter(isWork).length;
}

const leaderBut = (fleet: Arena['fleet'], old: Replica): Promise<Replica> =>
  until(
    async () => {
      const found = await fleet.leader();
      return found === old ? undefined : found;
    },
    { timeout: 60_000, every: 100, why: `another replica than ${old.name} to lead` },
  );

/** Whoever leads notices it, and one of them leads again: nobody writes for two reigns at once. */
async function deleteLease({ fleet, admin, cluster }: Arena): Promise<Measured> {
  const old = await fleet.leader();
  const { id: oldLog } = await liveLog(running(old));
  const uid = (await leaseOf(admin))?.metadata?.uid;
  const tail = new AuditTail(cluster);
  const deleted = performance.now();
  await admin.delete('coordination.k8s.io/leases', LEASE);
  const isAnother = async (): Promise<boolean> => {
    const lease = await leaseOf(admin);
    return lease !== undefined && lease.metadata?.uid !== uid && lease.spec?.holderIdentity !== '';
  };
  await until(isAnother, { timeout: LEASE_SECONDS * 4000, why: 'somebody to take the Lease anew' });
  const next = await fleet.leader();
  const took = performance.now() - deleted;
  const { id: newLog } = await liveLog(running(next));
  await until(() => tail.workOf(newLog).length > 0, { timeout: 30_000, why: 'a write of who leads now' });
  const late = newLog === oldLog ? 0 : lateWrites(tail, oldLog, newLog);
  return { 'at work again': new Distribution([took]).seconds(), 'old writes that arrived late': late };
}

/** Without its keeper a process can sign nothing and renew nothing: it ends in order, and is started with a new one. */
async function killKeeper({ fleet }: Arena, full: boolean): Promise<Measured> {
  const again: number[] = [];
  for (let n = 0; n < (full ? KEEPERS : 1); n++) {
    const leader = await fleet.leader();
    const { pid, exited } = running(leader);
    process.kill(keeperOf(pid), 'SIGKILL');
    const killed = performance.now();
    const { code } = await exited;
    if (code !== KEEPER_GONE) throw new Error(`without its keeper it ended with ${code} instead of ${KEEPER_GONE}`);
    await fleet.leader();
    again.push(performance.now() - killed);
  }
  return { 'at work again': new Distribution(again).seconds() };
}

const KEEPERS = 3;

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'sigkill',
    group: 'process',
    expects: 'a process that is killed at any moment is followed by one that goes on where it stopped',
    // Nobody is at work for most of a full run: what the load took away meanwhile, hundreds of namespaces, is still to go.
    recovery: 300_000,
    inflict: killLeaders,
  },
  {
    name: 'sigterm',
    group: 'process',
    expects: 'a process that is asked to stop ends with 0, and the next one need not wait for its lease',
    inflict: stopInOrder,
  },
  {
    name: 'keeper-killed',
    group: 'process',
    expects: 'a process whose keeper is gone ends with 69, and the next one has a keeper again',
    ends: KEEPERS,
    inflict: killKeeper,
  },
  {
    name: 'frozen-leader',
    group: 'process',
    expects: 'a leader that slept longer than its lease writes nothing when it wakes, and ends',
    needs: { replicas: 2 },
    ends: 1,
    times: 5,
    inflict: freezeLeader,
  },
  {
    name: 'lease-deleted',
    group: 'process',
    expects: 'one replica leads again under a new Lease, and the reign before writes nothing after that',
    needs: { replicas: 2 },
    ends: 1,
    times: 5,
    inflict: deleteLease,
  },
];
