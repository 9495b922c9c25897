import { expect } from 'vitest';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import { jsonEqual } from '#core/json.ts';
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf, isControlledBy } from '#core/owner.ts';
import type { Plan, Write } from '#core/plan.ts';
import { isActive, isReady } from '#core/pod.ts';
import type { ApiObject } from '#core/resource.ts';
import { formatTime } from '#core/time.ts';
import { pod, replicaSet } from '#kit/build.ts';
import { createControllerWorld, type Drawn, idOf } from './controller-world.ts';

export type { Drawn } from './controller-world.ts';

const OTHER = replicaSet({ name: 'other', labels: { app: 'web' } });

/** The tiny cluster around one ReplicaSet, with checks on every single write. */
export function createWorld(minReadySeconds: number) {
  const foreign = [pod({ name: 'foreign-1', owner: OTHER }), pod({ name: 'foreign-2', owner: OTHER })];
  let serial = 0;

  const replicaSetIn = (objects: readonly ApiObject[]): ReplicaSet =>
    objects.find((object) => idOf(object) === 'ReplicaSet web') as ReplicaSet;
  const countable = (objects: readonly ApiObject[]): number => {
    const web = replicaSetIn(objects);
    return (objects.filter((object) => object.kind === 'Pod') as Pod[]).filter(
      (one) => isActive(one) && isControlledBy(one, web) && one.metadata?.labels?.app === 'web',
    ).length;
  };

  const check = (write: Write, plan: Plan, main: ApiObject): void => {
    const seen = main as ReplicaSet;
    const wished = seen.spec.replicas ?? 1;
    if (seen.metadata?.deletionTimestamp !== undefined) expect(write.reason).toBe('status');
    if (write.verb === 'create') {
      expect(countable(base.all())).toBeLessThan(wished);
      expect(controllerOf(write.object)?.uid).toBe('uid-web');
      return;
    }
    if (write.verb !== 'delete' && write.verb !== 'patch') throw new Error(`a ReplicaSet never ${write.verb}s`);
    if (write.ref.resource !== 'core/pods') {
      expect([write.verb, write.ref.uid]).toEqual(['patch', 'uid-web']);
      return;
    }
    const target = base.shown(`Pod ${write.ref.name}`) as Pod;
    const [mine, matches] = [controllerOf(target)?.uid === 'uid-web', target.metadata?.labels?.app === 'web'];
    if (write.verb === 'delete') {
      expect([mine, matches, isActive(target)]).toEqual([true, true, true]);
      expect(countable(base.all())).toBeGreaterThan(wished);
      return;
    }
    if (write.reason === 'release') expect([mine, matches]).toEqual([true, false]);
    else {
      expect([controllerOf(target), matches]).toEqual([undefined, true]);
      expect(plan.confirm?.read[0]?.uid).toBe('uid-web');
    }
  };

  const base = createControllerWorld({
    controller: replicaset,
    key: 'default/web',
    main: 'ReplicaSet web',
    initial: [replicaSet({ replicas: 2, minReadySeconds, status: { replicas: 0 } }), OTHER, ...foreign],
    check,
  });
  const { store, change, vanish, deliver } = base;
  const pods = (): readonly Pod[] => store.objects().filter((object) => object.kind === 'Pod') as Pod[];
  const own = (): readonly Pod[] => pods().filter((one) => isControlledBy(one, replicaSetIn(store.objects())));

  const report = (target: Pod, phase: string, status: string): void => {
    const ready = { type: 'Ready', status, lastTransitionTime: formatTime(base.now()) };
    change({ ...target, status: { phase, conditions: [ready] } } as Pod);
  };

  return {
    run: (fates: readonly Drawn[]) => base.run(fates),
    deliver,
    failover: base.failover,
    tick: base.tick,
    scale(replicas: number): void {
      const web = replicaSetIn(store.objects());
      const generation = (web.metadata?.generation ?? 0) + 1;
      change({ ...web, metadata: { ...web.metadata, generation }, spec: { ...web.spec, replicas } } as ReplicaSet);
    },
    leave(): void {
      const web = replicaSetIn(store.objects());
      change({ ...web, metadata: { ...web.metadata, deletionTimestamp: formatTime(base.now()), finalizers: ['f'] } });
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
      else change({ ...target, metadata: { ...target.metadata, deletionTimestamp: formatTime(base.now()) } });
    },
    /** All trouble ends: pods come up, leaving ones go, the cache catches up, writes succeed, until it is quiet. */
    heal(): void {
      for (let round = 0; round < 40; round++) {
        for (const one of own()) {
          if (one.metadata?.deletionTimestamp !== undefined) vanish(one);
          else if (isActive(one) && !isReady(one)) report(one, 'Running', 'True');
        }
        base.tick(60_000);
        deliver(Number.POSITIVE_INFINITY);
        const { writes, again } = base.run([]);
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
}

export type World = ReturnType<typeof createWorld>;
