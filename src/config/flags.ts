import type { Controller } from '#core/controller.ts';
import { suggestion } from './nearest.ts';
import { type configurationSchema, workersKey } from './schema.ts';
import { OTHER_UPSTREAM_FLAGS } from './upstream.ts';

/** A flag: which setting it gives. Its type, default and description are the setting's. */
export interface Flag {
  readonly name: string;
  /** Path of the setting; absent for flags that are no setting. */
  readonly at?: string;
  readonly does?: string;
  readonly group: string;
  /** Accepted for compatibility: what to tell whoever gives it. */
  readonly note?: string;
  /** Without effect until a controller of that name is there. */
  readonly needs?: string;
}

const flag = (group: string, name: string, at: string, more: Partial<Flag> = {}): Flag => ({
  name,
  at,
  group,
  ...more,
});

const GENERIC: readonly Flag[] = [
  { name: 'config', group: 'Generic', does: 'Configuration file; a flag wins over it.' },
  { name: 'help', group: 'Generic', does: 'Shows this.' },
  { name: 'version', group: 'Generic', does: 'Shows the version.' },
  flag('Generic', 'mode', 'mode'),
  flag('Generic', 'controllers', 'controllers'),
  flag('Generic', 'kubeconfig', 'connection.kubeconfig'),
  flag('Generic', 'master', 'connection.master'),
  flag('Generic', 'kube-api-qps', 'connection.qps'),
  flag('Generic', 'kube-api-burst', 'connection.burst'),
  flag('Generic', 'state-dir', 'stateDir'),
  flag('Generic', 'feature-gates', 'featureGates', { note: 'there are no feature gates' }),
  flag('Logs', 'v', 'logging.verbosity'),
  flag('Logs', 'vmodule', 'logging.vmodule', { note: 'there are no Go modules' }),
  flag('Logs', 'logging-format', 'logging.format'),
];

const LEADER: readonly Flag[] = [
  ['leader-elect', 'leaderElect'],
  ['leader-elect-lease-duration', 'leaseDuration'],
  ['leader-elect-renew-deadline', 'renewDeadline'],
  ['leader-elect-retry-period', 'retryPeriod'],
  ['leader-elect-resource-lock', 'resourceLock'],
  ['leader-elect-resource-name', 'resourceName'],
  ['leader-elect-resource-namespace', 'resourceNamespace'],
].map(([name = '', at = '']) => flag('Leader election', name, `leaderElection.${at}`));

const REVIEWS = "reviews are made by the identity authn at --kubeconfig's server";
const SERVING: readonly Flag[] = [
  flag('Secure serving', 'bind-address', 'serving.bindAddress'),
  flag('Secure serving', 'secure-port', 'serving.securePort'),
  flag('Secure serving', 'tls-cert-file', 'serving.tlsCertFile'),
  flag('Secure serving', 'tls-private-key-file', 'serving.tlsPrivateKeyFile'),
  flag('Secure serving', 'tls-min-version', 'serving.tlsMinVersion'),
  flag('Secure serving', 'tls-cipher-suites', 'serving.tlsCipherSuites'),
  flag('Secure serving', 'client-ca-file', 'serving.clientCaFile'),
  flag('Secure serving', 'requestheader-client-ca-file', 'serving.requestheaderClientCaFile'),
  flag('Secure serving', 'authentication-kubeconfig', 'serving.authenticationKubeconfig', { note: REVIEWS }),
  flag('Secure serving', 'authorization-kubeconfig', 'serving.authorizationKubeconfig', { note: REVIEWS }),
  flag('Secure serving', 'profiling', 'serving.profiling'),
];

const CLUSTER: readonly Flag[] = [
  flag('Cluster', 'cluster-name', 'cluster.name'),
  flag('Cluster', 'root-ca-file', 'cluster.rootCaFile', { needs: 'root-ca-certificate-publisher' }),
  flag('Cluster', 'allocate-node-cidrs', 'cluster.allocateNodeCidrs', { needs: 'node-ipam' }),
  flag('Cluster', 'cluster-cidr', 'cluster.clusterCidr', { needs: 'node-ipam' }),
  flag('Cluster', 'service-cluster-ip-range', 'cluster.serviceClusterIpRange', { needs: 'node-ipam' }),
  flag('Cluster', 'service-account-private-key-file', 'cluster.serviceAccountPrivateKeyFile', {
    needs: 'serviceaccount-token',
  }),
  flag('Cluster', 'cluster-signing-cert-file', 'cluster.signingCertFile', {
    needs: 'certificatesigningrequest-signing',
  }),
  flag('Cluster', 'cluster-signing-key-file', 'cluster.signingKeyFile', { needs: 'certificatesigningrequest-signing' }),
  flag('Cluster', 'enable-garbage-collector', 'cluster.enableGarbageCollector', { needs: 'garbage-collector' }),
  flag('Cluster', 'terminated-pod-gc-threshold', 'cluster.terminatedPodGcThreshold', {
    needs: 'pod-garbage-collector',
  }),
];

const ENDPOINTS: readonly Flag[] = [
  flag('Endpoints', 'max-endpoints-per-slice', 'endpoints.maxPerSlice', { needs: 'endpointslice' }),
  flag('Endpoints', 'endpointslice-updates-batch-period', 'endpoints.sliceUpdatesBatchPeriod', {
    needs: 'endpointslice',
  }),
  flag('Endpoints', 'endpoint-updates-batch-period', 'endpoints.updatesBatchPeriod', { needs: 'endpoints' }),
];

const NAMESPACES: readonly Flag[] = [
  flag('Namespaces', 'namespace-sync-period', 'namespaces.syncPeriod', { needs: 'namespace' }),
];

const OURS: readonly Flag[] = [
  flag('Policy and ledger', 'policy-bundle', 'policy.bundle'),
  flag('Policy and ledger', 'policy-key', 'policy.keys'),
  flag('Policy and ledger', 'ledger-dir', 'ledgerDir'),
  flag('Identities', 'keeper-socket', 'keeper.socket'),
  flag('Identities', 'keeper-ca-cert-file', 'keeper.caCertFile'),
  flag('Identities', 'keeper-ca-key-file', 'keeper.caKeyFile'),
  flag('Identities', 'naming-mode', 'identity.namingMode'),
  flag('Identities', 'certificate-lifetime', 'identity.certificateLifetime'),
  flag('Identities', 'use-service-account-credentials', 'identity.useServiceAccountCredentials'),
];

const BREAKER: readonly Flag[] = [
  ['breaker-weight-per-cause', 'weightPerCause'],
  ['breaker-share-of-cause', 'shareOfCause'],
  ['breaker-most-per-cause', 'mostPerCause'],
  ['breaker-weight-per-cause-with-evidence', 'weightPerCauseWithEvidence'],
  ['breaker-weight-per-window', 'weightPerWindow'],
  ['breaker-weight-per-window-in-all', 'weightPerWindowInAll'],
].map(([name = '', at = '']) => flag('Blast radius', name, `breaker.${at}`));

/** All flags; those of workers come from the registry. */
export function flagsOf(controllers: readonly Controller[]): readonly Flag[] {
  const workers = controllers
    .flatMap((controller) => controller.loops)
    .flatMap(({ workersFlag }) => workersFlag ?? [])
    .map((name) => flag('Controllers', name, `workers.${workersKey(name)}`));
  const once = new Map(workers.map((one) => [one.name, one]));
  return [
    ...GENERIC,
    ...LEADER,
    ...SERVING,
    ...CLUSTER,
    ...ENDPOINTS,
    ...NAMESPACES,
    ...OURS,
    ...BREAKER,
    ...once.values(),
  ];
}

export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly config: string | undefined;
  /** Settings by path, of the type that the schema wants where the text allows it. */
  readonly settings: ReadonlyMap<string, unknown>;
  /** Which flag gave the setting of a path. */
  readonly given: ReadonlyMap<string, Flag>;
  readonly problems: readonly string[];
}

type Kind = 'boolean' | 'number' | 'list' | 'text';
const SHORT: ReadonlyMap<string, string> = new Map([
  ['h', 'help'],
  ['v', 'v'],
]);

/** `--flag=value`, `--flag value`, `--bool`, `--bool=false`; underscores equal dashes; the last of two wins, lists add up. */
export function parseFlags(
  argv: readonly string[],
  flags: readonly Flag[],
  schema: ReturnType<typeof configurationSchema>,
): CommandLine {
  const named = new Map(flags.map((one) => [one.name, one]));
  const settings = new Map<string, unknown>();
  const given = new Map<string, Flag>();
  const plain = new Map<string, string>();
  const problems: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const token = splitToken(argv[index] ?? '');
    const found = token && named.get(token.name);
    if (token === undefined || found === undefined) {
      problems.push(
        token === undefined ? `argument ${index + 1}: comptroller run takes flags only` : unknown(token.name, named),
      );
      // What follows an unknown flag is taken for its value: reporting it too would only confuse.
      if (token !== undefined && token.value === undefined && argv[index + 1]?.startsWith('-') === false) index++;
      continue;
    }
    const kind = found.at === undefined && found.name !== 'config' ? 'boolean' : kindOf(schema, found.at);
    const text = token.value ?? (kind === 'boolean' ? 'true' : argv[++index]);
    if (text === undefined) problems.push(`--${found.name}: it needs a value: --${found.name}=...`);
    else if (found.at === undefined) plain.set(found.name, text);
    else {
      settings.set(found.at, convert(kind, text, given.has(found.at) ? settings.get(found.at) : undefined));
      given.set(found.at, found);
    }
  }
  const on = (name: string): boolean => convert('boolean', plain.get(name) ?? 'false') === true;
  return { help: on('help'), version: on('version'), config: plain.get('config'), settings, given, problems };
}

function splitToken(token: string): { name: string; value: string | undefined } | undefined {
  const parts = /^(?:--([A-Za-z][\w-]*)|-([hv]))(?:=([\s\S]*))?$/.exec(token);
  if (parts === null) return undefined;
  const name = parts[1]?.replaceAll('_', '-') ?? SHORT.get(parts[2] ?? '') ?? '';
  return { name, value: parts[3] };
}

function unknown(name: string, named: ReadonlyMap<string, Flag>): string {
  const typed = name.slice(0, 64);
  if (OTHER_UPSTREAM_FLAGS.has(name))
    return `--${typed}: a flag of kube-controller-manager that Comptroller does not support yet; remove it`;
  return `--${typed}: unknown flag${suggestion(typed, named.keys(), '--')}`;
}

interface Typed {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Typed>>;
}

/** The schema's node of a setting. */
export function nodeAt(
  schema: unknown,
  path: string,
): Typed & { description?: string; default?: unknown; pattern?: string } {
  let node = schema as Typed;
  for (const part of path.split('.')) node = node.properties?.[part] ?? {};
  return node;
}

function kindOf(schema: unknown, path: string | undefined): Kind {
  const type = path === undefined ? 'string' : nodeAt(schema, path).type;
  if (type === 'boolean') return 'boolean';
  if (type === 'integer' || type === 'number') return 'number';
  return type === 'array' ? 'list' : 'text';
}

/** Text that does not convert stays text: the schema then says what was expected. */
function convert(kind: Kind, text: string, before?: unknown): unknown {
  if (kind === 'boolean') {
    if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
    return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : text;
  }
  if (kind === 'number') return /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text;
  if (kind === 'text') return text;
  const items = text.split(',').map((item) => item.trim());
  return [...(Array.isArray(before) ? before : []), ...items];
}
