import { expect } from 'vitest';
import { garbageCollector } from '#controllers/cluster/garbage-collector.ts';
import type { AnyLoop, Derive, Input, ReadResult, Reads } from '#core/controller.ts';
import type { Discovery } from '#core/discovery.ts';
import { deepFreeze } from '#core/json.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import { wentThrough } from '#core/outcome.ts';
import type { Enqueue, Outcome, Plan, Write } from '#core/plan.ts';
import { type ApiObject, type Resource, resourceInfo } from '#core/resource.ts';
import { viewOf } from '#kit/view.ts';
import {
  type Change,
  createServer,
  NAMESPACES,
  OWN_FINALIZER,
  RESOURCES,
  WIDGETS,
} from './garbage-collector-server.ts';

const derive = garbageCollector.derive as Derive;
const queueOf = (name: string): AnyLoop => garbageCollector.loops.find(({ queue }) => queue === name) as AnyLoop;
const [DELETE = ''] = garbageCollector.loops.map(({ queue }) => queue);
const owners = (object: ApiObject | undefined): readonly OwnerReference[] => object?.metadata?.ownerReferences ?? [];
const uidOf = (object: ApiObject | undefined): string => object?.metadata?.uid ?? '';
const ends = (object: ApiObject | undefined): boolean => object?.metadata?.deletionTimestamp !== undefined;
const held = (object: ApiObject | undefined, by: string): boolean =>
  object?.metadata?.finalizers?.includes(by) ?? false;
const KINDS = new Map<string, Resource>([
  ...RESOURCES.map((one) => [kindOf(one), one] as const),
  ['example.com/v1 Widget', WIDGETS],
]);
function kindOf(resource: Resource): string {
  const { group, version, kind } = resourceInfo(resource);
  return `${group === '' ? '' : `${group}/`}${version} ${kind}`;
}

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
  const seen = new Map<Resource, Map<string, ApiObject>>(RESOURCES.map((resource) => [resource, new Map()]));
  const server = createServer((change) => late.get(change.resource)?.push(change));
  const served = new Set<Resource>(RESOURCES);
  const down = new Set<Resource>();
  const firstSight = new Map<string, ReadonlySet<string>>();
  const turns: Turns = { waiting: [], turn: () => new Promise((resolve) => turns.waiting.push(resolve)) };
  let graph = derive.initial();
  let reign = 1;
  let mono = 0;
  let ready = new Map<string, Enqueue>();
  let delayed = new Map<string, Enqueue>();
  let out = new Set<string>();
  let serial = 0;
  let deletions = 0;
  let failure: unknown;

  const now = () => ({ wall: mono, mono });
  const idOf = ({ loop = DELETE, key }: Enqueue): string => `${loop} ${key}`;
  const wake = (wakes: readonly Enqueue[], loop = DELETE): void => {
    for (const one of wakes) {
      const whole = { loop, ...one };
      (one.after === undefined ? ready : delayed).set(idOf(whole), whole);
    }
  };

  const discovery = (): Discovery => ({
    served: RESOURCES.filter((one) => served.has(one)).map((resource) => ({
      resource,
      verbs: ['delete', 'list', 'watch'],
      ...(resource === WIDGETS && { also: ['v1'] }),
    })),
    failed: [],
  });
  const announce = (): void => {
    const resources = new Map([...served].map((resource) => [resource, { synced: true }]));
    wake(derive.tracked?.(graph, { discovery: discovery(), resources }, now()) ?? []);
  };
  const fold = (resource: Resource, old: ApiObject | undefined, next: ApiObject | undefined): void => {
    const uid = uidOf(next ?? old);
    if (next === undefined) firstSight.delete(uid);
    else if (!firstSight.has(uid)) firstSight.set(uid, new Set(owners(next).map((one) => one.uid)));
    wake(derive.fold(graph, resource, old, next, now()));
  };
  const deliver = (resource: Resource, count: number): void => {
    if (!served.has(resource)) return;
    const shelf = seen.get(resource) as Map<string, ApiObject>;
    for (const { uid, now: next } of (late.get(resource) as Change[]).splice(0, count)) {
      const old = shelf.get(uid);
      if (next === undefined) shelf.delete(uid);
      else shelf.set(uid, next);
      if (old !== undefined || next !== undefined) fold(resource, old, next);
    }
  };
  /** The watch broke: what happened in between is seen at once, or not at all. */
  const relist = (resource: Resource): void => {
    if (!served.has(resource)) return;
    late.set(resource, []);
    const shelf = seen.get(resource) as Map<string, ApiObject>;
    const live = new Map(
      server.all().flatMap(([one, object]) => (one === resource ? [[uidOf(object), object] as const] : [])),
    );
    const before = new Map(shelf);
    shelf.clear();
    for (const [uid, object] of live) shelf.set(uid, object);
    for (const [uid, old] of before) if (!live.has(uid)) fold(resource, old, undefined);
    for (const [uid, object] of live) if (before.get(uid) !== object) fold(resource, before.get(uid), object);
  };

  const reads: Pick<Reads, 'metadata'> = {
    async metadata(resource, at): Promise<ReadResult<ApiObject>> {
      await turns.turn();
      if (down.has(resource)) return { ok: false, status: 503, reason: '' };
      if (!served.has(resource)) return { ok: false, status: 404, reason: 'NotServed' };
      const object = server.get(resource, at);
      return object === undefined ? { ok: false, status: 404, reason: 'NotFound' } : { ok: true, object };
    },
  };

  /** Who is where a reference says. */
  const ownerOf = (reference: OwnerReference, object: ApiObject): ApiObject | undefined => {
    const resource = KINDS.get(`${reference.apiVersion} ${reference.kind}`);
    if (resource === undefined) return undefined;
    const { namespaced } = resourceInfo(resource);
    const found = server.get(resource, {
      name: reference.name,
      ...(namespaced && { namespace: object.metadata?.namespace }),
    });
    return uidOf(found) === reference.uid ? found : undefined;
  };
  /** Somebody ends it and all that is its own, though it may have been let go of since the dependent was looked at. */
  const waits = (owner: ApiObject): boolean => ends(owner) && server.endsInForeground(uidOf(owner));

  const check = (write: Write, plan: Plan): void => {
    if (write.verb === 'patch') {
      const { ownerReferences: _, finalizers: __, ...others } = (write.patch.metadata ?? {}) as Record<string, unknown>;
      expect([Object.keys(write.patch), others]).toEqual([['metadata'], {}]);
      return;
    }
    if (write.verb !== 'delete') throw new Error(write.verb);
    const { name, namespace, resource, uid } = write.ref;
    const object = server.get(resource, { name, namespace });
    if (object === undefined || uidOf(object) !== uid || object.metadata?.resourceVersion !== write.resourceVersion)
      return;
    deletions += 1;
    const live = owners(object).flatMap((reference) => ownerOf(reference, object) ?? []);
    expect(live.filter((owner) => !waits(owner))).toEqual([]);
    expect(owners(object).length).toBeGreaterThan(0);
    const { blast } = plan;
    expect(blast?.total).toBeGreaterThan(0);
    if (blast?.evidence !== 'absent') {
      const first = firstSight.get(uidOf(object)) ?? new Set();
      expect(owners(object).some((reference) => first.has(reference.uid))).toBe(true);
    }
  };
  /** Nobody who was known to have the owner is left behind with the reference. */
  const checkEnd = (plan: Plan): void => {
    for (const write of plan.chains.flat()) {
      if (write.verb !== 'patch' || write.reason !== 'finish-orphan') continue;
      const known = [...seen.values()].flatMap((shelf) => [...shelf.values()]);
      const left = server.all().filter(([resource, object]) => {
        const refers = (one: ApiObject | undefined) => owners(one).some(({ uid }) => uid === write.ref.uid);
        const owned = owners(object).some((one) => one.uid === write.ref.uid && ownerOf(one, object) !== undefined);
        return served.has(resource) && owned && refers(known.find((one) => uidOf(one) === uidOf(object)));
      });
      expect(left).toEqual([]);
    }
  };

  const execute = async (plan: Plan, mine: number): Promise<Outcome[][]> => {
    checkEnd(plan);
    const outcomes: Outcome[][] = [];
    for (const chain of plan.chains) {
      const done: Outcome[] = [];
      for (const write of chain) {
        await turns.turn();
        if (mine !== reign || done.some((one) => !wentThrough(one))) {
          done.push({ write, kind: 'skipped' });
          continue;
        }
        check(write, plan);
        done.push(server.write(write));
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
    const facts = deepFreeze(await loop.gather?.(input(one.key), reads as Reads));
    if (mine !== reign) return;
    const plan = deepFreeze(loop.reconcile({ ...input(one.key), facts }));
    const outcomes = await execute(plan, mine);
    if (mine !== reign) return;
    const settled = deepFreeze(loop.settle?.({ ...input(one.key), facts }, outcomes, plan) as Plan);
    const more = await execute(settled, mine);
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
  const restart = (): void => {
    reign += 1;
    graph = derive.initial();
    ready = new Map();
    delayed = new Map();
    out = new Set();
    firstSight.clear();
    announce();
    for (const resource of served)
      for (const object of (seen.get(resource) as Map<string, ApiObject>).values()) fold(resource, undefined, object);
  };
  const serve = (resource: Resource, on: boolean): void => {
    if (on === served.has(resource)) return;
    if (on) served.add(resource);
    else {
      served.delete(resource);
      (seen.get(resource) as Map<string, ApiObject>).clear();
    }
    announce();
    if (on) relist(resource);
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
      ...(resource === WIDGETS ? [{ apiVersion: 'example.com/v1' }] : []),
    ];
    return how < 12 ? right : { ...right, ...wrongs[how % wrongs.length] };
  };

  const world = {
    start,
    deliver,
    relist,
    elapse,
    restart,
    serve,
    resource: (nth: number): Resource => RESOURCES[nth % RESOURCES.length] as Resource,
    setDown: (resource: Resource, on: boolean): void => void (on ? down.add(resource) : down.delete(resource)),
    /** Somebody's read or write happens. */
    async step(nth: number): Promise<void> {
      const [next] = turns.waiting.splice(nth % Math.max(1, turns.waiting.length), 1);
      next?.();
      await flush();
    },
    flush,
    create(kind: number, references: readonly (readonly [number, number, boolean])[]): void {
      serial += 1;
      const resource = world.resource(kind);
      const named = new Map(
        references.map(([nth, how, blocks]) => reference(nth, how, blocks)).map((one) => [one.uid, one]),
      );
      server.create(resource, NAMESPACES[serial % 3 === 0 ? 1 : 0] as string, `o${serial}`, [...named.values()]);
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
      down.clear();
      for (const resource of RESOURCES) serve(resource, true);
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
    deletions: () => deletions,
  };
  const isKnown = (ref: OwnerReference, object: ApiObject): boolean => {
    const resource = KINDS.get(`${ref.apiVersion} ${ref.kind}`);
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
  announce();
  return world;
}
export type World = ReturnType<typeof createWorld>;
