import type { Cache, Listener } from '#cache/port.ts';
import type { Controller } from '#core/controller.ts';
import { listedBy } from '#core/controller.ts';
import type { ResourceQuota } from '#core/k8s/types.gen.ts';
import type { Plan, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { View } from '#core/view.ts';
import { createAttempts } from '#gate/attempts.ts';
import { type OpenedBreaker, openBreaker } from '#gate/breaker/open.ts';
import type { BreakerLimits } from '#gate/breaker/port.ts';
import type { Written } from '#gate/breaker/request.ts';
import { createForecast } from '#gate/forecast/forecast.ts';
import { createGate, type Gate } from '#gate/gate.ts';
import { createLostWrites } from '#gate/lost.ts';
import { createNames } from '#gate/names.ts';
import { createPark } from '#gate/park.ts';
import type { GateParts } from '#gate/ports.ts';
import { createProofs } from '#gate/proof.ts';
import { type Budgets, createQuotaGuard, DEFAULT_BUDGETS } from '#gate/quota.ts';
import type { Work } from '#gate/work.ts';
import { type FakeClock, fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { viewOf } from '#kit/view.ts';
import type { DenialDraft, IntentDraft, Ledger, NoteDraft, OutcomeDraft } from '#ledger/port.ts';
import type { Decision, PolicyInput } from '#policy/port.ts';
import { NOTHING_TRACKED } from './tracked.ts';

/** What happened, in order, as an outsider with a wire tap and the ledger's disk would see it. */
export type Happening =
  | { readonly at: 'intent'; readonly draft: IntentDraft; readonly lane: string; readonly auditId: string }
  | { readonly at: 'wire'; readonly request: WireRequest; readonly auditId: string }
  | { readonly at: 'outcome'; readonly draft: OutcomeDraft; readonly auditId: string }
  | { readonly at: 'denial'; readonly draft: DenialDraft }
  | { readonly at: 'note'; readonly draft: NoteDraft };

export interface GateBench {
  readonly gate: Gate;
  readonly parts: GateParts;
  readonly happened: readonly Happening[];
  readonly clock: FakeClock;
  readonly breaker: OpenedBreaker;
  /** What the stages around the gate do; change them between writes. */
  readonly world: World;
  /** A transition of a ResourceQuota, as the cache tells of it. */
  quota(old: ResourceQuota | undefined, now: ResourceQuota | undefined): void;
  run(controller: Controller, trigger: ApiObject | undefined, plan: Plan): ReturnType<Gate['execute']>;
}

export interface World {
  /** What the cache shows. */
  objects: readonly ApiObject[];
  decide: (input: PolicyInput) => Decision;
  answer: (request: WireRequest) => Answer;
  get: (path: string) => { status: number; body: unknown };
  ledger: 'works' | 'fails';
  leads: boolean;
  /** A namespace that used up its space for bodies. */
  spent: string;
  /** What the breaker keeps; undefined before it kept anything. Not readable: there is no allowance. */
  kept: string | undefined;
  keeps: 'works' | 'unreadable' | 'read-only';
  /** Whether the lease still outlives the request when the socket is ready. */
  admitsAtSocket: boolean;
}

export const BUNDLE = { version: 1, digest: 'd'.repeat(64) };
export const allowed: Decision = { kind: 'allow', bundle: BUNDLE, warnings: [], micros: 10 };
export const denied = (rule: string): Decision => ({
  kind: 'deny',
  bundle: BUNDLE,
  violations: [
    { rule, title: `title of ${rule}`, message: `secret details of ${rule}`, severity: 'high', controls: [] },
  ],
  warnings: [],
  needs: [],
  micros: 10,
});

/** A gate with every stage real but those that need a process or a cluster, which `world` plays. */
export function gateBench(change: Partial<World> = {}, budgets: Budgets = DEFAULT_BUDGETS): GateBench {
  const clock = fakeClock();
  const happened: Happening[] = [];
  const proofs = createProofs();
  let serial = 0;
  const world: World = {
    objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: {}, resourceVersion: '1' } }],
    decide: () => allowed,
    answer: (request) => ({ kind: 'answered', status: 200, body: answered(request, ++serial) }),
    get: () => ({ status: 404, body: {} }),
    ledger: 'works',
    leads: true,
    spent: 'nobody',
    kept: undefined,
    keeps: 'works',
    admitsAtSocket: true,
    ...change,
  };
  let atSocket = false;
  const cache = fakeCache(world);
  let active: typeof BUNDLE | undefined = BUNDLE;
  const telemetry = recordingTelemetry();
  const forecast = createForecast({ clock, meter: telemetry.meter });
  let changed: Listener = () => {};
  forecast.follow({
    subscribe: (_resource, listener) => {
      changed = listener;
      return () => {};
    },
  });
  const ledger = fakeLedger(world, happened);
  const breaker = openBreaker({
    ...telemetry,
    limits: DEFAULT_LIMITS,
    keeping: keptIn(world),
    pace: 0,
    cache,
    held: HELD,
    clock,
    ledger,
  });
  const parts: GateParts = {
    ...telemetry,
    breaker: breaker.breaker,
    clock,
    proofs,
    cache,
    reader: { get: async (_identity, path) => world.get(path), review: async () => ({ status: 500, body: {} }) },
    writer: {
      async send(recorded, admit) {
        if (!proofs.redeem(recorded)) throw new TypeError('sending what was not recorded');
        atSocket = true;
        const admitted = admit();
        atSocket = false;
        if (!admitted) return { kind: 'refused' };
        happened.push({ at: 'wire', request: recorded.request, auditId: recorded.auditId });
        return world.answer(recorded.request);
      },
      inFlight: () => 0,
      close: async () => {},
    },
    evaluator: {
      decide: async (inputs) => inputs.map((input) => world.decide(input)),
      active: () => active,
      onActivation: () => () => {},
      close: async () => {
        active = undefined;
      },
    },
    ledger,
    identities: {
      current: (identity) => ({
        identity,
        user: `comptroller:${identity}`,
        context: {} as never,
        serial: '01',
        spki: '02',
        notAfter: 0,
        turn: 1,
      }),
      onRenewal: () => () => {},
    },
    fence: {
      epoch: () => (world.leads ? { lease: 'l', transitions: 1, holder: 'me' } : undefined),
      admits: () => world.leads && (!atSocket || world.admitsAtSocket),
    },
    quota: createQuotaGuard(budgets),
    forecast,
    park: createPark(clock),
    names: createNames('test', () => serial++),
    lost: createLostWrites(clock),
    attempts: createAttempts(),
    cluster: 'test',
    writeTimeout: 6000,
  };
  const gate = createGate(parts);
  return {
    gate,
    parts,
    happened,
    clock,
    breaker,
    world,
    quota: (old, now) => changed(old, now),
    run: (controller, trigger, plan) => gate.execute(workFor(controller, trigger, parts), plan),
  };
}

/** As `comptroller run` has them by default. */
export const DEFAULT_LIMITS: BreakerLimits = {
  weightPerCause: 40,
  shareOfCause: 0.5,
  mostPerCause: 1_000,
  weightPerCauseWithEvidence: 5_000,
  weightPerWindow: 5_000,
  weightPerWindowInAll: 20_000,
};

/** What the cache of the bench was made for. */
const HELD: ReadonlySet<Resource> = new Set([
  'core/namespaces',
  'core/nodes',
  'core/pods',
  'apps/deployments',
  'apps/replicasets',
]);

function keptIn(world: World) {
  const version = { uid: 'state', resourceVersion: '1' };
  return {
    read: async () =>
      world.keeps === 'unreadable'
        ? ({ kind: 'failed' } as const)
        : world.kept === undefined
          ? ({ kind: 'absent' } as const)
          : ({ kind: 'found', version, json: world.kept } as const),
    write: async (json: string): Promise<Written> => {
      if (world.keeps === 'read-only') return { kind: 'failed' };
      world.kept = json;
      return { kind: 'kept', version };
    },
  };
}

function fakeLedger(world: World, happened: Happening[]): Ledger {
  return {
    origin: 'test',
    async intent(draft, lane) {
      if (world.ledger === 'fails') return { ok: false, code: 'GATE_LEDGER_FAILED' };
      const auditId = `log-${happened.length}`;
      happened.push({ at: 'intent', draft, lane, auditId });
      return { ok: true, value: { auditId, seq: happened.length } };
    },
    outcome: ({ auditId }, draft) => void happened.push({ at: 'outcome', draft, auditId }),
    denial: (draft) => void happened.push({ at: 'denial', draft }),
    async note(draft) {
      if (world.ledger === 'fails') return { ok: false, code: 'GATE_LEDGER_FAILED' };
      happened.push({ at: 'note', draft });
      return { ok: true, value: { seq: happened.length } };
    },
    spent: (namespace) => namespace === world.spent,
    anchor: () => ({ origin: 'test', size: 0, root: '' }),
    failure: new Promise(() => {}),
    close: async () => {},
  };
}

/** What a runner would hand over with a plan. */
export function workFor(controller: Controller, trigger: ApiObject | undefined, { cache, clock }: GateParts): Work {
  const loop = controller.loops[0];
  const resource = loop?.key as Resource;
  return {
    controller,
    loop: loop?.queue ?? '',
    key: trigger === undefined ? 'singleton' : `${trigger.metadata?.namespace}/${trigger.metadata?.name}`,
    ...(trigger !== undefined && { trigger: { ref: refOf(resource, trigger), object: trigger } }),
    view: cache.view(listedBy(controller.rbac)),
    now: clock.now(),
  };
}

function answered(request: WireRequest, serial: number): unknown {
  const body = JSON.parse(request.body ?? '{}') as ApiObject;
  if (request.verb === 'delete') return { kind: 'Status', status: 'Success', details: { uid: request.target.uid } };
  return {
    ...body,
    metadata: {
      uid: `new-${serial}`,
      ...body.metadata,
      name: request.target.name,
      resourceVersion: String(1000 + serial),
    },
  };
}

function fakeCache(world: World): Cache {
  const reached = (resource: Resource) => ({
    resource,
    reached: () => true,
    whenReached: (callback: () => void) => {
      callback();
      return () => {};
    },
  });
  return {
    tracked: { ...NOTHING_TRACKED },
    start: async () => {},
    view: (listed) => liveView(world, listed),
    subscribe: () => () => {},
    absorb: () => undefined,
    uncertain: reached,
    catchUp: async () => {},
    syncedRV: () => '1',
    era: () => 0,
    onEra: () => () => {},
    untracked: () => [],
    ages: () => new Map(),
  };
}

/** As the real one: what it shows changes with the world. */
function liveView(world: World, listed: readonly Resource[]): View<Resource> {
  let of = world.objects;
  let view = viewOf(of, listed);
  const now = (): View<Resource> => {
    if (of !== world.objects) {
      of = world.objects;
      view = viewOf(of, listed);
    }
    return view;
  };
  return {
    get: (resource, at) => now().get(resource, at),
    list: (resource, namespace) => now().list(resource, namespace),
    controlledBy: (resource, uid) => now().controlledBy(resource, uid),
    orphans: (resource, namespace) => now().orphans(resource, namespace),
  };
}

/** The requests that reached the wire. */
export function wired(happened: readonly Happening[]): readonly WireRequest[] {
  return happened.flatMap((one) => (one.at === 'wire' ? [one.request] : []));
}

/** A plan of these chains. */
export function planOf(...chains: readonly (readonly Write[])[]): Plan {
  return { reason: 'test', chains, events: [] };
}
