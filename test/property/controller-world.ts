import type { Controller, Input } from '#core/controller.ts';
import { listedBy } from '#core/controller.ts';
import { deepFreeze, type Json } from '#core/json.ts';
import type { Outcome, Plan, Write } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { type Fate, fakeStore, runPlan } from '#kit/fake-store.ts';
import { viewOf } from '#kit/view.ts';

export const START: Ms = Date.parse('2026-01-01T00:00:00Z');

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

/** `ReplicaSet web`. All is in one namespace. */
export const idOf = (object: ApiObject): string => `${object.kind} ${object.metadata?.name}`;
const version = (object: ApiObject | undefined): number => Number(object?.metadata?.resourceVersion ?? 0);

export interface Stage {
  readonly controller: Controller;
  readonly key: string;
  /** The object of the key, as `idOf` names it. */
  readonly main: string;
  readonly initial: readonly ApiObject[];
  /** What must hold for each write at the moment it is done. */
  readonly check: (write: Write, plan: Plan, seen: ApiObject) => void;
  /** What the server makes of an object beside what was written; `before` is absent where it is new. */
  readonly served?: (object: ApiObject, before: ApiObject | undefined) => ApiObject;
}

/**
 * A tiny cluster around one key of one controller: a store, a cache that shows own writes at once and everybody else's
 * late, and the machinery's promises (one run at a time, a barrier after a lost answer).
 */
export function createControllerWorld({ controller, key, main, initial, check, served = (object) => object }: Stage) {
  const store = fakeStore(initial, { graceful: true });
  const cache = new Map<string, ApiObject>();
  const tombs = new Set<string>();
  let late: { id: string; object: ApiObject | undefined; uid: string }[] = [];
  let memory: Json | undefined;
  let now = START;
  let blocked = false;

  const resync = (): void => {
    cache.clear();
    late = [];
    for (const object of store.objects()) cache.set(idOf(object), object);
  };
  resync();

  /** Somebody else's change: the cache learns of it later. */
  const announce = (object: ApiObject): void =>
    void late.push({ id: idOf(object), object, uid: object.metadata?.uid ?? '' });
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
  const live = (id: string): ApiObject | undefined => store.objects().find((object) => idOf(object) === id);

  const absorb = (outcome: Outcome): void => {
    if (outcome.kind !== 'applied') return;
    const { write } = outcome;
    if (outcome.object !== undefined) cache.set(idOf(outcome.object), outcome.object);
    else if (write.verb === 'delete') {
      tombs.add(write.ref.uid ?? '');
      cache.delete(idOf(write.before));
    }
  };

  const serve = (write: Write): Outcome => {
    const uid = 'ref' in write ? write.ref.uid : undefined;
    const before = uid === undefined ? undefined : store.objects().find(({ metadata }) => metadata?.uid === uid);
    const done = store.write(write);
    if (done.kind !== 'applied' || done.object === undefined) return done;
    const object = served(done.object, before);
    store.put(object);
    return { ...done, object };
  };

  const execute = (plan: Plan, fates: readonly Drawn[], seen: ApiObject | undefined) => {
    // The gate's live read of the owner, before anything is sent.
    if (plan.confirm !== undefined && live(main)?.metadata?.deletionTimestamp !== undefined) {
      return plan.chains.map((chain) =>
        chain.map((write): Outcome => ({ write, kind: 'stale', code: 'GATE_STALE_PLAN' })),
      );
    }
    return runPlan(plan, (write, nth) => {
      const fate = fates[nth % Math.max(1, fates.length)] ?? 'applied';
      if (fate === 'lost-undone' || fate === 'lost-done') blocked = true;
      if (fate !== 'applied' && fate !== 'lost-done') return { ...FATES[fate], write } as Outcome;
      if (seen !== undefined) check(write, plan, seen);
      const done = serve(write);
      if (fate === 'applied') {
        absorb(done);
        return done;
      }
      if (done.kind === 'applied' && done.object !== undefined) announce(done.object);
      else if (done.kind === 'applied' && write.verb === 'delete')
        late.push({ id: idOf(write.before), object: undefined, uid: write.ref.uid ?? '' });
      return { ...FATES['lost-undone'], write } as Outcome;
    });
  };

  const input = (): Input<Resource, ApiObject> => ({
    key,
    object: cache.get(main),
    view: viewOf([...cache.values()], listedBy(controller.rbac)),
    memory: deepFreeze(memory),
    derived: undefined,
    facts: undefined,
    now: { wall: now, mono: now },
    seed: '0'.repeat(64),
    settings: {},
  });

  return {
    store,
    live,
    vanish,
    deliver,
    change: (object: ApiObject): void => announce(store.store(object)),
    /** As the cache shows it, and all of it. */
    shown: (id: string): ApiObject | undefined => cache.get(id),
    all: (): readonly ApiObject[] => [...cache.values()],
    now: (): Ms => now,
    tick(by: Ms): void {
      now += by;
    },
    /** Another process takes over: lists afresh, remembers nothing. */
    failover(): void {
      resync();
      memory = undefined;
      blocked = false;
    },
    /** One run of the key, as the machinery does it; says whether the controller wishes to write, or to run on. */
    run(fates: readonly Drawn[]): { readonly writes: boolean; readonly again: boolean } {
      if (blocked) deliver(Number.POSITIVE_INFINITY);
      blocked = false;
      const [loop] = controller.loops;
      const before = input();
      const seen = before.object;
      const plan = deepFreeze(loop?.reconcile(before) as Plan);
      const outcomes = execute(plan, fates, seen);
      const settled = deepFreeze(loop?.settle?.({ ...input(), object: seen }, outcomes, plan) as Plan);
      execute(settled, fates, seen);
      for (const { memory: next } of [plan, settled]) {
        if (next !== undefined) memory = next === null ? undefined : next;
      }
      const both = [plan, settled];
      return { writes: both.some(({ chains }) => chains.length > 0), again: both.some(({ next }) => next === 'again') };
    },
  };
}
