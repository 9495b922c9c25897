import { type Static, type TSchema, Type } from 'typebox';
import type { Controller } from '#core/controller.ts';
import { DURATION_PATTERN } from './duration.ts';

/**
 * The configuration file: the one place of types, limits, defaults and descriptions. Flags name the same settings
 * (`flags.ts`). Times are Go durations.
 */
const text = (description: string, options = {}) =>
  Type.String({ minLength: 1, maxLength: 4096, description, ...options });
const path = (description: string) => Type.Optional(text(description, { maxLength: 1024 }));
const duration = (byDefault: string, description: string) =>
  Type.String({ pattern: DURATION_PATTERN, maxLength: 64, default: byDefault, description });
const flag = (byDefault: boolean, description: string) => Type.Boolean({ default: byDefault, description });
const count = (byDefault: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: byDefault, minimum, maximum, description });
const list = (byDefault: readonly string[], description: string, item = {}) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 1024, ...item }), {
    default: byDefault,
    maxItems: 256,
    description,
  });
const choice = <const T extends readonly string[]>(values: T, byDefault: T[number], description: string) =>
  Type.Enum([...values] as T[number][], { default: byDefault, description });
const section = <T extends Record<string, TSchema>>(description: string, properties: T) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description });

const connection = section('How to reach the API server.', {
  kubeconfig: path(
    'File whose server address and CA are used. Its credentials are not: identities come from the keeper.',
  ),
  master: Type.Optional(text('Address of the API server; overrides the one in kubeconfig.', { maxLength: 2048 })),
  qps: Type.Number({
    default: 5_000,
    minimum: 0.1,
    maximum: 10_000,
    description: 'Writes a second that one controller may sustain.',
  }),
  burst: count(20_000, 1, 100_000, 'Writes that one controller may do at once.'),
});

const budget = (rate: number, burst: number, of: string) =>
  section(`Of ${of}.`, {
    rate: Type.Number({
      default: rate,
      minimum: 0.1,
      maximum: 1_000_000,
      description: 'Writes a second that may be sustained.',
    }),
    burst: count(burst, 1, 1_000_000, 'Writes that may be done at once.'),
  });

const budgets = section(
  'How many writes may leave, beside the budget of a whole controller, which is connection.qps and connection.burst. What is over a budget waits.',
  {
    verb: budget(5_000, 20_000, 'one controller and verb'),
    namespace: budget(2_000, 10_000, 'one controller in one namespace'),
    owner: budget(500, 5_000, 'one reconciled object'),
    bytes: section('Of one namespace, in bytes. The first 64 KiB of each object that is written cost nothing.', {
      rate: count(524_288, 1_024, 1_073_741_824, 'Bytes a second that may be sustained.'),
      burst: count(2_097_152, 65_536, 1_073_741_824, 'Bytes that may be written at once.'),
    }),
  },
);

const cluster = section('What the cluster is like.', {
  name: text('Name of the cluster; part of the policy input.', { default: 'kubernetes', maxLength: 253 }),
  rootCaFile: path('PEM that is published as kube-root-ca.crt in each namespace. Default: the CA of the kubeconfig.'),
  allocateNodeCidrs: flag(false, 'Whether nodes get pod CIDRs. Needs clusterCidr.'),
  clusterCidr: Type.Optional(text('CIDR of pods; two for dual stack, parted by a comma.', { maxLength: 128 })),
  serviceClusterIpRange: Type.Optional(text('CIDR of Services; two for dual stack.', { maxLength: 128 })),
  serviceAccountPrivateKeyFile: path('Key that signs ServiceAccount tokens. Read by the keeper only, never by run.'),
  signingCertFile: path('CA certificate that signs CertificateSigningRequests.'),
  signingKeyFile: path('Its key. Read by the keeper only, never by run.'),
  enableGarbageCollector: flag(
    true,
    'Whether garbage-collector runs, whatever controllers says. The API server has a flag of the same name.',
  ),
  terminatedPodGcThreshold: count(
    12_500,
    -(2 ** 31),
    2 ** 31 - 1,
    'Terminated pods that may exist before the oldest are deleted; 0 or less for any number.',
  ),
});

const endpoints = section('How Services find their pods.', {
  maxPerSlice: count(100, 1, 1000, 'Endpoints that one EndpointSlice may hold.'),
  sliceUpdatesBatchPeriod: duration('0s', 'How long changes of pods are gathered before EndpointSlices follow them.'),
  updatesBatchPeriod: duration('0s', 'How long changes of pods are gathered before Endpoints follow them.'),
});

const namespaces = section('How namespaces end.', {
  syncPeriod: duration('5m', 'How long a namespace that ends may be left alone at most, whatever holds it.'),
});

const leaderElection = section('Which replica acts.', {
  leaderElect: flag(true, 'Whether to hold the lease before acting. Turn it off only where no other replica can run.'),
  leaseDuration: duration('15s', 'How long others wait after the last renewal that they saw. Whole seconds.'),
  renewDeadline: duration('10s', 'How long the leader tries to renew before it stops leading.'),
  retryPeriod: duration('2s', 'Time between two tries to win or renew the lease.'),
  resourceLock: choice(['leases'], 'leases', 'The kind of lock.'),
  resourceName: text('Name of the lease.', { default: 'kube-controller-manager', maxLength: 253 }),
  resourceNamespace: text('Namespace of the lease.', { default: 'kube-system', maxLength: 63 }),
});

const serving = section('The HTTPS server for health, metrics and approvals.', {
  bindAddress: text('IP address to listen on.', { default: '0.0.0.0', maxLength: 45 }),
  securePort: count(10_257, 0, 65_535, 'Port to listen on; 0 turns the server off.'),
  tlsCertFile: path('PEM certificate chain. Without it a self-signed certificate for localhost is made in memory.'),
  tlsPrivateKeyFile: path('PEM private key of tlsCertFile.'),
  tlsMinVersion: choice(['VersionTLS12', 'VersionTLS13'], 'VersionTLS13', 'Least TLS version.'),
  tlsCipherSuites: list([], "Cipher suites by their IANA names; none for the runtime's own choice."),
  clientCaFile: path("CA of client certificates; else the cluster's own, from extension-apiserver-authentication."),
  requestheaderClientCaFile: path('CA of front proxies; else from extension-apiserver-authentication.'),
  authenticationKubeconfig: path('Not read: token reviews are made by the identity authn at the same API server.'),
  authorizationKubeconfig: path('Not read: access reviews are made by the identity authn at the same API server.'),
  profiling: flag(false, 'There is no profiler: true is refused.'),
});

const identity = section('Under which names controllers act.', {
  namingMode: choice(
    ['comptroller', 'upstream'],
    'comptroller',
    "comptroller: names and roles of its own. upstream: upstream's service accounts, for migration only.",
  ),
  certificateLifetime: duration('8h', 'How long a certificate lives, at most 24h; it is renewed at half of that.'),
  useServiceAccountCredentials: flag(true, 'Each controller always has credentials of its own; false changes nothing.'),
});

const keeper = section('The process that holds the keys.', {
  socket: path('Unix socket of a keeper that runs already; without it, run starts one.'),
  caCertFile: path('CA certificate that signs client certificates, for a keeper started by run.'),
  caKeyFile: path('Its key. Only the keeper opens it.'),
});

const logging = section('Logs on standard error.', {
  format: choice(['text', 'json'], 'text', 'How a line looks.'),
  verbosity: count(0, 0, 10, 'From 4 on, debug messages are written.'),
  vmodule: Type.Optional(text('Accepted for compatibility.')),
});

const policy = section('What decides about writes.', {
  bundle: path('Signed policy bundle.'),
  keys: list([], 'Files with public keys that may sign bundles.'),
});

const breaker = section(
  'What may be taken away before a person is asked. A ready pod weighs 1, a workload 1, a namespace 5, a claim 10, a volume 20, a definition 50, anything else 0.2.',
  {
    weightPerCause: count(40, 0, 100_000, 'Weight of one cause without evidence; held only above shareOfCause, too.'),
    shareOfCause: Type.Number({
      default: 0.5,
      minimum: 0,
      maximum: 1,
      description: 'Share of what the cause has, where that is known.',
    }),
    mostPerCause: count(1_000, 0, 100_000, 'Weight of one cause without evidence, whatever its share.'),
    weightPerCauseWithEvidence: count(
      5_000,
      0,
      1_000_000,
      'Weight of one cause whose owner or namespace was seen ending.',
    ),
    weightPerWindow: count(5_000, 0, 1_000_000, 'Weight of all causes in ten minutes without evidence.'),
    weightPerWindowInAll: count(20_000, 0, 1_000_000, 'Weight of all causes in ten minutes.'),
  },
);

/** Workers of each loop that has a flag for it: `replicaset` for `--concurrent-replicaset-syncs`. */
function workers(controllers: readonly Controller[]) {
  const properties: Record<string, TSchema> = {};
  for (const { workersFlag, workers, queue } of controllers.flatMap((controller) => controller.loops)) {
    if (workersFlag === undefined) continue;
    properties[workersKey(workersFlag)] = count(
      workers,
      1,
      1000,
      `Keys of the queue ${queue} that are worked on at once.`,
    );
  }
  const closed = section('How many keys a loop works on at once.', properties);
  return Type.Unsafe<Readonly<Record<string, number>>>(closed);
}

/** `concurrent-replicaset-syncs` is `replicaset` in the file. */
export function workersKey(workersFlag: string): string {
  return workersFlag.replace(/^concurrent-/, '').replace(/-syncs$/, '');
}

export const API_VERSION = 'comptroller.dev/v1';
export const KIND = 'ComptrollerConfiguration';

export function configurationSchema(controllers: readonly Controller[]) {
  return Type.Object(
    {
      apiVersion: Type.Literal(API_VERSION),
      kind: Type.Literal(KIND),
      mode: choice(
        ['enforce'],
        'enforce',
        'What is refused is not done. There is no other mode: enforcement has no off switch.',
      ),
      controllers: list(['*'], "Which controllers run: '*' for all that are on by default, name, or -name."),
      stateDir: text('Directory for what outlives the process; 0700.', {
        default: '/var/lib/comptroller',
        maxLength: 1024,
      }),
      ledgerDir: path('Directory of the ledger; ledger below stateDir by default.'),
      featureGates: list([], 'Name=true or Name=false. Accepted for compatibility.', {
        pattern: '^([a-z]+:)?[A-Za-z0-9]+=(true|false)$',
      }),
      connection,
      budgets,
      cluster,
      endpoints,
      namespaces,
      leaderElection,
      serving,
      identity,
      keeper,
      policy,
      breaker,
      logging,
      workers: workers(controllers),
    },
    { additionalProperties: false },
  );
}

export type Settings = Static<ReturnType<typeof configurationSchema>>;

/** As published: what has a default need not be given. */
export function jsonSchema(controllers: readonly Controller[]): unknown {
  const schema = JSON.parse(JSON.stringify(configurationSchema(controllers)), (_key, value) =>
    value?.type === 'object' && Array.isArray(value.required) ? optionalWhereDefault(value) : value,
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: KIND,
    description: 'Configuration of comptroller run. A flag of the same meaning wins over the file.',
    ...schema,
  };
}

function optionalWhereDefault({ required, ...rest }: { required: string[]; properties: Record<string, object> }) {
  const needed = required.filter((name) => !Object.hasOwn(rest.properties[name] ?? {}, 'default'));
  return { ...rest, ...(needed.length > 0 && { required: needed }) };
}
