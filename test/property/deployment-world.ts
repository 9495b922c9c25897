import { expect } from 'vitest';
import { deployment } from '#controllers/workloads/deployment.ts';
import type { Deployment, Pod, PodTemplateSpec, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf, isControlledBy } from '#core/owner.ts';
import type { Patch, Plan, Write } from '#core/plan.ts';
import { isActive, isReady, isTerminal } from '#core/pod.ts';
import type { ApiObject } from '#core/resource.ts';
import { scaledValue } from '#core/scaled.ts';
import { formatTime } from '#core/time.ts';
import { deployment as build } from '#kit/build.ts';
import { createControllerWorld, type Drawn } from './controller-world.ts';
import { createSets } from './deployment-sets.ts';

const MAIN = 'Deployment web';
const NAME = 'deployment.kubernetes.io';

export interface Bounds {
  readonly maxSurge: number | string;
  readonly maxUnavailable: number | string;
}
export type Strategy = 'Recreate' | Bounds;
export interface Wish {
  readonly replicas?: number | undefined;
  readonly paused?: boolean | undefined;
  readonly strategy?: Strategy | undefined;
  readonly image?: number | undefined;
}

/** Upstream's rule once more, written from its documentation: the world must not trust what it holds to account. */
function boundsOf({ spec: { replicas = 1, strategy } }: Deployment): { readonly most: number; readonly least: number } {
  if (strategy?.type !== 'RollingUpdate') return { most: replicas, least: 0 };
  const surge = scaledValue(strategy.rollingUpdate?.maxSurge, replicas, 'up') ?? 0;
  const missing = scaledValue(strategy.rollingUpdate?.maxUnavailable, replicas, 'down') ?? 0;
  const fewer = surge === 0 && missing === 0 ? 1 : missing;
  return { most: replicas + surge, least: Math.max(0, replicas - fewer) };
}

const sizeOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 1;
const setsIn = (objects: readonly ApiObject[]): readonly ReplicaSet[] =>
  objects.filter((object) => object.kind === 'ReplicaSet') as ReplicaSet[];
const imageOf = (template: PodTemplateSpec | undefined): string => template?.spec?.containers[0]?.image ?? '';

/**
 * The tiny cluster around one Deployment: ReplicaSets that follow their size when they get round to it, pods that come up,
 * break down and end, users who change their minds. Each write is held to the bounds at the moment it is done.
 */
export function createWorld(replicas: number, strategy: Strategy, minReadySeconds = 0) {
  let judged = 0;
  const check = (write: Write, plan: Plan, main: ApiObject): void => {
    const seen = main as Deployment;
    if (seen.metadata?.deletionTimestamp !== undefined) expect(write.reason).toBe('status');
    if (write.verb === 'create') {
      const made = write.object as ReplicaSet;
      expect(controllerOf(made)?.uid).toBe('uid-web');
      expect(imageOf(made.spec.template)).toBe(imageOf(seen.spec.template));
      expect(seen.spec.paused).not.toBe(true);
      holdSizes(made, sizeOf(made), plan, seen);
    } else if (write.verb === 'delete') holdDeletion(write.ref.name);
    else if (write.verb !== 'patch') throw new Error(`a Deployment never ${write.verb}s`);
    else if (write.ref.resource === 'apps/replicasets') holdPatch(write, plan, seen);
    else expect([write.ref.resource, write.ref.uid]).toEqual(['apps/deployments', 'uid-web']);
  };

  const holdPatch = (write: Patch, plan: Plan, seen: Deployment): void => {
    const after = write.after as ReplicaSet;
    const before = base.live(`ReplicaSet ${after.metadata?.name}`) as ReplicaSet;
    // Somebody was faster: it will be refused.
    if (before.metadata?.resourceVersion !== write.resourceVersion) return;
    expect(before.spec.template).toEqual(after.spec.template);
    if (sizeOf(before) === sizeOf(after)) return;
    expect(isControlledBy(before, seen)).toBe(true);
    expect(after.metadata?.annotations?.[`${NAME}/desired-replicas`]).toBe(String(seen.spec.replicas));
    holdSizes(after, sizeOf(after), plan, seen);
  };

  /** What the sizes would be with that ReplicaSet at that size, held to the Deployment as the controller saw it. */
  const holdSizes = (of: ReplicaSet, size: number, plan: Plan, seen: Deployment): void => {
    const others = setsIn(base.store.objects()).filter(
      (one) => one.metadata?.name !== of.metadata?.name && isControlledBy(one, seen),
    );
    const before = base.live(`ReplicaSet ${of.metadata?.name}`) as ReplicaSet | undefined;
    const was = before === undefined ? 0 : sizeOf(before);
    const { most, least } = boundsOf(seen);
    const total = others.reduce((sum, one) => sum + sizeOf(one), size);
    // Never more than wished and the surge by an act of ours; a total that was above goes down.
    if (size > was) expect(total).toBeLessThanOrEqual(most);
    // Never less available than bearable by an act of ours. Proportional scaling looks at sizes alone, as upstream's:
    // it is exempt, and so is Recreate, whose purpose it is.
    if (size < was && plan.reason === 'roll') {
      const staying = (one: ReplicaSet, at: number): number =>
        replicaSets.staying(one, base.shown(`ReplicaSet ${one.metadata?.name}`) as ReplicaSet | undefined, at);
      const rest = others.reduce((sum, one) => sum + staying(one, sizeOf(one)), 0);
      expect(rest + staying(of, size)).toBeGreaterThanOrEqual(Math.min(least, rest + staying(of, was)));
      judged += 1;
    }
    if (size > was && seen.spec.strategy?.type === 'Recreate' && plan.reason !== 'scale') holdRecreate(of);
  };

  /** As far as the cache shows: no pod of another ReplicaSet still runs. */
  const holdRecreate = (newest: ReplicaSet): void => {
    const running = (base.all().filter(({ kind }) => kind === 'Pod') as Pod[]).filter((one) => !isTerminal(one));
    const own = newest.metadata?.uid;
    expect(running.filter((one) => controllerOf(one)?.uid !== own).map(({ metadata }) => metadata?.name)).toEqual([]);
  };

  const holdDeletion = (name: string): void => {
    const target = base.live(`ReplicaSet ${name}`) as ReplicaSet | undefined;
    if (target === undefined) return;
    const shown = base.shown(`ReplicaSet ${name}`) as ReplicaSet;
    expect([sizeOf(shown), shown.status?.replicas ?? 0, controllerOf(shown)?.uid]).toEqual([0, 0, 'uid-web']);
  };

  const base = createControllerWorld({
    controller: deployment,
    key: 'default/web',
    main: MAIN,
    initial: [build({ replicas, spec: { strategy: strategyOf(strategy), revisionHistoryLimit: 2, minReadySeconds } })],
    check,
    served: counted,
  });
  const { store, change, vanish } = base;
  const replicaSets = createSets({ objects: () => store.objects(), change, now: base.now });
  const { podsOf } = replicaSets;
  const follow = (set: ReplicaSet): boolean => replicaSets.follow(set.metadata?.name ?? '');
  const web = (): Deployment => base.live(MAIN) as Deployment;
  const sets = (): readonly ReplicaSet[] => setsIn(store.objects());

  const edit = (spec: object, annotations: Record<string, string> = {}): void => {
    const now = web();
    const { metadata } = now;
    const generation = (metadata?.generation ?? 0) + 1;
    const next = { ...metadata, generation, annotations: { ...metadata?.annotations, ...annotations } };
    change({ ...now, metadata: next, spec: { ...now.spec, ...spec } } as Deployment);
  };

  const report = (target: Pod, phase: string, status: string): void => {
    const ready = { type: 'Ready', status, lastTransitionTime: formatTime(base.now()) };
    change({ ...target, status: { phase, conditions: [ready] } } as Pod);
  };
  const pick = <T>(all: readonly T[], nth: number): T | undefined => all[nth % Math.max(1, all.length)];

  return {
    run: (fates: readonly Drawn[]) => base.run(fates),
    deliver: base.deliver,
    failover: base.failover,
    tick: base.tick,
    /** The n-th ReplicaSet gets on with its work. */
    follow(nth: number): void {
      const set = pick(sets(), nth);
      if (set !== undefined) replicaSets.step(set);
    },
    kubelet(nth: number, what: 'ready' | 'unready' | 'fail' | 'remove'): void {
      const target = pick(sets().flatMap(podsOf), nth);
      if (target === undefined) return;
      if (what === 'remove') {
        if (target.metadata?.deletionTimestamp !== undefined) vanish(target);
        return;
      }
      report(target, what === 'fail' ? 'Failed' : 'Running', what === 'ready' ? 'True' : 'False');
    },
    /** Every ReplicaSet gets on with its work, and what it did is seen, and followed. */
    goOn(): void {
      for (const set of sets()) replicaSets.step(set);
      base.deliver(Number.POSITIVE_INFINITY);
      base.run([]);
    },
    /** All pods that can. */
    comeUp(): void {
      for (const one of sets().flatMap(podsOf)) if (isActive(one) && !isReady(one)) report(one, 'Running', 'True');
    },
    /** Everybody does their work once, and is seen. */
    work(): void {
      for (const one of sets().flatMap(podsOf)) {
        if (one.metadata?.deletionTimestamp !== undefined) vanish(one);
        else if (isActive(one) && !isReady(one)) report(one, 'Running', 'True');
      }
      for (const set of sets()) follow(set);
      base.deliver(Number.POSITIVE_INFINITY);
    },
    /** One edit of all that is given. */
    apply({ replicas, paused, strategy: to, image }: Wish): void {
      const { template } = web().spec;
      const pods = { containers: [{ name: 'app', image: `app:${image}`, resources: {} }] };
      edit({
        ...(replicas !== undefined && { replicas }),
        ...(paused !== undefined && { paused }),
        ...(to !== undefined && { strategy: strategyOf(to) }),
        ...(image !== undefined && { template: { ...template, spec: pods } }),
      });
    },
    rollback: (to: number): void => edit({}, { 'deprecated.deployment.rollback.to': String(to) }),
    /** Somebody takes the n-th ReplicaSet off, or meddles with its annotations. */
    meddle(nth: number, what: 'orphan' | 'annotations'): void {
      const set = pick(sets(), nth);
      if (set === undefined) return;
      const { ownerReferences: _, ...metadata } = set.metadata ?? {};
      if (what === 'orphan') change({ ...set, metadata });
      else {
        const annotations = {
          ...metadata.annotations,
          [`${NAME}/max-replicas`]: '1',
          [`${NAME}/desired-replicas`]: 'x',
        };
        change({ ...set, metadata: { ...set.metadata, annotations } });
      }
    },
    leave(): void {
      const { metadata, ...rest } = web();
      change({ ...rest, metadata: { ...metadata, deletionTimestamp: formatTime(base.now()), finalizers: ['f'] } });
    },
    /** All trouble ends: pods come up, leaving ones go, everybody works and sees, until it is quiet. */
    heal(): void {
      if (web().spec.paused === true) edit({ paused: false });
      // Twice, for pods become available between two rounds.
      for (let round = 0, quiet = 0; round < 300; round++) {
        for (const one of sets().flatMap(podsOf)) {
          if (isTerminal(one) || one.metadata?.deletionTimestamp !== undefined) vanish(one);
          else if (!isReady(one)) report(one, 'Running', 'True');
        }
        const moved = sets().map(follow).some(Boolean);
        base.tick(1000 * (1 + minReadySeconds));
        base.deliver(Number.POSITIVE_INFINITY);
        const { writes, again } = base.run([]);
        quiet = moved || writes || again ? 0 : quiet + 1;
        if (quiet === 2) return;
      }
      throw new Error('not quiet after 300 rounds');
    },
    /** How often a write was held to what is available. */
    judged: (): number => judged,
    web,
    sets,
    sizes: (): readonly number[] => sets().map(sizeOf),
    runs: (): readonly string[] =>
      sets()
        .filter((set) => sizeOf(set) > 0)
        .map(({ spec }) => imageOf(spec.template)),
    wishes: (): string => imageOf(web().spec.template),
    revisions: (): ReadonlyMap<string, number> =>
      new Map(
        sets().map(({ metadata, spec }) => [
          imageOf(spec.template),
          Number(metadata?.annotations?.[`${NAME}/revision`] ?? 0),
        ]),
      ),
  };
}

/** The API server counts the generations of a spec. */
function counted(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const specOf = (one: ApiObject | undefined) => JSON.stringify((one as { spec?: unknown } | undefined)?.spec);
  if (object.kind !== 'ReplicaSet' && object.kind !== 'Deployment') return object;
  const generation = before?.metadata?.generation ?? 0;
  const next = specOf(object) === specOf(before) ? generation : generation + 1;
  return { ...object, metadata: { ...object.metadata, generation: next } };
}

function strategyOf(to: Strategy): Deployment['spec']['strategy'] & object {
  return to === 'Recreate' ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate: { ...to } };
}

export type World = ReturnType<typeof createWorld>;
