import { describe, expect, test } from 'vitest';
import { serviceaccount } from '#controllers/identity/serviceaccount.ts';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import type { PlannedEvent } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { denied, gateBench, wired } from '#kit/gate.ts';
import { createEventLane } from './events.ts';
import type { Work } from './work.ts';

const event = (message: string, name = 'web'): PlannedEvent => ({
  regarding: { resource: 'apps/replicasets', namespace: 'a', name, uid: `u-${name}` },
  type: 'Warning',
  reason: 'FailedCreate',
  message,
});

function laneBench(...args: Parameters<typeof gateBench>) {
  const bench = gateBench(...args);
  const work = (controller = replicaset): Work => ({
    controller,
    loop: 'replicaset',
    key: 'a/web',
    view: bench.parts.cache.view([]),
    now: bench.clock.now(),
  });
  return { ...bench, lane: createEventLane(bench.parts), work };
}

describe('the lane of Events', () => {
  test('I1, I4: an Event takes the same way, under the controller that planned it', async () => {
    const { lane, work, happened } = laneBench();
    lane.emit(work(), [event('Error creating: x')]);
    await lane.drained();
    expect(happened.map(({ at }) => at)).toEqual(['intent', 'wire', 'outcome']);
    const [request] = wired(happened);
    expect(request).toMatchObject({
      class: 'event',
      identity: 'replicaset',
      verb: 'create',
      target: { resource: 'core/events', namespace: 'a' },
    });
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      message: 'Error creating: x',
      reason: 'FailedCreate',
      type: 'Warning',
      count: 1,
      source: { component: 'replicaset-controller' },
      involvedObject: { kind: 'ReplicaSet', uid: 'u-web' },
    });
  });

  test('equal Events that come together are one write; those that come later count it up', async () => {
    const { lane, work, happened } = laneBench();
    lane.emit(work(), [event('same'), event('same'), event('same')]);
    await lane.drained();
    lane.emit(work(), [event('same'), event('same')]);
    await lane.drained();
    const requests = wired(happened);
    expect(requests.map(({ verb }) => verb)).toEqual(['create', 'patch']);
    expect(requests.map(({ body }) => JSON.parse(body ?? '').count)).toEqual([3, 5]);
  });

  test('those that are combined wait for each other: twenty are nine and one that tells of eleven', async () => {
    const { lane, work, happened } = laneBench();
    lane.emit(
      work(),
      Array.from({ length: 20 }, (_, n) => event(`n${n}`)),
    );
    await lane.drained();
    const bodies = wired(happened).map(({ body }) => JSON.parse(body ?? ''));
    expect(bodies.map(({ count }) => count)).toEqual([...Array(9).fill(1), 11]);
    expect(bodies.at(-1)?.message).toBe('(combined from similar events): n19');
  });

  test('what comes while one is under way waits for it', async () => {
    const { lane, work, happened } = laneBench();
    for (let n = 0; n < 4; n += 1) lane.emit(work(), [event('same')]);
    await lane.drained();
    expect(wired(happened).map(({ body }) => JSON.parse(body ?? '').count)).toEqual([1, 4]);
  });

  test('refused ones stand nowhere, and are one denial by object and reason', async () => {
    const { lane, work, happened, parts } = laneBench({ decide: () => denied('r') });
    for (let n = 0; n < 3; n += 1) lane.emit(work(), [event(`n${n}`), event(`n${n}`, 'other')]);
    await lane.drained();
    expect(parts.park.size()).toBe(0);
    const ids = happened.flatMap((one) => (one.at === 'denial' ? [one.draft.writeId] : []));
    expect(ids).toHaveLength(6);
    expect(new Set(ids)).toEqual(
      new Set(['replicaset|u-web|event|create|FailedCreate', 'replicaset|u-other|event|create|FailedCreate']),
    );
  });

  test('one that is refused is dropped, and the next is tried afresh', async () => {
    const { lane, work, happened, world } = laneBench({ decide: () => denied('r') });
    lane.emit(work(), [event('x')]);
    await lane.drained();
    expect(wired(happened)).toEqual([]);
    world.ledger = 'fails';
    lane.emit(work(), [event('y')]);
    await lane.drained();
    expect(wired(happened)).toEqual([]);
  });

  test('a controller that declares no Events writes none', async () => {
    const { lane, work, happened } = laneBench();
    lane.emit(work(serviceaccount), [event('x')]);
    await lane.drained();
    expect(wired(happened)).toEqual([]);
  });

  test('I15: a flood is dropped and counted, and never waited for', async () => {
    const { lane, work, parts } = laneBench();
    lane.emit(
      work(),
      Array.from({ length: 3000 }, (_, n) => event('x', `set-${n}`)),
    );
    await lane.drained();
    const { counts } = parts as unknown as { counts: Map<string, number> };
    expect(counts.get('gate_events_dropped_total{why=queue-full}')).toBe(2000);
  });

  test("I15: one namespace's flood takes nothing from another, and delays it by one Event at most", async () => {
    const { lane, work, happened } = laneBench();
    const regarding = { resource: 'apps/replicasets', namespace: 'b', name: 'calm', uid: 'u-calm' } as const;
    const flood = Array.from({ length: 3000 }, (_, n) => event('x', `set-${n}`));
    lane.emit(work(), [...flood, { ...event('tripped'), regarding }]);
    await lane.drained();
    const at = wired(happened).findIndex(({ target }) => target.namespace === 'b');
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(3);
  });

  test('closed, it finishes what is under way, and drops and counts the rest', async () => {
    const { lane, work, happened, parts } = laneBench();
    lane.emit(
      work(),
      Array.from({ length: 10 }, (_, n) => event('x', `web-${n}`)),
    );
    lane.close();
    lane.emit(work(), [event('too late')]);
    await lane.drained();
    expect(wired(happened)).toHaveLength(2);
    const { counts } = parts as unknown as { counts: Map<string, number> };
    expect(counts.get('gate_events_dropped_total{why=ending}')).toBe(9);
  });

  test('an Event about a cluster-scoped object lies in the namespace default', async () => {
    const { lane, work, happened } = laneBench();
    const node: ApiObject = { metadata: { name: 'n', uid: 'u' } };
    lane.emit(work(), [
      {
        regarding: { resource: 'core/nodes', name: node.metadata?.name ?? '', uid: 'u' },
        type: 'Normal',
        reason: 'R',
        message: 'm',
      },
    ]);
    await lane.drained();
    expect(wired(happened)[0]?.target.namespace).toBe('default');
  });
});
