/** What happens when the ledger can no longer record: nothing leaves any more, and the process says so and ends. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '#core/k8s/types.gen.ts';
import { brief, isWork, logOf, ourWrites } from '#kit/audit.ts';
import { heard, leaseOf, liveLog, newNamespace, ready, recordsIn, saidBy, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { ANCHOR_ANNOTATION } from '#leader/lease.ts';
import { verifyLedger } from '#ledger/verify.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 2, first: false });
const LEDGER_FAILED = 74;
const failed = new Map<string, { readonly id: string; readonly ledgerDir: string }>();
/** A process that fails does not give its lease up: the next one waits for its end. */
const flags = [
  '--leader-elect-lease-duration=15s',
  '--leader-elect-renew-deadline=12s',
  '--leader-elect-retry-period=500ms',
];

/** The newest segment: the file that the process appends to. */
async function liveSegment(manager: Parameters<typeof liveLog>[0]): Promise<string> {
  const { path } = await liveLog(manager);
  const newest = readdirSync(join(path, 'wal')).sort().at(-1);
  return join(path, 'wal', newest ?? '');
}

/** Requests of a log in the API server's own log, leases aside. */
const writesOf = (log: string) => ourWrites(world.cluster).filter((event) => isWork(event) && logOf(event) === log);

/** Every ReplicaSet is in order, and nothing was written between two looks. */
async function quiet(log: string): Promise<void> {
  const inOrder = (sets: readonly ReplicaSet[]): boolean =>
    sets.every(({ spec, status }) => status?.readyReplicas === spec?.replicas);
  await world.admin.waitForAll('apps/replicasets', {}, inOrder, {
    timeout: 120_000,
    why: 'every ReplicaSet to be in order',
  });
  let last = -1;
  const same = (): boolean => {
    const before = last;
    last = writesOf(log).length;
    return last === before;
  };
  await until(same, { timeout: 20_000, every: 300, why: 'the writes to end' });
}

/** Where the Lease says that a log stood. */
async function anchored(log: string): Promise<number> {
  const text = (await leaseOf(world.admin))?.metadata?.annotations?.[ANCHOR_ANNOTATION] ?? '{}';
  const { origin, size } = JSON.parse(text) as { origin?: string; size?: number };
  return origin?.endsWith(`/${log}`) === true ? (size ?? 0) : 0;
}

describe('a ledger that fails under a running process', () => {
  test.each([
    ['is deleted', (segment: string) => unlinkSync(segment)],
    ['is truncated', (segment: string) => truncateSync(segment, 0)],
  ] as const)('I2: its file %s: it ends with 74, and nothing leaves unrecorded', async (what, harm) => {
    const { admin } = world;
    const manager = await world.start({ replica: what.replaceAll(' ', '-'), flags });
    const { id } = await liveLog(manager);
    const name = what.replaceAll(' ', '-');
    await newNamespace(admin, name);
    await admin.create('apps/replicasets', replicaSet(name, 'before', 3));
    await ready(admin, { namespace: name, name: 'before' }, 3);
    await quiet(id);
    const harmed = Date.now();
    harm(await liveSegment(manager));
    await admin.create('apps/replicasets', replicaSet(name, 'after', 200));
    const { code } = await manager.exited;
    expect(code).toBe(LEDGER_FAILED);
    // What could not be recorded did not leave: not one pod, no status, no Event.
    const late = writesOf(id).filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) > harmed);
    expect(brief(late)).toEqual([]);
    expect(await admin.list('core/pods', { namespace: name, selector: 'app=after' })).toEqual([]);
    expect(saidBy(manager)).toContain('ledger-failed');
    failed.set(name, { id, ledgerDir: manager.ledgerDir });
  });

  test('the next process works, and knows of each record that is missing', async () => {
    const { admin } = world;
    const cut = [...failed.values()].at(-1) as { id: string; ledgerDir: string };
    const told = await anchored(cut.id);
    const held = (await recordsIn(cut.ledgerDir)).filter(({ log }) => log === cut.id).length;
    expect(told).toBeGreaterThan(0);
    const manager = await world.start({ replica: 'is-truncated', flags });
    await ready(admin, { namespace: 'is-truncated', name: 'after' }, 200);
    const said = /finding a (damaged log|ledger that was put back)/.test(saidBy(manager));
    expect(said || held >= told, `the Lease tells of ${told} records, ${held} are there`).toBe(true);
    expect((await manager.kill('SIGTERM')).code).toBe(0);
  });

  test('I16: a ledger that was put back to an older copy is noticed by the Lease, said and recorded', async () => {
    const { admin } = world;
    const first = await world.start({ replica: 'put-back', flags });
    await newNamespace(admin, 'put-back');
    const { id, path } = await liveLog(first);
    const older = `${path}.older`;
    cpSync(path, older, { recursive: true });
    const copied = await anchored(id);
    await admin.create('apps/replicasets', replicaSet('put-back', 'web', 20));
    await ready(admin, { namespace: 'put-back', name: 'web' }, 20);
    await until(async () => (await anchored(id)) > copied + 20, { timeout: 10_000, why: 'the Lease to tell of it' });
    await first.kill('SIGKILL');
    rmSync(path, { recursive: true });
    renameSync(older, path);
    const second = await world.start({ replica: 'put-back', flags });
    await heard(second, 'finding a ledger that was put back');
    const note = (await recordsIn(second.ledgerDir)).find(({ data }) => data.note === 'rolled-back')?.data;
    expect(note).toMatchObject({ anchor: { size: expect.any(Number) }, found: expect.any(Number) });
    const { anchor, found } = note as unknown as { anchor: { size: number }; found: number };
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(anchor.size);
    expect((await verifyLedger({ directory: second.ledgerDir })).verdict).toBe('broken');
    // What takes away waits for a person, and whoever looks at the cluster's Events hears so.
    await admin.waitForAll(
      'core/events',
      { namespace: 'default', fields: 'involvedObject.name=comptroller-system' },
      (events) =>
        events.some(({ reason, message }) => reason === 'BreakerTripped' && message?.includes('ledger') === true),
      { why: 'the Event of the hold' },
    );
    expect((await second.kill('SIGTERM')).code).toBe(0);
  });

  test('I16: so is one that was put back to a copy from before its last log, though another has led since', async () => {
    const start = (replica: string) => world.start({ replica, flags });
    const first = await start('set-back');
    expect((await first.kill('SIGTERM')).code).toBe(0);
    const older = `${first.ledgerDir}.older`;
    cpSync(first.ledgerDir, older, { recursive: true });
    const second = await start('set-back');
    const { id } = await liveLog(second);
    expect((await second.kill('SIGTERM')).code).toBe(0);
    const other = await start('another');
    expect((await other.kill('SIGTERM')).code).toBe(0);
    rmSync(second.ledgerDir, { recursive: true });
    renameSync(older, second.ledgerDir);
    const third = await start('set-back');
    await heard(third, 'finding a ledger that was put back');
    const notes = (await recordsIn(third.ledgerDir)).filter(({ data }) => data.note === 'rolled-back');
    expect(notes.map(({ data }) => data)).toMatchObject([
      { anchor: { origin: expect.stringMatching(new RegExp(`/${id}$`)) }, found: 0 },
    ]);
    expect((await third.kill('SIGTERM')).code).toBe(0);
  });
});

describe('a ledger that cannot be opened', () => {
  const refusal = async (replica: string): Promise<string> => {
    const manager = await world.start({ replica, flags, waitForLead: false });
    const { code } = await manager.exited;
    expect(code).toBe(2);
    return saidBy(manager);
  };

  test('others could read it: the error names the directory, its mode and the remedy', async () => {
    const directory = join(world.at.ledgers, 'open-to-all');
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    expect(await refusal('open-to-all')).toMatch(
      /opening the ledger: .*open-to-all has mode 755, others could read it; run chmod 700/,
    );
  });

  test('its disk is full: nothing starts, nothing is half-written', async () => {
    const directory = join(world.at.ledgers, 'full');
    mkdirSync(directory, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', directory]);
    try {
      const said = await refusal('full');
      expect(said).toMatch(/ENOSPC|no room|no space/i);
      expect(said).not.toContain('controllers started');
    } finally {
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true });
    }
  });

  test('another process has it: the second one does not start', async () => {
    const first = await world.start({ replica: 'shared', flags });
    await heard(first, 'controllers started');
    const said = await refusal('shared');
    // Its keeper is the first to notice: state and ledger belong to one process.
    expect(said).toMatch(/starting the keeper: .*(another|already|in use|lock)/i);
    expect((await recordsIn(first.ledgerDir)).some(({ type }) => type === 'stop')).toBe(false);
    expect(statSync(first.ledgerDir).mode & 0o777).toBe(0o700);
    expect((await first.kill('SIGTERM')).code).toBe(0);
  });
});
