/**
 * The composition root of `comptroller run`: builds the parts in the order of the pipeline. Who ends whom is in
 * `conduct.ts`. Nothing here decides; it reads from top to bottom like the picture in ARCHITECTURE.md.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createReader } from '#api/read.ts';
import { createSuspicion } from '#api/suspicion.ts';
import { createStreams } from '#api/watch.ts';
import { createWriter } from '#api/write.ts';
import { createCache } from '#cache/cache.ts';
import { planCaches } from '#cache/plan-caches.ts';
import type { Config } from '#config/config.ts';
import { readKubeconfig } from '#config/kubeconfig.ts';
import { rootCaOf } from '#config/root-ca.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import { KUBERNETES, VERSION } from '#core/release.ts';
import { createAttempts } from '#gate/attempts.ts';
import { createForecast } from '#gate/forecast/forecast.ts';
import { createLostWrites } from '#gate/lost.ts';
import { createNames } from '#gate/names.ts';
import { createPark } from '#gate/park.ts';
import { createProofs } from '#gate/proof.ts';
import { createQuotaGuard } from '#gate/quota.ts';
import { createIdentities } from '#identity/identities.ts';
import { placesIn } from '#identity/places.ts';
import { compileProfiles } from '#identity/profiles.ts';
import { publishStatus } from '#identity/status.ts';
import { connectKeeper } from '#keeper/client.ts';
import type { Keeper } from '#keeper/port.ts';
import { type SpawnedKeeper, spawnKeeper } from '#keeper/spawn.ts';
import { openLedger } from '#ledger/open.ts';
import type { Ledger, NoteDraft } from '#ledger/port.ts';
import { createEvaluator } from '#policy/evaluator.ts';
import { readPublicKey } from '#policy/keys.ts';
import { systemClock } from '#telemetry/clock.ts';
import { createHealth } from '#telemetry/health.ts';
import { createLog } from '#telemetry/log.ts';
import { watchLoopDelay } from '#telemetry/loop-delay.ts';
import { createMetrics } from '#telemetry/metrics.ts';
import type { Telemetry } from '#telemetry/port.ts';
import { openBlast } from './blast.ts';
import { type Comptroller, conduct } from './conduct.ts';
import { openDoors } from './doors/server.ts';
import { writeTimeoutFor } from './leadership.ts';
import type { Base, Pipeline } from './parts.ts';
import { systemRandomness } from './random.ts';

const readFile = (path: string): string => readFileSync(path, 'utf8');

/** Starts everything; rejects with an Error fit for a person when a part cannot start, and then leaves nothing behind. */
export async function startComptroller(config: Config): Promise<Comptroller> {
  const clock = systemClock;
  const log = createLog({ ...config.log, clock });
  const metrics = createMetrics({ version: VERSION, kubernetes: KUBERNETES });
  const health = createHealth();
  const telemetry: Telemetry = { log, meter: metrics.meter };
  for (const warning of config.warnings) log.warn(warning);
  const undo: (() => unknown)[] = [];
  try {
    const base = await openBase(config, telemetry, undo);
    const parts = await buildPipeline(config, base, telemetry, undo);
    const doors = await openDoors({
      ...telemetry,
      routes: parts.blast.routes,
      config: config.serving,
      reader: parts.reader,
      health,
      metrics,
      clock,
      readFile,
    });
    undo.push(() => doors.close(), watchLoopDelay(clock, metrics.meter));
    return conduct(config, base, parts, { telemetry, health, metrics }, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** Server address, keeper, ledger, identities: each needs the one before it. */
async function openBase(config: Config, { log, meter }: Telemetry, undo: (() => unknown)[]): Promise<Base> {
  const api = await readKubeconfig(config.kubeconfig, config.master);
  const rootCa = (): string => rootCaOf(config.cluster.rootCaFile, api.caPem, readFile);
  // Told at the start, not first when it leads.
  rootCa();
  const endpoint = {
    server: api.server,
    version: VERSION,
    ...(api.tlsServerName !== undefined && { servername: api.tlsServerName }),
  };
  const identity = `${hostname()}_${randomUUID()}`;
  const { keeper, spawned } = await openKeeper(config, undo);
  const { checkpointKey } = await keeper.about();
  const opened = await openLedger({
    directory: config.ledgerDir,
    cluster: config.cluster.name,
    sign: (body) => keeper.signCheckpoint(body),
    verifierKey: checkpointKey,
    clock: systemClock,
    meter,
    log,
    start: {
      version: VERSION,
      kubernetes: KUBERNETES,
      node: process.version,
      host: hostname(),
      identity,
      mode: config.mode,
      naming: config.identity.namingMode,
      controllers: [...config.controllers],
    },
  });
  undo.push(() => opened.ledger.close('start failed'));
  const identities = await createIdentities({
    keeper,
    profiles: compileProfiles(CONTROLLERS, config.identity.namingMode),
    serverCaPem: api.caPem,
    lifetime: config.identity.certificateLifetime,
    clock: systemClock,
    meter,
    log,
    onCertificate: (note) => mustRecord(opened.ledger, note),
  });
  undo.push(() => identities.close());
  const status = publishStatus({ identities, places: placesIn(config.stateDir), clock: systemClock, log });
  undo.push(() => status.close());
  return { api, endpoint, rootCa, keeper, spawned, opened, identities, identity };
}

async function openKeeper(
  { keeper, stateDir, identity }: Config,
  undo: (() => unknown)[],
): Promise<{ keeper: Keeper; spawned: SpawnedKeeper | undefined }> {
  const places = placesIn(stateDir);
  const socket = keeper.socket ?? places.keeperSocket;
  const { caCertFile, caKeyFile } = keeper;
  const spawned =
    keeper.socket !== undefined || caCertFile === undefined || caKeyFile === undefined
      ? undefined
      : await spawnKeeper({
          socket,
          caCert: caCertFile,
          caKey: caKeyFile,
          stateDir: places.keeper,
          mode: identity.namingMode,
        });
  undo.push(() => spawned?.stop());
  const client = await connectKeeper(socket);
  undo.push(() => client.close());
  return { keeper: client, spawned };
}

/** A note without which the step it tells of must not happen. */
async function mustRecord(ledger: Ledger, note: NoteDraft): Promise<void> {
  const recorded = await ledger.note(note);
  if (!recorded.ok) throw new Error(`recording ${note.note}: ${recorded.code}`);
}

/** Never happens; where it does, it is refused, seen and alarmed. */
function unrecorded(meter: Telemetry['meter']): false {
  meter.count('ledger_unrecorded_total', {});
  return false;
}

/** Transport, cache, policy and the gate's own state. Opens no connection and starts no watch yet, but for the bundle. */
async function buildPipeline(
  config: Config,
  { endpoint, identities, opened }: Base,
  { log, meter }: Telemetry,
  undo: (() => unknown)[],
): Promise<Pipeline> {
  const clock = systemClock;
  const proofs = createProofs();
  const suspicion = createSuspicion(clock);
  const wire = { endpoint, identities, clock, meter, suspicion };
  const reader = createReader(wire);
  const writer = createWriter({ ...wire, isRecorded: (recorded) => proofs.redeem(recorded) || unrecorded(meter) });
  undo.push(
    () => reader.close(),
    () => writer.close(),
  );
  const streams = createStreams(wire);
  const controllers = CONTROLLERS.filter(({ name }) => config.controllers.includes(name));
  const plans = planCaches(controllers);
  const cache = createCache({
    reader,
    streams,
    identities,
    resources: plans,
    clock,
    meter,
    log,
    suspicion,
    random: systemRandomness.fraction,
  });
  const forecast = createForecast({ clock, meter });
  undo.push(forecast.follow(cache));
  const evaluator = await createEvaluator({
    bundleDir: config.policy.bundle ?? '',
    keys: config.policy.keys.map(readPublicKey),
    minVersion: opened.bundleVersion,
    meter,
    log,
    clock,
    onBundle: (note) => mustRecord(opened.ledger, note),
    untracked: (resource) => cache.untracked(resource as Parameters<typeof cache.untracked>[0]),
  });
  undo.push(() => evaluator.close());
  const held = new Set(plans.map(({ resource }) => resource));
  const { ledger } = opened;
  const writeTimeout = writeTimeoutFor(config);
  const blast = openBlast({ config, reader, cache, held, ledger, clock, writeTimeout, meter, log });
  return {
    blast,
    breaker: blast.breaker,
    reader,
    writer,
    cache,
    evaluator,
    ledger,
    identities,
    quota: createQuotaGuard({ ...config.budgets, controller: { rate: config.api.qps, burst: config.api.burst } }),
    forecast,
    park: createPark(clock),
    names: createNames(opened.ledger.origin, systemRandomness.word),
    proofs,
    lost: createLostWrites(clock),
    attempts: createAttempts(),
    clock,
    cluster: config.cluster.name,
    writeTimeout,
    streams,
    controllers,
    random: systemRandomness,
  };
}
