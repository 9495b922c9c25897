import { setTimeout as delay } from 'node:timers/promises';
import type { Reader } from '#api/port.ts';
import { createReader } from '#api/read.ts';
import type { Config } from '#config/config.ts';
import { type ApiServer, readKubeconfig } from '#config/kubeconfig.ts';
import { VERSION } from '#core/release.ts';
import { readGenerations } from '#identity/generations.ts';
import { personIdentities } from '#identity/person.ts';
import { placesIn } from '#identity/places.ts';
import { systemClock } from '#telemetry/clock.ts';
import { bundleFact, ledgerFact, lookFact } from './facts/books.ts';
import { KINDS, leasesFact, objectsFact } from './facts/cluster.ts';
import { known } from './facts/known.ts';
import { caFact, fileFacts, keeperFact, ownerOf, processFact } from './facts/local.ts';
import { certificatesOf, clientCaFact, serverFact } from './facts/server.ts';
import type { Facts, Known, Setting } from './port.ts';

/** Who reads: a person with a certificate or a token, or nobody. */
export interface Person {
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface GatherOptions {
  readonly config: Config;
  /** Where the configuration and the administrator's kubeconfig were read from. */
  readonly configFile?: string;
  readonly adminKubeconfig?: string;
  readonly person: Person;
}

/** Every fact that there is to get, on this machine and from the API server. Reads only; throws for no single fact. */
export async function gather(options: GatherOptions): Promise<Facts> {
  // The clock's own timers keep no process alive, and a pause before another try may be all that is left to wait for.
  const hold = setInterval(() => undefined, 60_000);
  try {
    return await gatherAll(options);
  } finally {
    clearInterval(hold);
  }
}

async function gatherAll(options: GatherOptions): Promise<Facts> {
  const { config } = options;
  const clock = systemClock;
  const api = await known(() => readKubeconfig(config.kubeconfig, config.master));
  const keeper = await known(() => keeperFact(config));
  const look = await known(() => lookFact(config.ledgerDir, keeper));
  const highest: Known<number> = look.ok ? { ok: true, value: look.value?.bundleVersion ?? 0 } : look;
  const remote = await gatherRemote(options, api, look.ok ? look.value?.holder : undefined);
  return {
    now: clock.now().wall,
    setting: settingOf(config, api),
    ...remote,
    serverCa: await known(() => certificatesOf(givenBy(api).caPem, 'the CA in the kubeconfig')),
    ca: await known(() => caFact(config)),
    keeper,
    process: await known(() => processFact(config)),
    generations: await known(() => readGenerations(placesIn(config.stateDir).keeper)),
    bundle: await known(() => bundleFact(config, highest, clock)),
    ledger: await known(() => ledgerFact(config.ledgerDir, givenBy(look), keeper, clock)),
    files: fileFacts(config, options.configFile, options.adminKubeconfig),
  };
}

type Remote = Pick<Facts, 'server' | 'clientCas' | 'objects' | 'leases'>;

async function gatherRemote(
  { config, person }: GatherOptions,
  api: Known<ApiServer>,
  holder: string | undefined,
): Promise<Remote> {
  if (!api.ok) return silent(api);
  const reader = openReader(api.value, person);
  try {
    const { namespace, name, retryPeriod } = config.leaderElection;
    const pause = (): Promise<void> => delay(retryPeriod * 1.5);
    const server = await known(() => serverFact(reader, systemClock));
    if (!server.ok) return silent(server);
    return {
      server,
      clientCas: await known(() => clientCaFact(reader)),
      objects: await objectsFact(reader),
      leases: await known(() => leasesFact(reader, { namespace, name, holder, pause })),
    };
  } finally {
    await reader.close();
  }
}

/** Nothing is known of a server that is not reached. */
function silent(why: Known<never>): Remote {
  return { server: why, clientCas: why, objects: new Map(KINDS.map((kind) => [kind, why] as const)), leases: why };
}

function openReader(api: ApiServer, { token, ...pair }: Person): Reader & { close(): Promise<void> } {
  return createReader({
    endpoint: {
      server: api.server,
      version: VERSION,
      ...(api.tlsServerName !== undefined && { servername: api.tlsServerName }),
    },
    identities: personIdentities({ caPem: api.caPem, ...pair }),
    clock: systemClock,
    meter: { count: () => undefined, set: () => undefined, observe: () => undefined },
    ...(token !== undefined && { token }),
  });
}

function settingOf(config: Config, api: Known<ApiServer>): Setting {
  const { leaderElection, keeper, policy } = config;
  return {
    namingMode: config.identity.namingMode,
    stateDir: config.stateDir,
    ledgerDir: config.ledgerDir,
    bundle: policy.bundle ?? '',
    keys: policy.keys,
    kubeconfig: config.kubeconfig,
    server: api.ok ? api.value.server : undefined,
    caCertFile: keeper.caCertFile,
    controllers: config.controllers,
    lease: { enabled: leaderElection.enabled, namespace: leaderElection.namespace, name: leaderElection.name },
    owner: ownerOf(config.stateDir),
  };
}

/** Inside `known`: what is not known is not known here either. */
function givenBy<T>(fact: Known<T>): T {
  if (!fact.ok) throw new Error(fact.why);
  return fact.value;
}
