import { expect } from 'vitest';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import type { Input } from '#core/controller.ts';
import { listedBy } from '#core/controller.ts';
import { deepFreeze, type Json, jsonEqual } from '#core/json.ts';
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf, isControlledBy } from '#core/owner.ts';
import type { Outcome, Plan, Write } from '#core/plan.ts';
import { isActive, isReady } from '#core/pod.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { formatTime, type Ms } from '#core/time.ts';
import { pod, replicaSet } from '#kit/build.ts';
import { type Fate, fakeStore, runPlan } from '#kit/fake-store.ts';
import { viewOf } from '#kit/view.ts';

const KEY = 'default/web';
const OTHER = replicaSet({ name: 'other', labels: { app: 'web' } });
const START: Ms = Date.parse('2026-01-01T00:00:00Z');

/** What may become of a write; `lost-*` are answers that never came, of writes that were done or were not. */
export type Drawn =
  | 'applied'
  | 'denied'
  | 'failed'
  | 'conflict'
  | 'terminating'
  | 'paced'
  | 'lost-done'
  | 'lost-undone';

const FATES: Readonly<Record<Exclude<Drawn, 'applied' | 'lost-done'>, Fate>> = {
  denied: { kind: 'denied', code: 'GATE_POLICY_DENIED', rules: [{ rule: 'r', title: 't' }] },
  failed: { kind: 'failed', code: 'API_UNAVAILABLE', status: 503 },
  conflict: { kind: 'conflict', code: 'API_CONFLICT' },
  terminating: { kind: 'failed', code: 'API_NAMESPACE_TERMINATING', status: 403 },
  paced: { kind: 'exhausted', code: 'GATE_QUOTA_EXHAUSTED', retryAfter: 1000 },
  'lost-undone': { kind: 'unknown', code: 'API_UNKNOWN' },
};

/**
 * A tiny cluster around one ReplicaSet: a store, a cache that shows own writes at once and everybody else's late, the
 * machinery's promises (one run at a time, a barrier after a lost answer), and checks on every single write.
 */
export function createWorld(minReadySeconds: number) {
  const foreign = [pod({ name: 'foreign-1', owner: OTHER }), pod({ name: 'foreign-2', owner: OTHER })];
  const store = fakeStore([replicaSet({ replicas: 2, minReadySeconds, status: { replicas: 0 } }), OTHER, ...foreign], {
    graceful: true,
  });
  const cache = new Map<string, ApiObject>();
  const tombs = new Set<string>();
  let late: { id: string; object: ApiObject | undefined; uid: string }[] = [];
  let memory: Json | undefined;
  let now = START;
  let blocked = false;
  let serial = 0;

  const idOf = (object: ApiObject): string => `${object.kind} ${object.metadata?.name}`;
  const version = (object: ApiObject | undefined): number => Number(object?.metadata?.resourceVersion ?? 0);
  const resync = (): void => {
    cache.clear();
    late = [];
    for (const object of store.objects()) cache.set(idOf(object), object);
  };
  resync();

  const pods = (): readonly Pod[] => store.objects().filter((object) => object.kind === 'Pod') as Pod[];
  const replicaSetIn = (objects: readonly ApiObject[]): ReplicaSet =>
    objects.find((object) => idOf(object) === 'ReplicaSet web') as ReplicaSet;
  const own = (): readonly Pod[] => pods().filter((one) => isControlledBy(one, replicaSetIn(store.objects())));

  /** Somebody else's change: the cache learns of it later. */
  const announce = (object: ApiObject): void =>
    void late.push({ id: idOf(object), object, uid: object.metadata?.uid ?? '' });
  const change = (object: ApiObject): void => announce(store.store(object));
  const vanish = (object: ApiObject): void => {
    store.remove(object);
    late.push({ id: idOf(object), object: undefined, uid: object.metadata?.uid ?? '' });
  };
  const deliver = (count: number): void => {
    for (const { id, object, uid } of late.splice(0, count)) {
      if (object === undefined) {
        tombs.add(uid);
        if (cache.get(id)?.metadata?.uid === uid) cache.delete(id);
      } else if (!tombs.has(uid) && version(object) > version(cache.get(id))) cache.set(id, object);
    }
  };

  const report = (target: Pod, phase: string, status: string): void => {
    const ready = { type: 'Ready', status, lastTransitionTime: formatTime(now) };
    change({ ...target, status: { phase, conditions: [ready] } } as Pod);
  };

  const countable = (objects: readonly ApiObject[]): number => {
    const web = replicaSetIn(objects);
    return (objects.filter((object) => object.kind === 'Pod') as Pod[]).filter(
      (one) => isActive(one) && isControlledBy(one, web) && one.metadata?.labels?.app === 'web',
    ).length;
  };

  /** What must hold for each write at the moment it is done. */
  const check = (write: Write, plan: Plan, seen: ReplicaSet): void => {
    const wished = seen.spec.replicas ?? 1;
    if (seen.metadata?.deletionTimestamp !== undefined) expect(write.reason).toBe('status');
    if (write.verb === 'create') {
      expect(countable([...cache.values()])).toBeLessThan(wished);
      expect(controllerOf(write.object)?.uid).toBe('uid-web');
      return;
    }
    if (write.verb !== 'delete' && write.verb !== 'patch') throw new Error(`a ReplicaSet never ${write.verb}s`);
    if (write.ref.resource !== 'core/pods') {
      expect([write.verb, write.ref.uid]).toEqual(['patch', 'uid-web']);
      return;
    }
    const target = cache.get(`Pod ${write.ref.name}`) as Pod;
    const [mine, matches] = [controllerOf(target)?.uid === 'uid-web', target.metadata?.labels?.app === 'web'];
    if (write.verb === 'delete') {
      expect([mine, matches, isActive(target)]).toEqual([true, true, true]);
      expect(countable([...cache.values()])).toBeGreaterThan(wished);
      return;
    }
    if (write.reason === 'release') expect([mine, matches]).toEqual([true, false]);
    else {
      expect([controllerOf(target), matches]).toEqual([undefined, true]);
      expect(plan.confirm?.read[0]?.uid).toBe('uid-web');
    }
  };

  const absorb = (outcome: Outcome): void => {
    if (outcome.kind !== 'applied' || outcome.object === undefined) return;
    cache.set(idOf(outcome.object), outcome.object);
  };

  const execute = (plan: Plan, fates: readonly Drawn[], seen: ReplicaSet) => {
    // The gate's live read of the owner, before anything is sent.
    const live = replicaSetIn(store.objects());
    if (plan.confirm !== undefined && live.metadata?.deletionTimestamp !== undefined) {
      return plan.chains.map((chain) =>
        chain.map((write): Outcome => ({ write, kind: 'stale', code: 'GATE_STALE_PLAN' })),
      );
    }
    return runPlan(plan, (write, nth) => {
      const fate = fates[nth % Math.max(1, fates.length)] ?? 'applied';
      if (fate === 'lost-undone' || fate === 'lost-done') blocked = true;
      if (fate !== 'applied' && fate !== 'lost-done') return { ...FATES[fate], write } as Outcome;
      check(write, plan, seen);
      const done = store.write(write);
      if (fate === 'applied') {
        absorb(done);
        return done;
      }
      if (done.kind === 'applied' && done.object !== undefined) announce(done.object);
      return { ...FATES['lost-undone'], write } as Outcome;
    });
  };

  const input = (): Input<Resource, ApiObject> => ({
    key: KEY,
    object: cache.get('ReplicaSet web'),
    view: viewOf([...cache.values()], listedBy(replicaset.rbac)),
    memory: deepFreeze(memory),
    derived: undefined,
    facts: undefined,
    now: { wall: now, mono: now },
    seed: '0'.repeat(64),
    settings: {},
  });

  const world = {
    /** One run of the key, as the machinery does it; says whether the controller wishes to write, or to run on. */
    run(fates: readonly Drawn[]): { readonly writes: boolean; readonly again: boolean } {
      if (blocked) deliver(Number.POSITIVE_INFINITY);
      blocked = false;
      const [loop] = replicaset.loops;
      const before = input();
      const seen = before.object as ReplicaSet;
      const plan = deepFreeze(loop?.reconcile(before) as Plan);
      const outcomes = execute(plan, fates, seen);
      const settled = deepFreeze(loop?.settle?.({ ...input(), object: before.object }, outcomes, plan) as Plan);
      execute(settled, fates, seen);
      for (const { memory: next } of [plan, settled]) {
        if (next !== undefined) memory = next === null ? undefined : next;
      }
      const both = [plan, settled];
      return { writes: both.some(({ chains }) => chains.length > 0), again: both.some(({ next }) => next === 'again') };
    },
    deliver,
    /** Another process takes over: lists afresh, remembers nothing. */
    failover(): void {
      resync();
      memory = undefined;
      blocked = false;
    },
    tick(by: Ms): void {
      now += by;
    },
    scale(replicas: number): void {
      const web = replicaSetIn(store.objects());
      const generation = (web.metadata?.generation ?? 0) + 1;
      change({ ...web, metadata: { ...web.metadata, generation }, spec: { ...web.spec, replicas } } as ReplicaSet);
    },
    leave(): void {
      const web = replicaSetIn(store.objects());
      change({ ...web, metadata: { ...web.metadata, deletionTimestamp: formatTime(now), finalizers: ['f'] } });
    },
    /** The kubelet of our n-th pod does something. */
    kubelet(nth: number, what: 'ready' | 'unready' | 'fail' | 'remove'): void {
      const target = own()[nth % Math.max(1, own().length)];
      if (target === undefined) return;
      if (what === 'remove') {
        if (target.metadata?.deletionTimestamp !== undefined) vanish(target);
        return;
      }
      report(target, what === 'fail' ? 'Failed' : 'Running', what === 'ready' ? 'True' : 'False');
    },
    /** A user meddles with our n-th pod, or makes one of their own. */
    user(nth: number, what: 'delete' | 'relabel' | 'orphan' | 'alike'): void {
      const target = own()[nth % Math.max(1, own().length)];
      serial += 1;
      if (what === 'orphan') change(pod({ name: `orphan-${serial}` }));
      else if (what === 'alike') change(pod({ name: `alike-${serial}`, labels: { app: 'alike' } }));
      else if (target === undefined) return;
      else if (what === 'relabel') change({ ...target, metadata: { ...target.metadata, labels: { app: 'gone' } } });
      else change({ ...target, metadata: { ...target.metadata, deletionTimestamp: formatTime(now) } });
    },
    /** All trouble ends: pods come up, leaving ones go, the cache catches up, writes succeed, until it is quiet. */
    heal(): void {
      for (let round = 0; round < 40; round++) {
        for (const one of own()) {
          if (one.metadata?.deletionTimestamp !== undefined) vanish(one);
          else if (isActive(one) && !isReady(one)) report(one, 'Running', 'True');
        }
        now += 60_000;
        deliver(Number.POSITIVE_INFINITY);
        const { writes, again } = world.run([]);
        if (!writes && !again) return;
      }
      throw new Error('not quiet after 40 rounds');
    },
    own,
    pods,
    replicaSet: () => replicaSetIn(store.objects()),
    countable: () => countable(store.objects()),
    foreignUntouched: () =>
      foreign.every((one) => pods().some((other) => jsonEqual(one, other))) &&
      pods()
        .filter((one) => one.metadata?.name?.startsWith('alike-'))
        .every((one) => controllerOf(one) === undefined),
  };
  return world;
}

export type World = ReturnType<typeof createWorld>;
