import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Controller } from '#core/controller.ts';
import type { Ms } from '#core/time.ts';
import type { ServingConfig } from '#doors/port.ts';
import { CIPHER_SUITES } from './ciphers.ts';
import type { Config, LeaderElectionConfig } from './config.ts';
import { selectControllers } from './controllers.ts';
import { parseDuration } from './duration.ts';
import { ConfigError } from './errors.ts';
import { type CommandLine, flagsOf, parseFlags } from './flags.ts';
import { helpText } from './help.ts';
import { suggestion } from './nearest.ts';
import { API_VERSION, configurationSchema, KIND, type Settings, workersKey } from './schema.ts';
import { validate } from './validate.ts';

export interface LoadIo {
  /** The text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
  readonly controllers: readonly Controller[];
}

export type Command =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' };

const MAX_FILE = 1024 * 1024;

/** What `comptroller run <argv>` means: flag over file over default. Throws one ConfigError that names every problem. */
export function loadConfig(argv: readonly string[], { readFile, controllers }: LoadIo): Command {
  const schema = configurationSchema(controllers);
  const line = parseFlags(argv, flagsOf(controllers), schema);
  if (line.help) return { kind: 'help', text: helpText(controllers) };
  if (line.version) return { kind: 'version' };
  const file = line.config === undefined ? FLAGS_ONLY : readFileAt(line.config, readFile);
  const merged = merge(file.value, line);
  const where = (path: string): string => nameOf(path, line);
  const { value, problems } = validate(schema, merged, where);
  const settings = value as unknown as Settings;
  const all = [...line.problems, ...file.problems, ...problems];
  if (all.length > 0) throw new ConfigError(all);
  const selection = selectControllers(settings.controllers, controllers);
  const contradictions = [
    ...selection.problems.map((problem) => `${where('controllers')}: ${problem}`),
    ...contradictionsOf(settings, where),
  ];
  if (contradictions.length > 0) throw new ConfigError(contradictions);
  return {
    kind: 'run',
    config: toConfig(
      settings,
      enabledBy(settings, selection.enabled),
      warningsOf(line, settings, controllers),
      controllers,
    ),
  };
}

/** One controller has a switch of its own, as upstream's has. */
function enabledBy({ cluster }: Settings, selected: readonly string[]): readonly string[] {
  return cluster.enableGarbageCollector ? selected : selected.filter((name) => name !== 'garbage-collector');
}

/** A setting as whoever gave it knows it: by its flag, else by its path in the file. */
function nameOf(path: string, line: CommandLine): string {
  const flag = line.given.get(path);
  if (flag !== undefined) return `--${flag.name}`;
  return line.config === undefined ? path : `${path} in the configuration file`;
}

interface FileRead {
  readonly value: Readonly<Record<string, unknown>>;
  readonly problems: readonly string[];
}

const FLAGS_ONLY: FileRead = { value: { apiVersion: API_VERSION, kind: KIND }, problems: [] };

function readFileAt(path: string, readFile: (path: string) => string): FileRead {
  const failed = (problem: string): FileRead => ({ ...FLAGS_ONLY, problems: [`--config: ${problem}`] });
  let text: string;
  try {
    text = readFile(path);
  } catch {
    return failed('the file cannot be read; check that it exists and who may read it');
  }
  if (text.length > MAX_FILE) return failed('the file is larger than 1 MiB; it is not a configuration');
  const document = parseDocument(text, { version: '1.2', uniqueKeys: true, strict: true, logLevel: 'silent' });
  const [error] = document.errors;
  if (error !== undefined) {
    const at = error.linePos?.[0];
    return failed(`the file is not YAML (${error.code}, line ${at?.line ?? '?'}, column ${at?.col ?? '?'})`);
  }
  const value: unknown = toJson(() => document.toJS({ maxAliasCount: 0 }));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return failed('the file holds no map of settings; start it with apiVersion and kind, without anchors');
  return { value: value as Readonly<Record<string, unknown>>, problems: [] };
}

function toJson(convert: () => unknown): unknown {
  try {
    return convert();
  } catch {
    return undefined;
  }
}

/** Lays the flags over the file. */
function merge(file: Readonly<Record<string, unknown>>, line: CommandLine): Record<string, unknown> {
  const merged = new Map(Object.entries(file));
  for (const [path, value] of line.settings) {
    const [section = '', key] = path.split('.');
    if (key === undefined) merged.set(section, value);
    else {
      const below = merged.get(section) ?? {};
      if (typeof below === 'object' && !Array.isArray(below)) merged.set(section, { ...below, [key]: value });
    }
  }
  return Object.fromEntries(merged);
}

/** What no single setting shows. */
function contradictionsOf(settings: Settings, where: (path: string) => string): string[] {
  const { serving, keeper, cluster, connection, identity } = settings;
  const found: string[] = [];
  const refuse = (wrong: boolean, path: string, problem: string): void => {
    if (wrong) found.push(`${where(path)}: ${problem}`);
  };
  const pair = (a: unknown, b: unknown): boolean => (a === undefined) !== (b === undefined);
  refuse(connection.kubeconfig === undefined, 'connection.kubeconfig', 'it is missing; give --kubeconfig=FILE');
  refuse(
    !isAddress(serving.bindAddress),
    'serving.bindAddress',
    'it is not an IP address; use 127.0.0.1, 0.0.0.0 or ::',
  );
  refuse(serving.profiling, 'serving.profiling', 'true is refused: there is no profiler; remove it');
  refuse(
    pair(serving.tlsCertFile, serving.tlsPrivateKeyFile),
    'serving.tlsCertFile',
    'certificate and key go together; give both files or none',
  );
  refuse(
    pair(keeper.caCertFile, keeper.caKeyFile),
    'keeper.caCertFile',
    'certificate and key go together; give both files or none',
  );
  refuse(
    keeper.socket !== undefined && keeper.caKeyFile !== undefined,
    'keeper.socket',
    'a keeper that runs already has its own key; give the socket or the key',
  );
  refuse(
    cluster.allocateNodeCidrs && cluster.clusterCidr === undefined,
    'cluster.allocateNodeCidrs',
    'it needs --cluster-cidr',
  );
  for (const suite of serving.tlsCipherSuites) {
    const names = CIPHER_SUITES.keys();
    refuse(
      !CIPHER_SUITES.has(suite),
      'serving.tlsCipherSuites',
      `one is unknown or insecure${suggestion(suite, names)}`,
    );
  }
  const lifetime = ms(identity.certificateLifetime);
  refuse(lifetime < 600_000 || lifetime > 86_400_000, 'identity.certificateLifetime', 'it is not from 10m to 24h');
  return [...found, ...leaseContradictions(settings.leaderElection, where)];
}

function isAddress(text: string): boolean {
  if (text.includes(':')) return /^[0-9A-Fa-f:.]+$/.test(text) && URL.canParse(`https://[${text}]`);
  return /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/.test(text);
}

/** Upstream's rules, and that the API carries whole seconds. */
function leaseContradictions(lease: Settings['leaderElection'], where: (path: string) => string): string[] {
  const [duration, deadline, retry] = [ms(lease.leaseDuration), ms(lease.renewDeadline), ms(lease.retryPeriod)];
  const at = (name: string): string => where(`leaderElection.${name}`);
  const found: string[] = [];
  if (duration < 1000 || duration % 1000 !== 0)
    found.push(`${at('leaseDuration')}: it is not a whole number of seconds from 1s`);
  if (duration <= deadline) found.push(`${at('leaseDuration')}: it is not longer than the renew deadline`);
  else if (duration - 2 * retry < 3000)
    found.push(
      `${at('leaseDuration')}: it leaves no time for a write; make it at least 3s longer than two retry periods`,
    );
  if (retry <= 0) found.push(`${at('retryPeriod')}: it is not longer than nothing`);
  if (deadline <= retry * 1.2) found.push(`${at('renewDeadline')}: it is not longer than 1.2 retry periods`);
  return found;
}

/** The schema has checked that it is a duration. */
function ms(text: string): Ms {
  return parseDuration(text) ?? Number.NaN;
}

function warningsOf(line: CommandLine, settings: Settings, controllers: readonly Controller[]): string[] {
  const known = new Set(controllers.map(({ name }) => name));
  const warnings: string[] = [];
  for (const flag of line.given.values()) {
    if (flag.note !== undefined) warnings.push(`--${flag.name} has no effect: ${flag.note}`);
    if (flag.needs !== undefined && !known.has(flag.needs))
      warnings.push(`--${flag.name} has no effect yet: Comptroller has no controller ${flag.needs}`);
  }
  if (!settings.identity.useServiceAccountCredentials)
    warnings.push(
      '--use-service-account-credentials=false has no effect: each controller has a certificate of its own',
    );
  if (settings.identity.namingMode === 'upstream')
    warnings.push("--naming-mode=upstream: controllers act under upstream's names and wider roles; for migration only");
  return warnings;
}

function toConfig(
  settings: Settings,
  enabled: readonly string[],
  warnings: readonly string[],
  controllers: readonly Controller[],
): Config {
  const { connection, cluster, endpoints, namespaces, identity, keeper, policy, logging, stateDir } = settings;
  const flags = controllers.flatMap(({ loops }) => loops).flatMap(({ workersFlag }) => workersFlag ?? []);
  const config: Config = {
    mode: settings.mode,
    kubeconfig: connection.kubeconfig ?? '',
    ...given({ master: connection.master }),
    controllers: enabled,
    workers: new Map(flags.map((name) => [name, settings.workers[workersKey(name)] ?? 1])),
    api: { qps: connection.qps, burst: connection.burst },
    budgets: settings.budgets,
    leaderElection: leaderElectionOf(settings),
    serving: servingOf(settings),
    cluster: {
      name: cluster.name,
      ...given({ rootCaFile: cluster.rootCaFile }),
      terminatedPodGcThreshold: cluster.terminatedPodGcThreshold,
    },
    endpoints: {
      maxPerSlice: endpoints.maxPerSlice,
      sliceUpdatesBatchPeriod: ms(endpoints.sliceUpdatesBatchPeriod),
      updatesBatchPeriod: ms(endpoints.updatesBatchPeriod),
    },
    namespaces: { syncPeriod: ms(namespaces.syncPeriod) },
    identity: { namingMode: identity.namingMode, certificateLifetime: ms(identity.certificateLifetime) },
    keeper: given({ socket: keeper.socket, caCertFile: keeper.caCertFile, caKeyFile: keeper.caKeyFile }),
    breaker: settings.breaker,
    policy: { ...given({ bundle: policy.bundle }), keys: policy.keys },
    stateDir,
    ledgerDir: settings.ledgerDir ?? join(stateDir, 'ledger'),
    log: { format: logging.format, verbosity: logging.verbosity },
    warnings,
  };
  return freeze(config);
}

function leaderElectionOf({ leaderElection }: Settings): LeaderElectionConfig {
  return {
    enabled: leaderElection.leaderElect,
    leaseDuration: ms(leaderElection.leaseDuration),
    renewDeadline: ms(leaderElection.renewDeadline),
    retryPeriod: ms(leaderElection.retryPeriod),
    name: leaderElection.resourceName,
    namespace: leaderElection.resourceNamespace,
  };
}

function servingOf({ serving }: Settings): ServingConfig {
  return {
    bindAddress: serving.bindAddress,
    port: serving.securePort,
    ...given({
      certFile: serving.tlsCertFile,
      keyFile: serving.tlsPrivateKeyFile,
      clientCaFile: serving.clientCaFile,
      requestheaderClientCaFile: serving.requestheaderClientCaFile,
    }),
    minVersion: serving.tlsMinVersion === 'VersionTLS12' ? 'TLSv1.2' : 'TLSv1.3',
    ciphers: serving.tlsCipherSuites.flatMap((name) => CIPHER_SUITES.get(name) ?? []),
  };
}

/** Leaves out what was not given. */
function given<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function freeze<T extends object>(value: T): T {
  for (const below of Object.values(value)) if (typeof below === 'object' && below !== null) freeze(below);
  return Object.freeze(value);
}
