import { describe, expect, test } from 'vitest';
import type { Lease } from '#core/k8s/types.gen.ts';
import { createElector, type End, type LeaseRead, type LeaseWritten } from './elector.ts';
import type { Epoch } from './port.ts';

const config = {
  identity: 'a_1',
  namespace: 'kube-system',
  name: 'kube-controller-manager',
  leaseDuration: 15_000,
  renewDeadline: 10_000,
  retryPeriod: 2000,
  margin: 1000,
  jumpBound: 2000,
};

const MINE = '0123456789abcdef';

/** One replica before a lease server that the test drives; time moves only when told to. */
function setUp(first?: Lease) {
  const timers: { due: number; run: () => void }[] = [];
  const server = { lease: first, version: 1, up: true, busy: 0, hang: false, late: 0, slow: 0, writes: 0 };
  const seen = {
    won: [] as [Epoch, string | undefined, ...number[]][],
    lost: [] as string[],
    end: undefined as End | undefined,
  };
  let time = 0;
  const store = (lease: Lease): LeaseWritten => {
    if (!server.up) return { ok: false, why: 'failed' };
    if (lease.metadata?.resourceVersion !== server.lease?.metadata?.resourceVersion)
      return { ok: false, why: 'conflict' };
    server.lease = { ...lease, metadata: { ...lease.metadata, uid: 'u', resourceVersion: String(++server.version) } };
    return { ok: true, lease: server.lease };
  };
  const after = (delay: number, run: () => void): (() => void) => {
    const timer = { due: time + delay, run };
    timers.push(timer);
    return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
  };
  const write = (lease: Lease): Promise<LeaseWritten> => {
    server.writes++;
    if (server.hang) return new Promise(() => {});
    if (server.slow > 0) return new Promise((resolve) => after(server.slow, () => resolve(store(lease))));
    if (server.late === 0) return Promise.resolve(store(lease));
    return new Promise((resolve) => after(server.late, () => resolve({ ok: false, why: 'failed' })));
  };
  const elector = createElector({
    config,
    clock: { now: () => ({ wall: time, mono: time }), after },
    read: async (): Promise<LeaseRead> => (server.up ? { ok: true, lease: server.lease } : { ok: false }),
    write: (_kind, lease) => write(lease),
    inFlight: () => server.busy,
    anchor: () => ({ directory: MINE, origin: 'mine', size: 1, root: `${'A'.repeat(43)}=` }),
    onWon: (epoch, { last, own }) => seen.won.push([epoch, last?.origin, ...(own === undefined ? [] : [own.size])]),
    onLost: (why) => seen.lost.push(why),
    meter: { count: () => {}, set: () => {}, observe: () => {} },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    random: () => 0,
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const advance = async (by: number): Promise<void> => {
    const end = time + by;
    for (;;) {
      await settle();
      const next = timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      timers.splice(timers.indexOf(next), 1);
      time = Math.max(time, next.due);
      next.run();
    }
    time = end;
  };
  const abort = new AbortController();
  void elector.run(abort.signal).then((end) => {
    seen.end = end;
  });
  /** The process stands still: what is due meanwhile is late. */
  const freeze = (by: number): void => {
    time += by;
  };
  return { elector, server, seen, advance, freeze, abort };
}

const THEIRS = { origin: 'theirs', size: 9, root: `${'B'.repeat(43)}=` };
const held = (holder: string, mine?: object): Lease => ({
  metadata: {
    uid: 'u',
    resourceVersion: '1',
    annotations: {
      'comptroller.dev/anchor': JSON.stringify(THEIRS),
      ...(mine !== undefined && { 'comptroller.dev/ledgers': JSON.stringify({ [MINE]: mine }) }),
    },
  },
  spec: { holderIdentity: holder, leaseDurationSeconds: 15, leaseTransitions: 2 },
});

describe('winning', () => {
  test('a lease that nobody has, at once', async () => {
    const { elector, seen, advance } = setUp();
    await advance(0);
    expect(seen.won).toEqual([[{ lease: 'u', transitions: 0, holder: 'a_1' }, undefined]]);
    expect(elector.fence.admits(5000)).toBe(true);
  });

  test('an abandoned lease, after its duration, with the anchor of the predecessor', async () => {
    const { elector, seen, advance } = setUp(held('b_1'));
    await advance(14_999);
    expect(seen.won).toEqual([]);
    expect(elector.holder()).toBe('b_1');
    expect(elector.fence.epoch()).toBeUndefined();
    await advance(1);
    await advance(0);
    expect(seen.won).toEqual([[{ lease: 'u', transitions: 3, holder: 'a_1' }, 'theirs']]);
  });

  test('a lease that another had, with where our own ledger stood when it led last', async () => {
    const { seen, advance } = setUp(held('', { ...THEIRS, origin: 'mine-before', size: 70 }));
    await advance(1000);
    expect(seen.won).toEqual([[{ lease: 'u', transitions: 3, holder: 'a_1' }, 'theirs', 70]]);
  });

  test('a released lease, at the next look', async () => {
    const { seen, server, advance } = setUp(held('b_1'));
    await advance(1000);
    server.lease = { ...held(''), metadata: { ...held('').metadata, resourceVersion: '2' } };
    server.version = 2;
    await advance(1100);
    expect(seen.won).toHaveLength(1);
  });
});

describe('keeping', () => {
  test('a disk or an API server that takes four seconds over each renewal: the next try follows at once', async () => {
    const { seen, server, advance } = setUp();
    await advance(0);
    server.slow = 4000;
    const { writes } = server;
    await advance(60_000);
    expect(seen.lost).toEqual([]);
    // The first after a period; each one after that 4.1 s after the one before.
    expect(server.writes - writes).toBe(15);
  });

  test('tries once in a period where nothing is slow', async () => {
    const { server, advance } = setUp();
    await advance(0);
    const { writes } = server;
    await advance(20_000);
    expect(server.writes - writes).toBe(10);
  });
});

describe('losing', () => {
  test('nothing renewed within the deadline: the fence closes before, leadership ends at it', async () => {
    const { elector, seen, server, advance } = setUp();
    await advance(0);
    server.up = false;
    await advance(9999);
    expect(seen.lost).toEqual([]);
    expect(elector.fence.admits(5000)).toBe(false);
    await advance(1);
    expect(seen.lost).toEqual(['renew-deadline']);
    expect(seen.end).toEqual({ kind: 'lost', why: 'renew-deadline' });
    expect(elector.fence.epoch()).toBeUndefined();
  });

  test('a process that was frozen past the deadline does not renew when it wakes', async () => {
    const { seen, server, advance, freeze } = setUp();
    await advance(500);
    const { version } = server;
    freeze(10_000);
    await advance(0);
    expect(seen.lost).toEqual(['renew-deadline']);
    expect(server.version).toBe(version);
  });

  test('an answer that never comes does not hide the deadline', async () => {
    const { seen, server, advance } = setUp();
    await advance(0);
    server.hang = true;
    await advance(10_000);
    expect(seen.lost).toEqual(['renew-deadline']);
  });

  test('a renewal whose answer was waited for longer than a period is followed by the next one at once', async () => {
    const { seen, server, advance } = setUp();
    await advance(0);
    server.late = 5000;
    await advance(2000);
    server.late = 0;
    const { version } = server;
    await advance(5000);
    expect(server.version).toBe(version);
    await advance(100);
    expect(server.version).toBe(version + 1);
    await advance(9000);
    expect(seen.lost).toEqual([]);
  });

  test('a renewal that fails at once is tried again after the period, and not before', async () => {
    const { server, advance } = setUp();
    await advance(0);
    server.writes = 0;
    server.late = 50;
    await advance(2000 + 1999);
    expect(server.writes).toBe(1);
    await advance(1);
    expect(server.writes).toBe(2);
  });

  test.each([
    ['lease-taken', held('b_1')],
    ['lease-deleted', undefined],
  ])('%s', async (why, lease) => {
    const { elector, seen, server, advance } = setUp();
    await advance(0);
    server.lease = lease && { ...lease, metadata: { ...lease.metadata, resourceVersion: '99' } };
    await advance(2200);
    expect(seen.lost).toEqual([why]);
    expect(elector.fence.admits(0)).toBe(false);
  });

  test('a foreign change of the lease that leaves the holder is renewed over', async () => {
    const { elector, seen, server, advance } = setUp();
    await advance(0);
    server.lease = { ...server.lease, metadata: { ...server.lease?.metadata, resourceVersion: '99' } };
    await advance(4000);
    expect(seen.lost).toEqual([]);
    expect(elector.fence.admits(5000)).toBe(true);
  });
});

describe('release', () => {
  test('frees the lease and closes the fence for good', async () => {
    const { elector, seen, server, advance } = setUp();
    await advance(3000);
    expect(await elector.release()).toBe('released');
    expect(server.lease?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    expect(elector.fence.admits(0)).toBe(false);
    await advance(20_000);
    expect(server.lease?.spec?.holderIdentity).toBe('');
    expect(seen.end).toEqual({ kind: 'released' });
    expect(seen.lost).toEqual([]);
  });

  test('never while a request is in flight', async () => {
    const { elector, server, advance } = setUp();
    await advance(0);
    server.busy = 1;
    expect(await elector.release()).toBe('busy');
    expect(server.lease?.spec?.holderIdentity).toBe('a_1');
  });

  test('a follower has nothing to release', async () => {
    const { elector, advance } = setUp(held('b_1'));
    await advance(0);
    expect(await elector.release()).toBe('not-held');
  });

  test('aborting ends it without a release', async () => {
    const { elector, seen, server, advance, abort } = setUp();
    await advance(0);
    abort.abort();
    await advance(0);
    expect(seen.end).toEqual({ kind: 'stopped' });
    expect(elector.fence.epoch()).toBeUndefined();
    expect(server.lease?.spec?.holderIdentity).toBe('a_1');
  });
});
