import { deepFreeze, jsonEqual } from '#core/json.ts';
import type { Namespace } from '#core/k8s/types.gen.ts';
import { wentThrough } from '#core/outcome.ts';
import { patched } from '#core/patch.ts';
import type { Create, DeleteCollection, Outcome, Outcomes, Plan, Replace, Write } from '#core/plan.ts';
import { keyOf, keyOfObject } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { apiVersionOf, resourceInfo } from '#core/resource.ts';
import { resourceOf } from './view.ts';

/** What became of a write, without the write itself. */
export type Fate = Outcome extends infer O ? (O extends { write: Write } ? Omit<O, 'write'> : never) : never;
/** Says what becomes of a write that the store would do; `applied` does it. */
export type Answer = (write: Write, nth: number) => Fate;

export const applied: Fate = { kind: 'applied' };
export const denied = (rule: string, title: string): Fate => ({
  kind: 'denied',
  code: 'GATE_POLICY_DENIED',
  rules: [{ rule, title }],
});

/** As much of an API server as plans need: uids, names, resourceVersions, preconditions, patches, graceful deletion. */
export interface FakeStore {
  objects(): readonly ApiObject[];
  /** Puts an object as it is, or with a new resourceVersion, or takes it away. */
  put(object: ApiObject): void;
  store(object: ApiObject): ApiObject;
  remove(object: ApiObject): void;
  /** Does one write, as a server would: preconditions fail, names collide. */
  write(write: Write): Outcome;
  /** Runs a plan's chains, spread as it says; `answer` may refuse a write before the store sees it. */
  run(plan: Plan, answer?: Answer): Outcomes;
}

/** With `graceful`, deletions only mark pods, as a server does until their kubelet is done. */
export function fakeStore(initial: readonly ApiObject[], { graceful = false } = {}): FakeStore {
  const shelf = new Map<string, ApiObject>();
  let serial = 1000;
  const idOf = (resource: Resource, key: string): string => `${resource} ${key}`;
  const put = (object: ApiObject): void =>
    void shelf.set(idOf(resourceOf(object), keyOfObject(object)), deepFreeze(object));
  const remove = (object: ApiObject): void => void shelf.delete(idOf(resourceOf(object), keyOfObject(object)));
  for (const object of initial) put(object);

  const store = (object: ApiObject): ApiObject => {
    serial += 1;
    const next = { ...object, metadata: { ...object.metadata, resourceVersion: String(serial) } };
    put(next);
    return next;
  };

  const mark = (object: ApiObject): ApiObject => {
    const deletionTimestamp = object.metadata?.deletionTimestamp ?? '2026-01-01T00:00:00Z';
    return store({ ...object, metadata: { ...object.metadata, deletionTimestamp } });
  };

  const create = (write: Create): Outcome => {
    serial += 1;
    const { generateName = '', name = `${generateName}${serial}` } = write.object.metadata ?? {};
    const at = { name, ...(write.namespace !== undefined && { namespace: write.namespace }) };
    if (shelf.has(idOf(write.resource, keyOf(at)))) return { write, kind: 'failed', code: 'API_EXISTS', status: 409 };
    const made = {
      ...write.object,
      apiVersion: apiVersionOf(write.resource),
      kind: resourceInfo(write.resource).kind,
      metadata: { creationTimestamp: '2026-01-01T00:00:00Z', ...write.object.metadata, ...at, uid: `made-${serial}` },
    };
    return { write, kind: 'applied', object: store(made) };
  };

  const sweep = (wish: DeleteCollection): Outcome => {
    for (const object of shelf.values())
      if (resourceOf(object) === wish.resource && object.metadata?.namespace === wish.namespace) remove(object);
    return { write: wish, kind: 'applied' };
  };

  /** Subresources that are replaced whole change the spec; a namespace that nothing holds any more is gone. */
  const replace = (wish: Replace, found: ApiObject): Outcome => {
    if (wish.object.metadata?.resourceVersion !== found.metadata?.resourceVersion)
      return { write: wish, kind: 'conflict', code: 'API_CONFLICT' };
    const next = store({ ...found, ...wish.object });
    if (((next as Namespace).spec?.finalizers ?? []).length === 0) remove(next);
    return { write: wish, kind: 'applied', object: next };
  };

  const write = (wish: Write): Outcome => {
    if (wish.verb === 'create') return create(wish);
    if (wish.verb === 'deletecollection') return sweep(wish);
    if (wish.verb === 'effect') throw new TypeError(`faking a store's ${wish.verb}`);
    const found = shelf.get(idOf(wish.ref.resource, keyOf(wish.ref)));
    const gone = found === undefined || (wish.ref.uid !== undefined && found.metadata?.uid !== wish.ref.uid);
    if (wish.verb === 'delete') {
      if (gone) return { write: wish, kind: 'applied', benign: true };
      if (graceful && wish.ref.resource === 'core/pods') return { write: wish, kind: 'applied', object: mark(found) };
      remove(found);
      return { write: wish, kind: 'applied' };
    }
    if (gone) return { write: wish, kind: 'gone', code: 'API_GONE' };
    if (wish.verb === 'update') return replace(wish, found);
    if (wish.resourceVersion !== undefined && wish.resourceVersion !== found.metadata?.resourceVersion) {
      return { write: wish, kind: 'conflict', code: 'API_CONFLICT' };
    }
    if (wish.verb === 'apply') return { write: wish, kind: 'applied', object: store(wish.after ?? wish.object) };
    const next = patched(found, wish);
    // What policy judges must be what the server makes of the patch.
    if (!jsonEqual(next, wish.after))
      throw new Error(`${wish.reason}: the patch does not give what \`after\` promises`);
    return { write: wish, kind: 'applied', object: store(next) };
  };

  const run = (plan: Plan, answer: Answer = () => applied): Outcomes =>
    runPlan(plan, (wish, nth) => {
      const fate = answer(wish, nth);
      return fate.kind === 'applied' && !('benign' in fate) ? write(wish) : ({ ...fate, write: wish } as Outcome);
    });
  return { objects: () => [...shelf.values()], put, store, remove, write, run };
}

/** Runs a plan's chains as the gate does: each in order until one write fails, spread as the plan says. */
export function runPlan(plan: Plan, attempt: (write: Write, nth: number) => Outcome): Outcomes {
  let nth = 0;
  const chain = (writes: readonly Write[]): readonly Outcome[] => {
    let stopped = false;
    return writes.map((wish): Outcome => {
      if (stopped) return { write: wish, kind: 'skipped' };
      const outcome = attempt(wish, nth++);
      stopped = !wentThrough(outcome);
      return outcome;
    });
  };
  if (plan.spread !== 'slow-start') return plan.chains.map(chain);
  const outcomes: (readonly Outcome[])[] = [];
  let failed = false;
  for (let size = 1; outcomes.length < plan.chains.length; size *= 2) {
    const group = plan.chains.slice(outcomes.length, outcomes.length + size);
    const skipped = (writes: readonly Write[]) => writes.map((wish): Outcome => ({ write: wish, kind: 'skipped' }));
    const ran: (readonly Outcome[])[] = group.map(failed ? skipped : chain);
    outcomes.push(...ran);
    failed ||= ran.flat().some((outcome) => !wentThrough(outcome));
  }
  return outcomes;
}
