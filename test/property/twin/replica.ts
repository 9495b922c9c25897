import { createSuspicion, type Suspicion } from '#api/suspicion.ts';
import { createCache } from '#cache/cache.ts';
import { planCaches } from '#cache/plan-caches.ts';
import type { Cache } from '#cache/port.ts';
import type { Config } from '#config/config.ts';
import type { Controller } from '#core/controller.ts';
import type { Clock } from '#core/time.ts';
import { createAttempts } from '#gate/attempts.ts';
import { createForecast } from '#gate/forecast/forecast.ts';
import { createLostWrites } from '#gate/lost.ts';
import { createNames } from '#gate/names.ts';
import { createPark } from '#gate/park.ts';
import { createProofs } from '#gate/proof.ts';
import { createQuotaGuard, DEFAULT_BUDGETS } from '#gate/quota.ts';
import type { Identities } from '#identity/port.ts';
import { DEFAULT_LIMITS } from '#kit/gate.ts';
import type { Opened } from '#ledger/open.ts';
import type { BundleId, Decision, Evaluator, PolicyInput } from '#policy/port.ts';
import { createHealth } from '#telemetry/health.ts';
import type { Fields, Metrics, Telemetry } from '#telemetry/port.ts';
import { openBlast } from '../../../src/blast.ts';
import { type Comptroller, conduct, type Ended } from '../../../src/conduct.ts';
import { writeTimeoutFor } from '../../../src/leadership.ts';
import type { Base, Pipeline } from '../../../src/parts.ts';
import type { SimulatedDisk } from './disk.ts';
import { openSimulatedLedger } from './ledger.ts';
import type { Host } from './sim.ts';
import { createWire, type WireParts } from './wire.ts';

/** What policy says now, by bundle; the same for all replicas, which learn of a new one at their own time. */
export interface Policy {
  readonly bundle: BundleId;
  readonly denies: (input: PolicyInput) => boolean;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface RunningReplica {
  readonly host: Host;
  readonly comptroller: Comptroller;
  readonly cache: Cache;
  readonly pipeline: Pipeline;
  activate(policy: Policy): void;
}

export interface ReplicaParts extends Pick<WireParts, 'sim' | 'server' | 'watches' | 'weather' | 'cutUntil'> {
  readonly host: Host;
  readonly disk: SimulatedDisk;
  readonly logId: string;
  readonly directoryId: string;
  readonly controllers: (cache: () => Cache) => readonly Controller[];
  readonly policy: Policy;
  readonly sending: (cache: Cache) => WireParts['sending'];
  readonly decided: (input: PolicyInput, decision: Decision) => void;
  readonly says: (level: LogLevel, message: string, fields: Fields | undefined) => void;
  readonly ended: (how: Ended) => void;
}

export const LEASE = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

/** What `comptroller run` is told by default, as far as the simulated parts ask. */
const CONFIG = {
  leaderElection: { enabled: true, ...LEASE, leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2000 },
  cluster: { name: 'twin', terminatedPodGcThreshold: 0 },
  endpoints: { maxPerSlice: 100, sliceUpdatesBatchPeriod: 0, updatesBatchPeriod: 0 },
  namespaces: { syncPeriod: 300_000 },
  workers: new Map(),
  breaker: DEFAULT_LIMITS,
} as unknown as Config;

/** Starts one process: everything behind `src/main.ts` is the product's own but keeper, policy engine and sockets. */
export async function startReplica(parts: ReplicaParts): Promise<RunningReplica> {
  const { sim, host } = parts;
  const clock = sim.clockOf(host);
  const telemetry = telemetryOf(parts);
  const opened = await openSimulatedLedger({ ...parts, ...telemetry, clock });
  const evaluator = createPolicy(parts);
  const pipeline = pipelineOf(parts, { clock, telemetry, opened, evaluator: evaluator.port });
  const base = { opened, identity: host.name, rootCa: () => 'ca' } as Base;
  const outside = { telemetry, health: createHealth(), metrics: { meter: telemetry.meter } as Metrics };
  const comptroller = conduct(CONFIG, base, pipeline, outside, []);
  void comptroller.ended.then(parts.ended);
  return { host, comptroller, cache: pipeline.cache, pipeline, activate: evaluator.activate };
}

interface Built {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly opened: Pick<Opened, 'ledger'>;
  readonly evaluator: Evaluator;
}

function pipelineOf(parts: ReplicaParts, { clock, telemetry, opened, evaluator }: Built): Pipeline {
  const { sim } = parts;
  const { ledger } = opened;
  const { meter, log } = telemetry;
  const proofs = createProofs();
  const built: { cache?: Cache } = {};
  const cacheOf = (): Cache => built.cache as Cache;
  const late: { raise?: Suspicion['raise'] } = {};
  const wire = createWire({
    ...parts,
    late: (identity, waited) => late.raise?.({ identity, since: clock.now().mono - waited }),
    redeem: proofs.redeem,
    sending: (recorded) => parts.sending(cacheOf())(recorded),
  });
  const controllers = parts.controllers(cacheOf);
  const plans = planCaches(controllers);
  const identities = IDENTITIES;
  const random = {
    fraction: sim.random,
    word: () => Math.floor(sim.random() * 2 ** 32),
    seed: () =>
      Math.floor(sim.random() * 2 ** 52)
        .toString(16)
        .padStart(64, '0'),
  };
  const suspicion = createSuspicion(clock);
  late.raise = suspicion.raise;
  const cache = createCache({
    ...wire,
    suspicion,
    identities,
    resources: plans,
    clock,
    meter,
    log,
    random: random.fraction,
  });
  built.cache = cache;
  const forecast = createForecast({ clock, meter });
  forecast.follow(cache);
  const held = new Set(plans.map(({ resource }) => resource));
  const writeTimeout = writeTimeoutFor(CONFIG);
  const blast = openBlast({
    config: CONFIG,
    reader: wire.reader,
    cache,
    held,
    ledger,
    clock,
    writeTimeout,
    meter,
    log,
  });
  return {
    ...wire,
    blast,
    breaker: blast.breaker,
    cache,
    evaluator: evaluator as Pipeline['evaluator'],
    ledger,
    identities: identities as Pipeline['identities'],
    quota: createQuotaGuard(DEFAULT_BUDGETS),
    forecast,
    park: createPark(clock),
    names: createNames(ledger.origin, random.word),
    proofs,
    lost: createLostWrites(clock),
    attempts: createAttempts(),
    clock,
    cluster: 'twin',
    writeTimeout,
    controllers,
    random,
  };
}

const IDENTITIES: Identities = {
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
};

function telemetryOf({ says }: ReplicaParts): Telemetry {
  const nothing = (): void => {};
  const at = (level: LogLevel) => (message: string, fields?: Fields) => says(level, message, fields);
  return {
    meter: { count: nothing, set: nothing, observe: nothing },
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
  };
}

/** In place of the worker thread: decides late, and always by the bundle that is active when it does. */
function createPolicy({ sim, host, policy, decided }: ReplicaParts) {
  let active = policy;
  const callbacks = new Set<(bundle: BundleId) => void>();
  const decide = (input: PolicyInput): Decision => {
    const { bundle } = active;
    const rule = { rule: 'twin/rule', title: 'no', message: 'no', severity: 'low' as const, controls: [] };
    const decision: Decision = active.denies(input)
      ? { kind: 'deny', bundle, violations: [rule], warnings: [], needs: [], micros: 1 }
      : { kind: 'allow', bundle, warnings: [], micros: 1 };
    decided(input, decision);
    return decision;
  };
  const port: Evaluator = {
    async decide(inputs) {
      await sim.sleep(0, 2, host);
      return inputs.map(decide);
    },
    active: () => active.bundle,
    onActivation: (callback) => {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    close: async () => {},
  };
  return {
    port,
    activate(next: Policy): void {
      active = next;
      for (const callback of callbacks) callback(next.bundle);
    },
  };
}
