/** What happens when the ledger can no longer record: nothing leaves any more, and the process says so and ends. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { brief, isWork, logOf, ourWrites } from '#kit/audit.ts';
import { heard, liveLog, newNamespace, ready, recordsIn, saidBy, withManager } from '#kit/manager.ts';
import { verifyLedger } from '#ledger/verify.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 2, first: false });
const LEDGER_FAILED = 74;

/** The newest segment: the file that the process appends to. */
async function liveSegment(manager: Parameters<typeof liveLog>[0]): Promise<string> {
  const { path } = await liveLog(manager);
  const newest = readdirSync(join(path, 'wal')).sort().at(-1);
  return join(path, 'wal', newest ?? '');
}

/** Requests of a log in the API server's own log, leases aside. */
const writesOf = (log: string) => ourWrites(world.cluster).filter((event) => isWork(event) && logOf(event) === log);

describe('a ledger that fails under a running process', () => {
  test.each([
    ['is deleted', (segment: string) => unlinkSync(segment)],
    ['is truncated', (segment: string) => truncateSync(segment, 0)],
  ] as const)('I2: its file %s: it ends with 74, and nothing leaves unrecorded', async (what, harm) => {
    const { admin } = world;
    const manager = await world.start({ replica: what.replaceAll(' ', '-') });
    const { id } = await liveLog(manager);
    const name = what.replaceAll(' ', '-');
    await newNamespace(admin, name);
    await admin.create('apps/replicasets', replicaSet(name, 'before', 3));
    await ready(admin, { namespace: name, name: 'before' }, 3);
    harm(await liveSegment(manager));
    await admin.create('apps/replicasets', replicaSet(name, 'after', 200));
    const { code } = await manager.exited;
    expect(code).toBe(LEDGER_FAILED);
    // Whatever the API server did for this process was recorded first: in memory of the records that it confirmed.
    const made = writesOf(id).filter(({ objectRef, verb }) => verb === 'create' && objectRef?.resource === 'pods');
    expect(made.length, brief(made).join('\n')).toBeLessThan(203);
    const after = await admin.list('core/pods', { namespace: name, selector: 'app=after' });
    expect(after.length).toBeLessThan(200);
    expect(saidBy(manager)).toContain('ledger-failed');
  });

  test('the next process works, and says what it found of the damaged log', async () => {
    const { admin } = world;
    const manager = await world.start({ replica: 'is-truncated' });
    await ready(admin, { namespace: 'is-truncated', name: 'after' }, 200);
    expect(saidBy(manager)).toContain('damaged');
    const report = await verifyLedger({ directory: manager.ledgerDir });
    expect(report.verdict).toBe('broken');
    await manager.kill('SIGTERM');
  });
});

describe('a ledger that cannot be opened', () => {
  const refusal = async (replica: string): Promise<string> => {
    const manager = await world.start({ replica, waitForLead: false });
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
      expect(said).toMatch(/ENOSPC|no space/i);
      expect(said).not.toContain('controllers started');
    } finally {
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true });
    }
  });

  test('another process has it: the second one does not start', async () => {
    const first = await world.start({ replica: 'shared' });
    await heard(first, 'controllers started');
    const said = await refusal('shared');
    // Its keeper is the first to notice: state and ledger belong to one process.
    expect(said).toMatch(/starting the keeper: .*(another|already|in use|lock)/i);
    expect((await recordsIn(first.ledgerDir)).some(({ type }) => type === 'stop')).toBe(false);
    expect(statSync(first.ledgerDir).mode & 0o777).toBe(0o700);
    expect((await first.kill('SIGTERM')).code).toBe(0);
  });
});
