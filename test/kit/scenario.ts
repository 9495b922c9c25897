import { describe, expect, test } from 'vitest';
import type { AnyLoop, Controller, ControllerSettings, Input, Permission, Wake } from '#core/controller.ts';
import { listedBy } from '#core/controller.ts';
import { deepFreeze, type Json } from '#core/json.ts';
import { type Outcomes, type Plan, targetOf, type Write } from '#core/plan.ts';
import { splitKey } from '#core/ref.ts';
import { type ApiObject, isResource, type Resource } from '#core/resource.ts';
import type { Now } from '#core/time.ts';
import { type Answer, type FakeStore, fakeStore } from './fake-store.ts';
import { viewOf } from './view.ts';

type Expected = { readonly plan: Plan } | { readonly check: (plan: Plan) => void };

/** One row: what the cache holds, and the whole plan that must come of it. */
export type Scenario = Expected & {
  readonly given: readonly ApiObject[];
  readonly key: string;
  /** RFC 3339; both clocks show it. */
  readonly now?: string;
  readonly memory?: Json;
  readonly facts?: unknown;
  readonly derived?: unknown;
  readonly settings?: ControllerSettings;
  /** The plan's writes meet these answers (all applied by default), and this plan settles them. */
  readonly settled?: Expected & { readonly answer?: Answer };
  /** Why the controller does not come to rest when its writes are applied. */
  readonly restless?: string;
};

const MOST_ROUNDS = 12;

/**
 * Runs a table of scenarios against one loop (the first by default). Each row is also held to what every plan must be:
 * input untouched, same input same plan, plain JSON, inside the declared rights, at rest once its writes are done. And
 * no write verb is declared that no row uses (I7).
 */
export function scenarios(controller: Controller, rows: Readonly<Record<string, Scenario>>, queue?: string): void {
  const loop = loopOf(controller, queue);
  describe(controller.name, () => {
    test.each(Object.entries(rows))('%s', (_, row) => {
      const ran = runRow(controller, loop, row);
      expectPlan(ran.plan, row);
      if (row.settled !== undefined) {
        if (ran.settled === undefined) throw new TypeError(`${controller.name} settles nothing`);
        expectPlan(ran.settled, row.settled);
      }
      for (const plan of [ran.plan, ran.settled].filter((one) => one !== undefined)) {
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
        expect(undeclared(controller, plan)).toEqual([]);
      }
      if (row.restless === undefined) expectRest(controller, loop, row);
    });

    test('uses every write verb that it declares', () => {
      const used = new Set<string>();
      for (const row of Object.values(rows)) {
        const ran = runRow(controller, loop, row);
        for (const write of [...writesOf(ran.plan), ...writesOf(ran.settled)]) {
          used.add(useOf(write));
          used.add(`${verbOf(write)} anything`);
        }
      }
      expect(declaredWrites(controller).filter((use) => !used.has(use))).toEqual([]);
    });
  });
}

/** Rows for mappers: a transition, and the wakes that must come of it. */
export interface Transition {
  readonly given: readonly ApiObject[];
  readonly old?: ApiObject;
  readonly now?: ApiObject;
  readonly settings?: ControllerSettings;
  readonly wakes: readonly Wake[];
}

export function transitions(
  controller: Controller,
  resource: Resource,
  rows: Readonly<Record<string, Transition>>,
): void {
  describe(`${controller.name} on ${resource}`, () => {
    test.each(Object.entries(rows))('%s', (_, { given, old, now, settings = {}, wakes }) => {
      const mapper = controller.loops[0]?.on[resource];
      if (mapper === undefined) throw new TypeError(`${controller.name} does not map ${resource}`);
      expect(
        mapper(deepFreeze(old), deepFreeze(now), viewOf(deepFreeze([...given]), listedBy(controller.rbac)), settings),
      ).toEqual(wakes);
    });
  });
}

/** The plan alone, for what a table cannot say. */
export function planOf(controller: Controller, row: Omit<Scenario, 'plan' | 'check'>, queue?: string): Plan {
  return runRow(controller, loopOf(controller, queue), { ...row, check: () => {} }).plan;
}

function loopOf(controller: Controller, queue: string | undefined): AnyLoop {
  const loop = controller.loops.find((one) => queue === undefined || one.queue === queue);
  if (loop === undefined) throw new TypeError(`${controller.name} has no queue ${queue}`);
  return loop;
}

interface Ran {
  readonly plan: Plan;
  readonly outcomes: Outcomes;
  readonly settled: Plan | undefined;
}

function runRow(controller: Controller, loop: AnyLoop, row: Scenario): Ran {
  const store = fakeStore(row.given);
  return runOnce(controller, loop, row, store, row.memory, row.settled?.answer);
}

/** One run as the machinery does it: reconcile, the writes, settle on the view after them. */
function runOnce(
  controller: Controller,
  loop: AnyLoop,
  row: Scenario,
  store: FakeStore,
  memory: Json | undefined,
  answer?: Answer,
): Ran {
  const input = inputFor(controller, loop, row, store, memory);
  const plan = twice(() => loop.reconcile(input));
  const outcomes = deepFreeze(store.run(plan, answer));
  if (loop.settle === undefined) return { plan, outcomes, settled: undefined };
  const { settle } = loop;
  const after = inputFor(controller, loop, row, store, memory);
  return { plan, outcomes, settled: twice(() => settle(after, outcomes, plan)) };
}

function twice(decide: () => Plan): Plan {
  const plan = deepFreeze(decide());
  expect(decide()).toEqual(plan);
  return plan;
}

function inputFor(
  controller: Controller,
  loop: AnyLoop,
  { key, now = '2026-01-01T01:00:00Z', facts, derived, settings = {} }: Scenario,
  store: FakeStore,
  memory: Json | undefined,
): Input<Resource, ApiObject> {
  const view = viewOf(store.objects(), listedBy(controller.rbac));
  const at: Now = { wall: Date.parse(now), mono: Date.parse(now) };
  return Object.freeze({
    key,
    object: isResource(loop.key) ? view.get(loop.key, splitKey(key)) : undefined,
    view,
    memory: deepFreeze(memory),
    derived: deepFreeze(derived),
    facts: deepFreeze(facts),
    now: Object.freeze(at),
    seed: '0'.repeat(64),
    settings: deepFreeze({ ...settings }),
  });
}

function expectPlan(plan: Plan, expected: Expected): void {
  if ('plan' in expected) expect(plan).toEqual(expected.plan);
  else expected.check(plan);
}

/** With every write applied the controller must soon wish nothing more, and never ask to run again for nothing. */
function expectRest(controller: Controller, loop: AnyLoop, row: Scenario): void {
  const store = fakeStore(row.given);
  let memory = row.memory;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { plan, settled } = runOnce(controller, loop, row, store, memory);
    if (settled !== undefined) store.run(settled);
    for (const one of [plan, settled]) {
      if (one?.memory !== undefined) memory = one.memory === null ? undefined : one.memory;
    }
    const writes = writesOf(plan).length + writesOf(settled).length;
    if (writes === 0 && plan.next === undefined && settled?.next === undefined) return;
  }
  throw new Error(`still writing after ${MOST_ROUNDS} runs`);
}

function writesOf(plan: Plan | undefined): readonly Write[] {
  return plan?.chains.flat() ?? [];
}

const verbOf = ({ verb }: Write): string => (verb === 'apply' ? 'patch' : verb);

/** `patch apps/replicasets/status`. */
function useOf(write: Write): string {
  const target = targetOf(write);
  if (target === undefined) return `${write.verb} outside the API`;
  return `${verbOf(write)} ${target.resource}${target.subresource === undefined ? '' : `/${target.subresource}`}`;
}

const WRITES: readonly string[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];

function declaredWrites({ rbac }: Controller): readonly string[] {
  return rbac.flatMap((permission) => {
    if (permission.kind === 'requires') return [];
    if (permission.kind === 'any')
      return permission.verbs.filter((verb) => WRITES.includes(verb)).map((verb) => `${verb} anything`);
    const { resource, subresource, verbs } = permission;
    const target = subresource === undefined ? resource : `${resource}/${subresource}`;
    return verbs.filter((verb) => WRITES.includes(verb)).map((verb) => `${verb} ${target}`);
  });
}

/** The writes that the declaration does not cover, names included. */
function undeclared(controller: Controller, plan: Plan): readonly string[] {
  return writesOf(plan)
    .filter((write) => !controller.rbac.some((permission) => permits(permission, write)))
    .map((write) => useOf(write));
}

function permits(permission: Permission, write: Write): boolean {
  const target = targetOf(write);
  if (permission.kind === 'requires' || !permission.verbs.some((allowed) => allowed === verbOf(write))) return false;
  if (permission.kind === 'any') return target?.subresource === undefined;
  return (
    permission.resource === target?.resource &&
    permission.subresource === target?.subresource &&
    (permission.resourceNames === undefined || permission.resourceNames.includes(target?.name ?? ''))
  );
}
