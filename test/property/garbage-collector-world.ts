import { garbageCollector } from '#controllers/cluster/garbage-collector.ts';
import type { AnyLoop, Derive, Input, ReadResult, Reads } from '#core/controller.ts';
import { deepFreeze } from '#core/json.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import { wentThrough } from '#core/outcome.ts';
import type { Enqueue, Outcome, Plan, Write } from '#core/plan.ts';
import { type ApiObject, type Resource, resourceInfo } from '#core/resource.ts';
import { viewOf } from '#kit/view.ts';
import { type Begun, createChecks, ends, owners, resourceNamed, uidOf } from './garbage-collector-checks.ts';
import {
  type Change,
  createServer,
  NAMESPACES,
  NEW_WIDGETS,
  OWN_FINALIZER,
  RESOURCES,
  shownAs,
  storedAs,
  WIDGETS,
} from './garbage-collector-server.ts';
import { createTracking } from './garbage-collector-tracking.ts';

const derive = garbageCollector.derive as Derive;
const queueOf = (name: string): AnyLoop => garbageCollector.loops.find(({ queue }) => queue === name) as AnyLoop;
const [DELETE = ''] = garbageCollector.loops.map(({ queue }) => queue);
const held = (object: ApiObject | undefined, by: string): boolean =>
  object?.metadata?.finalizers?.includes(by) ?? false;
/** What becomes of a write that the API server does not simply answer. */
export type Trouble = 'unknown-done' | 'unknown' | 'failed' | 'denied';

/** Runs that wait for their turn: every read and every write is done when the story says so. */
interface Turns {
  readonly waiting: (() => void)[];
  turn(): Promise<void>;
}

/**
 * A cluster with one garbage collector: an API server, a watch per resource that is late as the story wishes, live
 * reads and writes at moments of their own, and a check on every write.
 */
export function createWorld() {
  const late = new Map<Resource, Change[]>(RESOURCES.map((resource) => [resource, []]));
  const server = createServer((change) => late.get(change.resource)?.push(change));
  const troubles: Trouble[] = [];
  /** All that ever was. */
  const past: { readonly name: string; readonly uid: string }[] = [];
  const turns: Turns = { waiting: [], turn: () => new Promise((resolve) => turns.waiting.push(resolve)) };
  let graph = derive.initial();
  let reign = 1;
  let mono = 0;
  let ready = new Map<string, Enqueue>();
  let delayed = new Map<string, Enqueue>();
  let out = new Set<string>();
  let serial = 0;
  let failure: unknown;

  const now = () => ({ wall: mono, mono });
  const idOf = ({ loop = DELETE, key }: Enqueue): string => `${loop} ${key}`;
  const wake = (wakes: readonly Enqueue[], loop = DELETE): void => {
    for (const one of wakes) {
      const whole = { loop, ...one };
      (one.after === undefined ? ready : delayed).set(idOf(whole), whole);
    }
  };

  const tracking = createTracking(server, late, () => mono, {
    tracked: (told) => wake(derive.tracked?.(graph, told, now()) ?? []),
    fold(resource, old, next) {
      checks.sight(uidOf(next ?? old), next);
      wake(derive.fold(graph, resource, old, next, now()));
    },
  });
  const checks = createChecks(server, tracking);
  const { ownerOf } = checks;
  const { served, down, deliver, discover, list } = tracking;

  const reads: Pick<Reads, 'metadata'> = {
    async metadata(resource, at): Promise<ReadResult<ApiObject>> {
      await turns.turn();
      const stored = storedAs(resource);
      if (down.has(stored)) return { ok: false, status: 503, reason: '' };
      if (!served.has(stored)) return { ok: false, status: 404, reason: 'NotServed' };
      const object = server.get(resource, at);
      if (object === undefined) return { ok: false, status: 404, reason: 'NotFound' };
      return { ok: true, object: shownAs(resource, object) };
    },
  };

  const send = (write: Write): Outcome => {
    const resource = storedAs((write as Extract<Write, { verb: 'delete' }>).ref.resource);
    if (down.has(resource)) return { write, kind: 'failed', code: 'API_UNAVAILABLE', status: 503 };
    if (!served.has(resource)) return { write, kind: 'failed', code: 'API_REFUSED', status: 404 };
    const trouble = troubles.shift();
    if (trouble === 'failed') return { write, kind: 'failed', code: 'API_UNAVAILABLE', status: 503 };
    if (trouble === 'denied') return { write, kind: 'denied', code: 'GATE_POLICY_DENIED', rules: [] };
    if (trouble === 'unknown') return { write, kind: 'unknown', code: 'API_UNKNOWN' };
    const outcome = server.write(write);
    return trouble === undefined ? outcome : { write, kind: 'unknown', code: 'API_UNKNOWN' };
  };

  const execute = async (plan: Plan, mine: number, begun: Begun): Promise<Outcome[][]> => {
    checks.checkEnd(plan, begun);
    const outcomes: Outcome[][] = [];
    for (const chain of plan.chains) {
      const done: Outcome[] = [];
      for (const write of chain) {
        await turns.turn();
        if (mine !== reign || done.some((one) => !wentThrough(one))) {
          done.push({ write, kind: 'skipped' });
          continue;
        }
        checks.check(write, plan, begun);
        done.push(send(write));
      }
      outcomes.push(done);
    }
    return outcomes;
  };

  const input = (key: string): Input<Resource, ApiObject> => ({
    key,
    object: undefined,
    view: viewOf([], []),
    memory: undefined,
    derived: graph,
    facts: undefined,
    now: now(),
    seed: '0'.repeat(64),
    settings: {},
  });

  const run = async (one: Enqueue, mine: number): Promise<void> => {
    const loop = queueOf(one.loop ?? DELETE);
    const begun = checks.begin();
    const facts = deepFreeze(await loop.gather?.(input(one.key), reads as Reads));
    if (mine !== reign) return;
    const plan = deepFreeze(loop.reconcile({ ...input(one.key), facts }));
    const outcomes = await execute(plan, mine, begun);
    if (mine !== reign) return;
    const settled = deepFreeze(loop.settle?.({ ...input(one.key), facts }, outcomes, plan) as Plan);
    const more = await execute(settled, mine, begun);
    if (mine !== reign) return;
    out.delete(idOf(one));
    for (const part of [plan, settled]) {
      for (const learnt of part.learnt ?? []) wake(derive.learn?.(graph, learnt, now()) ?? []);
      wake(part.enqueue ?? [], one.loop);
      if (part.next === 'again') ready.set(idOf(one), one);
      if (part.next === 'backoff' || part.requeueAfter !== undefined) delayed.set(idOf(one), one);
    }
    if ([...outcomes, ...more].flat().some((outcome) => !wentThrough(outcome))) delayed.set(idOf(one), one);
  };
  const start = (nth: number): boolean => {
    const idle = [...ready.values()].filter((one) => !out.has(idOf(one)));
    const one = idle[nth % Math.max(1, idle.length)];
    if (one === undefined) return false;
    ready.delete(idOf(one));
    out.add(idOf(one));
    run(one, reign).catch((error: unknown) => {
      failure ??= error;
    });
    return true;
  };
  const flush = async (): Promise<void> => {
    for (let turn = 0; turn < 8; turn++) await null;
    if (failure !== undefined) throw failure;
  };

  const elapse = (): void => {
    mono += 60_000;
    for (const [id, one] of delayed) ready.set(id, one);
    delayed.clear();
  };
  const restart = (cold: boolean): void => {
    reign += 1;
    graph = derive.initial();
    ready = new Map();
    delayed = new Map();
    out = new Set();
    checks.restart();
    tracking.restart(cold);
  };
  const calm = (): void => {
    down.clear();
    tracking.failing.clear();
    troubles.splice(0);
    tracking.allow();
    for (const resource of RESOURCES) served.add(resource);
    discover();
    for (const resource of RESOURCES) list(resource);
  };

  const pick = (nth: number) => {
    const all = server.all();
    return all[nth % Math.max(1, all.length)];
  };
  /** A reference to somebody, right or wrong in one of the ways that people find. */
  const reference = (nth: number, how: number, blocks: boolean): OwnerReference => {
    const [resource, target] = pick(nth) ?? ['core/pods' as Resource, undefined];
    const right = {
      apiVersion: target?.apiVersion ?? 'v1',
      kind: resourceInfo(resource).kind,
      name: target?.metadata?.name ?? 'nobody',
      uid: target === undefined ? 'uid-nobody' : uidOf(target),
      ...(blocks && { blockOwnerDeletion: true }),
    };
    const wrongs: readonly Partial<OwnerReference>[] = [
      { name: 'other' },
      { kind: 'ConfigMap', apiVersion: 'v1' },
      { uid: `uid-never-${how}` },
      { kind: 'Unheard', apiVersion: 'example.org/v1' },
      ...past.filter(({ name }) => name === right.name).slice(0, 1),
      ...(resource === WIDGETS ? [{ apiVersion: 'example.com/v1' }, { apiVersion: 'example.com/v3' }] : []),
    ];
    return how < 12 ? right : { ...right, ...wrongs[how % wrongs.length] };
  };

  const world = {
    start,
    deliver,
    discover,
    list,
    elapse,
    restart,
    serve: (resource: Resource, on: boolean): void => void (on ? served.add(resource) : served.delete(resource)),
    setFailing: (version: string, on: boolean): void =>
      void (on ? tracking.failing.add(version) : tracking.failing.delete(version)),
    prefer: (fresh: boolean, alone: boolean): void => tracking.prefer(fresh ? NEW_WIDGETS : WIDGETS, alone),
    trouble: (one: Trouble): void => void troubles.push(one),
    resource: (nth: number): Resource => RESOURCES[nth % RESOURCES.length] as Resource,
    setDown: (resource: Resource, on: boolean): void => void (on ? down.add(resource) : down.delete(resource)),
    /** Somebody's read or write happens. */
    async step(nth: number): Promise<void> {
      const [next] = turns.waiting.splice(nth % Math.max(1, turns.waiting.length), 1);
      next?.();
      await flush();
    },
    flush,
    /** Somebody begins, and has his turns before all others. */
    async work(nth: number): Promise<void> {
      start(nth);
      await flush();
      for (let turn = 0; turn < 5; turn++) await world.step(turns.waiting.length - 1);
    },
    /** A name that was there before is another object. */
    create(kind: number, references: readonly (readonly [number, number, boolean])[], as = serial + 1): void {
      serial += 1;
      const resource = world.resource(kind);
      const named = new Map(
        references.map(([nth, how, blocks]) => reference(nth, how, blocks)).map((one) => [one.uid, one]),
      );
      const namespace = NAMESPACES[as % 3 === 0 ? 1 : 0] as string;
      const uid = server.create(resource, namespace, `o${as}`, [...named.values()]);
      if (uid !== undefined) past.push({ name: `o${as}`, uid });
    },
    end(nth: number, propagation: string): void {
      const [resource, object] = pick(nth) ?? [];
      if (resource !== undefined && object !== undefined && !ends(object)) server.end(resource, object, propagation);
    },
    /** Hands an object to another owner, adds one, or takes all away. */
    give(nth: number, to: readonly [number, number, boolean] | undefined): void {
      const [resource, object] = pick(nth) ?? [];
      if (resource === undefined || object === undefined) return;
      const given =
        to === undefined ? [] : [...owners(object).filter(({ uid }) => uid !== reference(...to).uid), reference(...to)];
      server.put(resource, { ...object, metadata: { ...object.metadata, ownerReferences: given } });
    },
    hold(nth: number, on: boolean): void {
      const [resource, object] = pick(nth) ?? [];
      if (resource === undefined || object === undefined || ends(object) === on) return;
      const others = (object.metadata?.finalizers ?? []).filter((one) => one !== OWN_FINALIZER);
      const finalizers = on ? [...others, OWN_FINALIZER] : others;
      server.put(resource, { ...object, metadata: { ...object.metadata, finalizers } });
    },
    /** Whoever is ready runs to its end. */
    async drain(each: () => void = () => {}): Promise<void> {
      for (let work = 0; work < 400; work++) {
        each();
        while (start(0));
        await flush();
        if (turns.waiting.length === 0 && ready.size === 0) return;
        for (const next of turns.waiting.splice(0)) next();
        await flush();
      }
    },
    /** All trouble ends, and everything that is under way and due is done. */
    async heal(): Promise<void> {
      calm();
      for (let round = 0; round < 60; round++) {
        for (const [resource, object] of server.all())
          if (ends(object) && held(object, OWN_FINALIZER)) {
            const finalizers = object.metadata?.finalizers?.filter((one) => one !== OWN_FINALIZER) ?? [];
            server.put(resource, { ...object, metadata: { ...object.metadata, finalizers } });
          }
        const before = JSON.stringify(server.all());
        await world.drain(() => {
          for (const resource of RESOURCES) deliver(resource, Number.POSITIVE_INFINITY);
        });
        if (JSON.stringify(server.all()) === before && round > 2) return;
        elapse();
      }
      throw new Error('not quiet after 60 rounds');
    },
    /** Objects of which no reference leads anywhere, where that can be known. */
    garbage: (): readonly ApiObject[] =>
      server.all().flatMap(([, object]) => {
        const references = owners(object);
        const lost = references.every((one) => isKnown(one, object) && ownerOf(one, object) === undefined);
        return references.length > 0 && lost && !ends(object) ? [object] : [];
      }),
    /** Objects whose end waits for the collector, though it waits for nothing. */
    stuck: (): readonly ApiObject[] =>
      server.all().flatMap(([, object]) => {
        const waiting = ends(object) && (held(object, 'orphan') || held(object, 'foregroundDeletion'));
        return waiting && !isExcused(object, new Set()) ? [object] : [];
      }),
    objects: () => server.all().map(([, object]) => object),
    deletions: checks.deletions,
  };
  const isKnown = (ref: OwnerReference, object: ApiObject): boolean => {
    const resource = resourceNamed(ref);
    if (resource === undefined) return false;
    return !resourceInfo(resource).namespaced || object.metadata?.namespace !== undefined;
  };
  /** It waits for somebody who cannot be decided on, or who waits so. */
  const isExcused = (object: ApiObject, asked: Set<string>): boolean => {
    if (asked.has(uidOf(object))) return false;
    asked.add(uidOf(object));
    return server
      .all()
      .some(
        ([, one]) =>
          owners(one).some(({ uid }) => uid === uidOf(object)) &&
          (owners(one).some((ref) => !isKnown(ref, one)) || isExcused(one, asked)),
      );
  };
  calm();
  return world;
}
export type World = ReturnType<typeof createWorld>;
