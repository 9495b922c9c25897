/** The life of a `run` process: follow, lead, end. Every way to end drains what is under way, and says why in the ledger. */
import { createReads } from '#api/reads.ts';
import { caughtUp } from '#cache/catch-up.ts';
import { followDiscovery } from '#cache/tracker.ts';
import type { Config } from '#config/config.ts';
import { type ControllerSettings, watchesAll } from '#core/controller.ts';
import { type Ms, seconds } from '#core/time.ts';
import { createEventLane, type EventLane } from '#gate/events.ts';
import { createGate, type Gate } from '#gate/gate.ts';
import { wakeParked } from '#gate/parked-wakes.ts';
import type { GateParts } from '#gate/ports.ts';
import { recover } from '#gate/recover.ts';
import type { Epoch, Fence } from '#leader/port.ts';
import type { Anchors } from '#ledger/port.ts';
import { whenActive } from '#policy/when-active.ts';
import { watchClockJumps } from '#telemetry/clock.ts';
import type { Health, Metrics, Telemetry } from '#telemetry/port.ts';
import { JUMP_BOUND, type Leadership, openLeadership, WRITE_TIMEOUT } from './leadership.ts';
import type { Base, Pipeline } from './parts.ts';
import { type Reign, startReign } from './queue/reign.ts';
import { noteRollback } from './rollback.ts';
import { within } from './within.ts';

/** How a process ended; the exit codes are documented in README.md. */
export type Ended =
  | { readonly kind: 'stopped'; readonly code: 0 }
  | { readonly kind: 'lost-leadership'; readonly code: 1 }
  | { readonly kind: 'keeper-gone'; readonly code: 69 }
  | { readonly kind: 'failed'; readonly code: 70 }
  | { readonly kind: 'ledger-failed'; readonly code: 74 };

export interface Comptroller {
  /** Resolves when this process has to end, and everything that could be drained is. */
  readonly ended: Promise<Ended>;
  /** Hands over: drains, gives the lease up, records the stop. */
  stop(): void;
}

export interface Outside {
  readonly telemetry: Telemetry;
  readonly health: Health;
  readonly metrics: Metrics;
}

/** Why a ledger ended whose reserve still carries leases: another replica need not wait for this one's to run out. */
const FULL = 'full';
/** How long what is under way at the end is waited for. */
const DRAIN: Ms = WRITE_TIMEOUT + seconds(3);
const DRAIN_LOOK: Ms = 20;
/** Of that, what Events may take: meanwhile nobody works, and a burst of them must not keep the next leader from it. */
const LAST_EVENTS: Ms = 200;
const JUMP_LOOK: Ms = seconds(1);

interface Stage {
  readonly config: Config;
  readonly base: Base;
  readonly pipeline: Pipeline;
  readonly telemetry: Telemetry;
  readonly gate: Gate;
  readonly events: EventLane;
  readonly fence: Fence;
  /** Aborts watches and campaigns. */
  readonly signal: AbortSignal;
  readonly synced: Promise<void>;
}

/** Follows, leads when it is its turn, and ends in order. */
export function conduct(
  config: Config,
  base: Base,
  pipeline: Pipeline,
  outside: Outside,
  undo: (() => unknown)[],
): Comptroller {
  const { telemetry, health } = outside;
  const { log } = telemetry;
  const abort = new AbortController();
  const ended = Promise.withResolvers<Ended>();
  let reign: Reign | undefined;
  let ending = false;
  let ours: Epoch | undefined;

  const parts = { ...pipeline, ...telemetry } as GateParts & Pipeline;
  const leadership = openLeadership(config, base, parts, abort.signal);
  Object.assign(parts, { fence: leadership.fence });
  pipeline.blast.bind(parts, leadership.holder);
  const gate = createGate(parts);
  const events = createEventLane(parts);
  const synced = pipeline.cache.start(abort.signal);
  const stage: Stage = {
    config,
    base,
    pipeline,
    telemetry,
    gate,
    events,
    fence: leadership.fence,
    signal: abort.signal,
    synced,
  };

  const end = (how: Ended, why: string, graceful: boolean): void => {
    if (ending) return;
    ending = true;
    log.info('ending', { how: how.kind, why, code: how.code });
    void finish(stage, { reign, leadership, epoch: ours, graceful, releases: graceful || why === FULL, why, undo })
      .catch((error: unknown) => log.error('ending out of order', { error: describe(error) }))
      .finally(() => {
        abort.abort();
        ended.resolve(how);
      });
  };
  const lead = async (epoch: Epoch, found: Anchors): Promise<void> => {
    ours = epoch;
    try {
      const begun = await beginReign(stage, epoch, found, (address) => reign?.wake(address));
      if (ending) await begun.stop();
      else reign = begun;
      log.info('controllers started', { count: pipeline.controllers.length, transitions: epoch.transitions });
    } catch (error) {
      if (!ending) end({ kind: 'failed', code: 70 }, `starting to lead: ${describe(error)}`, true);
    }
  };
  synced.catch((error: unknown) => end({ kind: 'failed', code: 70 }, `filling the cache: ${describe(error)}`, true));
  void base.opened.ledger.failure.then((why) => end({ kind: 'ledger-failed', code: 74 }, why, false));
  void base.spawned?.exited.then(() => end({ kind: 'keeper-gone', code: 69 }, 'the keeper ended', true));
  // Leadership waits for the cache alone: what is only tracked comes after it.
  void synced.then(
    () => track(stage),
    () => undefined,
  );
  attend(stage, () => reign, undo);
  watchHealth(health, stage, leadership);
  whenActive(pipeline.evaluator, log, () =>
    leadership.start(
      (epoch, found) => void lead(epoch, found),
      (why) => end({ kind: 'lost-leadership', code: 1 }, why, false),
    ),
  );
  return { ended: ended.promise, stop: () => end({ kind: 'stopped', code: 0 }, 'asked to stop', true) };
}

/** What stands between winning and the first decision: records, a caught-up cache, open intents closed (I8, I16). */
async function beginReign(stage: Stage, epoch: Epoch, found: Anchors, wake: (address: string) => void): Promise<Reign> {
  const { base, pipeline, telemetry, signal, events } = stage;
  const { ledger, reader, clock, cache, blast } = pipeline;
  const predecessor = found.last === undefined ? {} : { predecessor: found.last };
  const noted = await ledger.note({ note: 'leadership', epoch, won: true, ...predecessor });
  if (!noted.ok) throw new Error(`recording the leadership: ${noted.code}`);
  const wentBack = await noteRollback(base.opened, found, telemetry.log);
  await stage.synced;
  await caughtUp(cache, signal, () =>
    recover(base.opened.openIntents, {
      reader,
      ledger,
      clock,
      log: telemetry.log,
      controllers: pipeline.controllers,
      alone: stage.config.leaderElection.enabled ? undefined : base.opened.since,
    }),
  );
  signal.addEventListener('abort', blast.lead({ emit: events.emit, wake }), { once: true });
  if (wentBack) await blast.desk.holdAll('ledger-went-back');
  await blast.desk.holdDue();
  return startReign(pipeline.controllers, runnerParts(stage));
}

/** Of one reign. */
export function settingsOf(
  config: Pick<Config, 'cluster' | 'endpoints' | 'namespaces'>,
  base: Pick<Base, 'rootCa'>,
): ControllerSettings {
  return Object.freeze({
    // A replica may have followed for weeks.
    rootCa: base.rootCa(),
    terminatedPodGcThreshold: config.cluster.terminatedPodGcThreshold,
    maxEndpointsPerSlice: config.endpoints.maxPerSlice,
    endpointSliceUpdatesBatchPeriod: config.endpoints.sliceUpdatesBatchPeriod,
    endpointUpdatesBatchPeriod: config.endpoints.updatesBatchPeriod,
    namespaceSyncPeriod: config.namespaces.syncPeriod,
  });
}

function runnerParts({ config, base, pipeline, telemetry, gate, events }: Stage) {
  const { cache, clock, reader } = pipeline;
  const settings = settingsOf(config, base);
  const workers = new Map(
    pipeline.controllers.flatMap(({ loops }) =>
      loops.flatMap(({ queue, workersFlag }) => {
        const count = workersFlag === undefined ? undefined : config.workers.get(workersFlag);
        return count === undefined ? [] : [[queue, count] as const];
      }),
    ),
  );
  return {
    ...telemetry,
    cache,
    gate,
    events,
    clock,
    settings,
    workers,
    readsFor: (controller: string) => createReads(reader, controller),
    seed: pipeline.random.seed,
    writeTimeout: pipeline.writeTimeout,
  };
}

/** Follows what the API server serves, where a controller works on all of it. Followers do too: their graph is warm. */
function track({ pipeline, telemetry, signal }: Stage): void {
  const { cache, clock, reader } = pipeline;
  const watcher = pipeline.controllers.find(({ rbac }) => watchesAll(rbac))?.name;
  if (watcher === undefined) return;
  const reads = createReads(reader, watcher);
  followDiscovery({ ...telemetry, tracked: cache.tracked, reads, identity: watcher, clock }, signal);
}

/** What may happen at any time while it runs: a new bundle, an older history, a clock jump. */
function attend({ pipeline, telemetry, signal }: Stage, reign: () => Reign | undefined, undo: (() => unknown)[]): void {
  const { evaluator, cache, park, forecast, ledger, clock, blast } = pipeline;
  undo.push(
    evaluator.onActivation(() => {
      for (const address of park.clear()) reign()?.wake(address);
      telemetry.meter.set('gate_parked_writes', {}, park.size());
    }),
    park.onExpiry((address) => reign()?.wake(address)),
    wakeParked(cache, park, (address) => reign()?.wake(address)),
    forecast.onRoom((address) => reign()?.wake(address)),
    cache.onEra((why, resource) => {
      void ledger.note({ note: 'era', why, resource });
      // Also a follower's word counts, once it leads: after a restore nobody may lead when it is seen.
      void blast.desk.holdAll('history-went-back');
      void reign()?.restart(() => cache.catchUp(signal));
    }),
    watchClockJumps({
      clock,
      every: JUMP_LOOK,
      bound: JUMP_BOUND,
      onJump(by) {
        void ledger.note({ note: 'clock-jump', by });
        reign()?.hasten();
      },
    }),
  );
}

function watchHealth(health: Health, { pipeline, synced, base }: Stage, leadership: Leadership): void {
  let ready = false;
  const noteReady = (): void => {
    ready = true;
  };
  // Where it fails the process ends, which is said elsewhere: here it only stays not ready.
  synced.then(noteReady, () => undefined);
  let failed: string | undefined;
  void base.opened.ledger.failure.then((why) => {
    failed = why;
  });
  health.add('leaderElection', () => leadership.failing(), ['livez', 'healthz']);
  health.add('ledger', () => failed, ['livez', 'readyz', 'healthz']);
  health.add('informer-sync', () => (ready ? undefined : 'filling the cache'));
  health.add('policy', () =>
    pipeline.evaluator.active() === undefined ? 'no policy bundle is active: every write is refused' : undefined,
  );
  pipeline.blast.watch(health);
  for (const { name } of pipeline.controllers) health.add(`${name}-controller`, () => undefined, ['healthz']);
}

interface Ending {
  readonly reign: Reign | undefined;
  readonly leadership: Leadership;
  /** The reign that ends; undefined for a follower. */
  readonly epoch: Epoch | undefined;
  readonly graceful: boolean;
  /** Whether the lease can be given up, which has to be recorded first. */
  readonly releases: boolean;
  readonly why: string;
  readonly undo: (() => unknown)[];
}

/** Drains, gives leadership up, records the stop. Not graceful: leadership or ledger are gone, so nothing more is begun. */
async function finish(stage: Stage, ending: Ending): Promise<void> {
  const { reign, leadership, epoch, graceful, releases, why, undo } = ending;
  const { gate, events, pipeline, base, telemetry } = stage;
  if (!graceful) gate.close();
  await within(DRAIN, pipeline.clock, () => reign?.stop());
  gate.close();
  if (graceful) {
    await within(LAST_EVENTS, pipeline.clock, () => events.drained());
    events.close();
    await within(DRAIN, pipeline.clock, () => pipeline.blast.end());
  }
  if (releases) {
    await within(DRAIN, pipeline.clock, () => quiet(stage));
    telemetry.log.info('leadership', { release: String(await leadership.release()) });
  }
  if (epoch !== undefined) await base.opened.ledger.note({ note: 'leadership', epoch, won: false });
  await base.opened.ledger.close(why);
  for (const step of undo.splice(0).reverse()) await step();
}

/** Resolves when nothing is on the wire. */
async function quiet({ pipeline, gate }: Stage): Promise<void> {
  while (gate.busy() > 0 || pipeline.writer.inFlight() > 0 || pipeline.lost.count() > 0) {
    await new Promise<void>((resolve) => pipeline.clock.after(DRAIN_LOOK, resolve));
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
