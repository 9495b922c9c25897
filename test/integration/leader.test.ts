import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReader } from '#api/read.ts';
import { createStreams } from '#api/watch.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import type { Lease } from '#core/k8s/types.gen.ts';
import { createIdentities } from '#identity/identities.ts';
import { compileProfiles } from '#identity/profiles.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { until } from '#kit/wait.ts';
import { createElector, type Elector, type ElectorParts } from '#leader/elector.ts';
import { leaseFound, leasePath, leaseRequest, leaseWritten } from '#leader/request.ts';
import { watchLease } from '#leader/watch.ts';
import { systemClock } from '#telemetry/clock.ts';

const at = { namespace: 'kube-system', name: 'kube-controller-manager' };
const root = `${'A'.repeat(43)}=`;

let world: IdentityCluster;
let leader: Admin;
let wire: Pick<ElectorParts, 'read' | 'changes'>;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  world = await identityCluster();
  leader = await world.as('leader');
  const telemetry = recordingTelemetry();
  const identities = await createIdentities({
    keeper: world.keeper,
    profiles: compileProfiles(CONTROLLERS, 'comptroller'),
    serverCaPem: readFileSync(world.cluster.caFile, 'utf8'),
    lifetime: 3_600_000,
    clock: systemClock,
    ...telemetry,
    onCertificate: async () => undefined,
  });
  const endpoint = { server: world.cluster.server, version: 'test' };
  const parts = { endpoint, identities, clock: systemClock, ...telemetry };
  const reader = createReader(parts);
  wire = {
    read: async () => leaseFound(await reader.get('leader', leasePath(at), { timeout: 2000 })),
    changes: watchLease({ streams: createStreams(parts), clock: systemClock, at }),
  };
  closers.push(
    () => reader.close(),
    () => identities.close(),
  );
  // The leader's role is in force once it may read.
  await until(async () => (await leader.call('GET', leasePath(at))).status === 404, {
    timeout: 10_000,
    why: 'the role of the leader to be in force',
  });
});
afterAll(async () => {
  for (const close of closers) await close();
  await world?.stop();
});

interface Replica {
  readonly elector: Elector;
  readonly won: { at: number; transitions: number; predecessor: string | undefined }[];
  readonly lost: string[];
}

/** An elector on the real API server; its writes go out with the leader's certificate, as the gate would send them. */
function start(name: string): Replica {
  const won: Replica['won'] = [];
  const lost: string[] = [];
  const elector = createElector({
    config: {
      ...at,
      identity: `${name}_1`,
      leaseDuration: 6000,
      renewDeadline: 4000,
      retryPeriod: 1000,
      margin: 500,
      jumpBound: 2000,
    },
    clock: systemClock,
    ...wire,
    write: async (kind, lease) => {
      const { method, path, body } = leaseRequest(kind, lease, at, 2000);
      const answer = await leader.call(method, path, { body: JSON.parse(body ?? '') });
      return leaseWritten({ kind: 'answered', ...answer });
    },
    inFlight: () => 0,
    anchor: () => ({ directory: name.repeat(16), origin: `log-${name}`, size: 7, root }),
    onWon: ({ transitions }, { last }) => won.push({ at: performance.now(), transitions, predecessor: last?.origin }),
    onLost: (why) => lost.push(why),
    ...recordingTelemetry(),
  });
  const stop = new AbortController();
  void elector.run(stop.signal);
  closers.unshift(() => stop.abort());
  return { elector, won, lost };
}

const lease = async (): Promise<Lease | undefined> => world.admin.get('coordination.k8s.io/leases', at);

describe('leadership on a real API server', () => {
  test('is won, handed over within half a second, and lost to whoever takes it', async () => {
    const first = start('a');
    await expect.poll(() => first.won.length).toBe(1);
    expect(first.elector.fence.admits(3000)).toBe(true);
    expect((await lease())?.spec).toMatchObject({
      holderIdentity: 'a_1',
      leaseDurationSeconds: 6,
      leaseTransitions: 0,
    });
    // Somebody's annotation is carried on.
    const annotated = { metadata: { annotations: { 'example.com/kept': 'yes' } } };
    await world.admin.call('PATCH', leasePath(at), { body: annotated, contentType: 'application/merge-patch+json' });

    const second = start('b');
    await expect.poll(() => second.elector.holder()).toBe('a_1');
    expect(second.elector.fence.admits(0)).toBe(false);

    const released = performance.now();
    expect(await first.elector.release()).toBe('released');
    expect(first.elector.fence.admits(0)).toBe(false);
    await expect.poll(() => second.won.length, { interval: 5, timeout: 5000 }).toBe(1);
    expect((second.won[0]?.at ?? Number.NaN) - released).toBeLessThan(500);
    expect(second.won[0]).toMatchObject({ transitions: 1, predecessor: 'log-a' });
    const held = await lease();
    expect(held?.metadata?.annotations).toEqual({
      'example.com/kept': 'yes',
      'comptroller.dev/anchor': JSON.stringify({ origin: 'log-b', size: 7, root }),
      'comptroller.dev/ledgers': JSON.stringify({
        aaaaaaaaaaaaaaaa: { origin: 'log-a', size: 7, root },
        bbbbbbbbbbbbbbbb: { origin: 'log-b', size: 7, root },
      }),
    });

    const taken = { spec: { holderIdentity: 'intruder_1' } };
    await world.admin.call('PATCH', leasePath(at), { body: taken, contentType: 'application/merge-patch+json' });
    await expect.poll(() => second.lost, { timeout: 3000 }).toEqual(['lease-taken']);
    expect(second.elector.fence.admits(0)).toBe(false);

    const third = start('c');
    await expect.poll(() => third.won.length, { timeout: 15_000 }).toBe(1);
    expect(third.won[0]).toMatchObject({ transitions: 2 });
    expect(await third.elector.release()).toBe('released');
  });

  test('ends at the renew deadline when the API server is gone, its fence closed before', async () => {
    const replica = start('d');
    await expect.poll(() => replica.won.length, { timeout: 20_000 }).toBe(1);
    await world.cluster.killApiServer();
    const gone = performance.now();
    await expect.poll(() => replica.elector.fence.admits(3000), { timeout: 5000, interval: 20 }).toBe(false);
    expect(replica.lost).toEqual([]);
    await expect.poll(() => replica.lost, { timeout: 8000, interval: 20 }).toEqual(['renew-deadline']);
    expect(performance.now() - gone).toBeLessThan(4500);
    await world.cluster.startApiServer();
  });
});
