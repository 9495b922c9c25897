import { namespace as controller } from '#controllers/cluster/namespace.ts';
import type { Input, ReadResult, Reads } from '#core/controller.ts';
import type { Served } from '#core/discovery.ts';
import { deepFreeze, type Json } from '#core/json.ts';
import type { Namespace, Pod } from '#core/k8s/types.gen.ts';
import { patched } from '#core/patch.ts';
import type { Outcome, Plan, Write } from '#core/plan.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import { formatTime, type Ms } from '#core/time.ts';
import { runPlan } from '#kit/fake-store.ts';
import { viewOf } from '#kit/view.ts';

const WIDGETS: Resource = 'example.com/widgets@v1,Widget,namespaced';
const PODS = 'core/pods';
const SERVED: readonly Served[] = [
  { resource: 'core/nodes', verbs: ['delete', 'deletecollection', 'list'] },
  { resource: PODS, verbs: ['delete', 'deletecollection', 'list'] },
  { resource: 'core/secrets', verbs: ['delete', 'deletecollection', 'list'] },
  { resource: 'rbac.authorization.k8s.io/roles', verbs: ['delete', 'deletecollection', 'list'] },
  { resource: WIDGETS, verbs: ['delete', 'list'] },
];
export const KINDS: readonly Resource[] = [PODS, 'core/secrets', 'rbac.authorization.k8s.io/roles', WIDGETS];
export const GROUPS = ['example.com/v1', 'rbac.authorization.k8s.io/v1'] as const;
/** What a list may answer of what discovery just told of: 0 is no answer at all. */
export const LIST_TROUBLES = [0, 403, 404, 405, 503] as const;
export type Trouble = 'none' | 'failed' | 'denied' | 'conflict' | 'lost';

interface Thing extends ApiObject {
  readonly resource: Resource;
}

/** A cluster with a namespace that ends and one that stays, and the controller on it, run as the machinery runs it. */
export function createWorld() {
  let now: Ms = Date.parse('2026-01-01T00:00:00Z');
  let serial = 0;
  let memory: Json | undefined;
  /** When the queue brings the key back; undefined: never by itself. */
  let due: Ms | undefined = now;
  let shop: Namespace | undefined = namespaceOf('ns-1');
  const things = new Map<string, Thing>();
  const away = new Set<string>();
  let trouble: Trouble = 'none';
  const unlisted = new Map<Resource, number>();
  /** Whether widgets are defined; `ending`: until they have been told of once more. */
  let widgets: 'defined' | 'ending' | 'undefined' = 'defined';
  let requests = 0;
  /** Groups that were away when it was asked what is served. */
  let unknown = 0;

  function namespaceOf(uid: string): Namespace {
    serial += 1;
    const metadata = { name: 'shop', uid, resourceVersion: String(serial), deletionTimestamp: formatTime(now) };
    return { apiVersion: 'v1', kind: 'Namespace', metadata, spec: { finalizers: ['kubernetes'] }, status: {} };
  }
  const inside = (place = 'shop'): Thing[] => [...things.values()].filter((one) => one.metadata?.namespace === place);
  const of = (resource: Resource): Thing[] => inside().filter((one) => one.resource === resource);
  const isAway = (resource: Resource): boolean => away.has(apiVersionOf(resource));
  const isDefined = (resource: Resource): boolean => resource !== WIDGETS || widgets !== 'undefined';
  /** A definition takes its objects with it. */
  const undefine = (): void => {
    widgets = 'undefined';
    for (const [uid, { resource }] of things) if (resource === WIDGETS) things.delete(uid);
  };

  const reads = {
    get: async () => {
      requests += 1;
      return shop === undefined ? { ok: false, status: 404, reason: '' } : { ok: true, object: shop };
    },
    discover: async () => {
      requests += 1;
      unknown = away.size;
      const served = SERVED.filter(({ resource }) => !isAway(resource) && isDefined(resource));
      if (widgets === 'ending') undefine();
      return { ok: true, object: { served, failed: [...away].sort() } };
    },
    listMetadata: async (resource: Resource, { limit }: { limit: number }): Promise<ReadResult<unknown>> => {
      requests += 1;
      if (isAway(resource)) return { ok: false, status: 503, reason: 'ServiceUnavailable' };
      const status = isDefined(resource) ? unlisted.get(resource) : 404;
      if (status !== undefined) return { ok: false, status, reason: '' };
      const all = of(resource).map(({ metadata }) => ({ metadata }) as ApiObject);
      return { ok: true, object: { items: all.slice(0, limit), remaining: Math.max(0, all.length - limit) } };
    },
  } as unknown as Reads;

  const input = (): Input<'core/namespaces' | 'core/pods', Namespace> => {
    const pods = inside().filter((one) => one.resource === PODS) as unknown as Pod[];
    return deepFreeze({
      key: 'shop',
      object: shop,
      view: viewOf([...(shop === undefined ? [] : [shop]), ...pods], ['core/namespaces', 'core/pods']),
      memory,
      derived: undefined,
      facts: undefined,
      now: { wall: now, mono: now },
      seed: '',
      settings: {},
    });
  };

  /** A graceful or a held one is marked, any other is gone at once. */
  const end = (one: Thing): void => {
    const held = (one.metadata?.finalizers ?? []).length > 0 || one.resource === PODS;
    if (!held) things.delete(one.metadata?.uid ?? '');
    else put({ ...one, metadata: { ...one.metadata, deletionTimestamp: formatTime(now) } });
  };
  const put = (one: Thing): void => void things.set(one.metadata?.uid ?? '', one);

  /** What must hold of each write, whatever happened before. */
  const check = (write: Write, meant: string | undefined): void => {
    if (shop?.metadata?.deletionTimestamp === undefined) throw new Error(`${write.verb} though the namespace is gone`);
    if (write.verb === 'patch' || write.verb === 'update') return;
    if (shop.metadata.uid !== meant) throw new Error('deleting in another namespace of that name');
    const resource = write.verb === 'delete' ? write.ref.resource : (write as { resource: Resource }).resource;
    const place = write.verb === 'delete' ? write.ref.namespace : (write as { namespace: string }).namespace;
    if (place !== 'shop' || !resourceInfo(resource).namespaced) throw new Error(`deleting in ${place}`);
    if (resource !== PODS && of(PODS).length > 0) throw new Error(`deleting ${resource} while there are pods`);
  };

  const act = (write: Write, meant: string | undefined): Outcome => {
    requests += 1;
    check(write, meant);
    if ('ref' in write && write.ref.resource === 'core/namespaces' && write.ref.uid !== shop?.metadata?.uid)
      return { write, kind: 'gone', code: 'API_GONE' };
    if (trouble === 'failed') return { write, kind: 'failed', code: 'API_UNAVAILABLE', status: 503 };
    if (trouble === 'denied') return { write, kind: 'denied', code: 'GATE_POLICY_DENIED', rules: [] };
    if (trouble === 'conflict') return { write, kind: 'conflict', code: 'API_CONFLICT' };
    if (!isDefined(written(write))) return { write, kind: 'failed', code: 'API_REFUSED', status: 404 };
    const object = effect(write);
    if (trouble === 'lost') return { write, kind: 'unknown', code: 'API_UNKNOWN' };
    return { write, kind: 'applied', ...(object !== undefined && { object }) };
  };
  const written = (write: Write): Resource =>
    'ref' in write ? write.ref.resource : (write as { resource: Resource }).resource;
  const effect = (write: Write): Namespace | undefined => {
    if (write.verb === 'deletecollection') of(write.resource).forEach(end);
    else if (write.verb === 'delete') {
      const found = things.get(write.ref.uid ?? '');
      if (found !== undefined) end(found);
    } else if (write.verb === 'patch') shop = stored(patched(shop as Namespace, write) as Namespace);
    else if (write.verb === 'update') shop = finalized(write.object as Namespace);
    return shop;
  };
  const stored = (next: Namespace): Namespace => {
    serial += 1;
    return { ...next, metadata: { ...next.metadata, resourceVersion: String(serial) } };
  };
  const finalized = (next: Namespace): Namespace | undefined => {
    if (inside().length > 0 || unknown > 0) throw new Error('letting go a namespace that is not empty');
    const { spec = {} } = next;
    if ((spec.finalizers ?? []).length === 0) return undefined;
    return stored({ ...next, ...(shop?.status !== undefined && { status: shop.status }) });
  };

  const execute = (plan: Plan, at: Input<'core/namespaces' | 'core/pods', Namespace>) => {
    if (plan.confirm !== undefined && plan.chains.length > 0) {
      requests += 1;
      const again = controller.loops[0]?.reconcile({ ...at, object: deepFreeze(shop) } as never);
      if (JSON.stringify(again?.chains) !== JSON.stringify(plan.chains))
        return plan.chains.map((chain) =>
          chain.map((write): Outcome => ({ write, kind: 'stale', code: 'GATE_STALE_PLAN' })),
        );
    }
    return runPlan(plan, (write) => act(write, at.object?.metadata?.uid));
  };

  const wake = (at: Ms): void => {
    due = due === undefined ? at : Math.min(due, at);
  };

  const world = {
    /** One run. `before` happens after the controller has looked, and before it writes. */
    async run(before: () => void = () => undefined): Promise<boolean> {
      const [loop] = controller.loops;
      due = undefined;
      const facts = deepFreeze(await loop?.gather?.(input() as never, reads));
      const at = deepFreeze({ ...input(), facts });
      before();
      const plan = deepFreeze(loop?.reconcile(at as never) as Plan);
      const outcomes = execute(plan, at);
      const settled = deepFreeze(
        loop?.settle?.({ ...input(), object: at.object, facts } as never, outcomes, plan) as Plan,
      );
      if (settled.chains.length > 0) throw new Error('settling by writes');
      for (const { memory: next } of [plan, settled]) if (next !== undefined) memory = next === null ? undefined : next;
      for (const one of [plan, settled]) if (one.requeueAfter !== undefined) wake(now + one.requeueAfter);
      // What the queue makes of outcomes: most are tried again, a refusal is not; a status is seen on the watch.
      const kinds = new Set(outcomes.flat().map(({ kind }) => kind));
      if (['failed', 'conflict', 'unknown', 'stale'].some((kind) => kinds.has(kind as Outcome['kind'])))
        wake(now + 1000);
      if (outcomes.flat().some(({ kind, write }) => kind === 'applied' && write.verb === 'patch')) wake(now);
      const again = [plan, settled].some(({ next }) => next === 'again');
      if (again) wake(now);
      return again;
    },
    /** Time passes until the key is due, and events come. */
    sleep(): void {
      if (due !== undefined && due > now) now = due;
    },
    tick(by: Ms): void {
      now += by;
    },
    /** Somebody changed the namespace. */
    async interrupted(): Promise<void> {
      const left = due;
      await world.run();
      if (left !== undefined) wake(Math.max(now, left));
    },
    appear(resource: Resource, finalizers: readonly string[], place = 'shop'): void {
      const { check: looks, end: ends } = (memory ?? {}) as { check?: unknown; end?: unknown };
      // Once a look has begun to say that all is gone nothing comes any more: the API server lets nothing in.
      if (place === 'shop' && (looks !== undefined || ends !== undefined || shop === undefined)) return;
      if (!isDefined(resource)) return;
      serial += 1;
      const metadata = { namespace: place, name: `t${serial}`, uid: `uid-${serial}`, finalizers };
      const { kind } = resourceInfo(resource);
      put({
        resource,
        apiVersion: apiVersionOf(resource),
        kind,
        metadata,
        spec: { terminationGracePeriodSeconds: 30 },
      } as Thing);
    },
    /** The nth thing that is being deleted is let go by what held it. */
    release(nth: number): void {
      const ending = inside().filter(({ metadata }) => metadata?.deletionTimestamp !== undefined);
      const one = ending[nth % Math.max(1, ending.length)];
      if (one === undefined) return;
      things.delete(one.metadata?.uid ?? '');
      if (one.resource === PODS && of(PODS).length === 0) wake(now);
    },
    setAway(group: string, is: boolean): void {
      if (is) away.add(group);
      else away.delete(group);
    },
    /** Lists of that resource answer so from now on; undefined: they tell all again. */
    setList(resource: Resource, status: number | undefined): void {
      if (status === undefined) unlisted.delete(resource);
      else unlisted.set(resource, status);
    },
    /** The definition of widgets ends as soon as discovery has told of it once more. */
    endDefinition(): void {
      if (widgets === 'defined') widgets = 'ending';
    },
    /** Where it has not ended yet it stays. */
    keepDefinition(): void {
      if (widgets === 'ending') widgets = 'defined';
    },
    setTrouble(next: Trouble): void {
      trouble = next;
    },
    failover(): void {
      memory = undefined;
      due = now;
    },
    /** Somebody forces its end, and makes and deletes another one of that name. */
    replaceByAnother(): void {
      if (shop === undefined) return;
      serial += 1;
      shop = namespaceOf(`ns-${serial}`);
      wake(now);
    },
    isDefined,
    isGone: () => shop === undefined,
    namespace: () => shop,
    inside,
    requests: () => requests,
    memory: () => memory,
    /** All trouble ends. */
    async heal(): Promise<void> {
      trouble = 'none';
      away.clear();
      unlisted.clear();
      for (let round = 0; round < 60 && shop !== undefined; round++) {
        if (due === undefined) throw new Error('nothing brings the namespace back');
        world.sleep();
        await world.run();
        for (let n = inside().length; n > 0; n--) world.release(0);
      }
      if (shop !== undefined) throw new Error('not gone after 60 runs');
    },
  };
  return world;
}

export type World = ReturnType<typeof createWorld>;
