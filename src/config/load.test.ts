import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { allow, defineController } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';
import { DEFAULT_BUDGETS } from '#gate/quota.ts';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { loadConfig } from './load.ts';
import { schemaFile } from './schema-file.ts';

const pod = (name: string, aliases: readonly string[], workersFlag?: string) =>
  defineController({
    name,
    aliases,
    upstreamRole: name,
    does: 'x',
    events: false,
    rbac: [allow('core/pods', 'list', 'watch')],
    loops: [
      {
        queue: name,
        key: 'core/pods',
        workers: 5,
        ...(workersFlag !== undefined && { workersFlag }),
        reconcile: () => nothing('x'),
      },
    ],
  });
const controllers = [
  pod('replicaset', [], 'concurrent-replicaset-syncs'),
  pod('root-ca-certificate-publisher', ['root-ca-cert-publisher']),
  pod('serviceaccount', []),
];

function load(argv: readonly string[], file?: string, known = controllers): Config {
  const readFile = (path: string): string => {
    if (path !== 'file' || file === undefined) throw new Error('ENOENT: no such file');
    return file;
  };
  const command = loadConfig(['--kubeconfig=kc', ...argv], { readFile, controllers: known });
  if (command.kind !== 'run') throw new Error(command.kind);
  return command.config;
}

function problems(argv: readonly string[], file?: string): readonly string[] {
  try {
    load(argv, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const FILE = 'apiVersion: comptroller.dev/v1\nkind: ComptrollerConfiguration\n';

describe('defaults', () => {
  test('of budgets hold for what is not given', () => {
    const { budgets } = load(
      ['--config=file'],
      `${FILE}budgets:\n  owner:\n    burst: 7\n  namespace:\n    rate: 0.5\n`,
    );
    expect(budgets).toEqual({
      verb: DEFAULT_BUDGETS.verb,
      namespace: { ...DEFAULT_BUDGETS.namespace, rate: 0.5 },
      owner: { ...DEFAULT_BUDGETS.owner, burst: 7 },
      bytes: DEFAULT_BUDGETS.bytes,
    });
    const wrong = ['  owner:\n    rate: 0\n', '  tenant:\n    rate: 1\n'];
    for (const one of wrong) expect(problems(['--config=file'], `${FILE}budgets:\n${one}`).join()).toContain('budgets');
  });

  test("are upstream's, but for the budget of writes and the TLS version", () => {
    const config = load([]);
    expect(config.leaderElection).toEqual({
      enabled: true,
      leaseDuration: 15_000,
      renewDeadline: 10_000,
      retryPeriod: 2000,
      name: 'kube-controller-manager',
      namespace: 'kube-system',
    });
    expect(config.serving).toMatchObject({ bindAddress: '0.0.0.0', port: 10_257, minVersion: 'TLSv1.3' });
    const { controller, ...others } = DEFAULT_BUDGETS;
    expect(config.api).toEqual({ qps: controller.rate, burst: controller.burst });
    expect(config.budgets).toEqual(others);
    expect(config.controllers).toEqual(['replicaset', 'root-ca-certificate-publisher', 'serviceaccount']);
    expect(config.workers.get('concurrent-replicaset-syncs')).toBe(5);
    expect(config.endpoints).toEqual({ maxPerSlice: 100, sliceUpdatesBatchPeriod: 0, updatesBatchPeriod: 0 });
    expect(config.mode).toBe('enforce');
    expect(config.warnings).toEqual([]);
  });

  test('the result is frozen', () => {
    const config = load([]);
    expect(Object.isFrozen(config) && Object.isFrozen(config.serving) && Object.isFrozen(config.controllers)).toBe(
      true,
    );
  });
});

test.each(['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1', '::ffff:10.0.0.1'])('--bind-address=%s', (address) => {
  expect(load([`--bind-address=${address}`]).serving.bindAddress).toBe(address);
});

test.each(['256.0.0.1', '1.2.3', '1.2.3.4.', ':::', '[::1]', '01.2.3.4', '::1%lo'])(
  'not --bind-address=%s',
  (address) => {
    expect(problems([`--bind-address=${address}`])).toHaveLength(1);
  },
);

describe('precedence', () => {
  test('flag over file over default', () => {
    const file = `${FILE}serving:\n  securePort: 1\n  bindAddress: 127.0.0.1\nworkers:\n  replicaset: 7\n`;
    const config = load(['--config=file', '--secure-port=2'], file);
    expect(config.serving).toMatchObject({ port: 2, bindAddress: '127.0.0.1', minVersion: 'TLSv1.3' });
    expect(config.workers.get('concurrent-replicaset-syncs')).toBe(7);
  });
});

describe('flags', () => {
  test('the garbage collector has a switch of its own', () => {
    const known = [pod('garbage-collector', ['garbagecollector'], 'concurrent-gc-syncs'), ...controllers];
    const on = load(['--concurrent-gc-syncs=7'], undefined, known);
    expect([on.controllers[0], on.workers.get('concurrent-gc-syncs')]).toEqual(['garbage-collector', 7]);
    const off = load(['--enable-garbage-collector=false', '--controllers=garbagecollector,*'], undefined, known);
    expect(off.controllers).toEqual(controllers.map(({ name }) => name));
  });

  test('of namespaces', () => {
    expect(load([]).namespaces).toEqual({ syncPeriod: 300_000 });
    expect(load(['--namespace-sync-period=2m']).namespaces).toEqual({ syncPeriod: 120_000 });
  });

  test('of endpoints', () => {
    const given = ['max-endpoints-per-slice=1000', 'endpointslice-updates-batch-period=500ms'];
    const { endpoints } = load([...given, 'endpoint-updates-batch-period=1s'].map((one) => `--${one}`));
    expect(endpoints).toEqual({ maxPerSlice: 1000, sliceUpdatesBatchPeriod: 500, updatesBatchPeriod: 1000 });
    expect(problems(['--max-endpoints-per-slice=1001'])).toHaveLength(1);
  });

  test.each([
    [['--secure-port=1']],
    [['--secure-port', '1']],
    [['--secure_port=1']],
    [['--secure-port=9', '--secure-port=1']],
  ])('%j', (argv) => {
    expect(load(argv).serving.port).toBe(1);
  });

  test.each([
    ['--leader-elect', true],
    ['--leader-elect=false', false],
    ['--leader-elect=F', false],
    ['--leader-elect=1', true],
  ])('%s', (flag, enabled) => {
    expect(load([flag]).leaderElection.enabled).toBe(enabled);
  });

  test('cipher suites by their IANA names', () => {
    const suites = '--tls-cipher-suites=TLS_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256';
    expect(load([suites]).serving.ciphers).toEqual(['TLS_AES_256_GCM_SHA384', 'ECDHE-RSA-AES128-GCM-SHA256']);
  });

  test('short forms and repeated lists', () => {
    const config = load(['-v', '4', '--policy-key=a,b', '--policy-key', 'c']);
    expect(config.log.verbosity).toBe(4);
    expect(config.policy.keys).toEqual(['a', 'b', 'c']);
  });

  test('what kubeadm gives is taken, but for controllers that are not there', () => {
    const config = load([
      '--allocate-node-cidrs=true',
      '--authentication-kubeconfig=/etc/kubernetes/controller-manager.conf',
      '--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf',
      '--bind-address=127.0.0.1',
      '--client-ca-file=/etc/kubernetes/pki/ca.crt',
      '--cluster-cidr=10.244.0.0/16',
      '--cluster-name=kubernetes',
      '--cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt',
      '--cluster-signing-key-file=/etc/kubernetes/pki/ca.key',
      '--controllers=*,-bootstrapsigner,-tokencleaner',
      '--leader-elect=true',
      '--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt',
      '--root-ca-file=/etc/kubernetes/pki/ca.crt',
      '--service-account-private-key-file=/etc/kubernetes/pki/sa.key',
      '--service-cluster-ip-range=10.96.0.0/12',
      '--use-service-account-credentials=true',
    ]);
    expect(config.cluster.rootCaFile).toBe('/etc/kubernetes/pki/ca.crt');
    expect(config.warnings).toContain(
      '--service-account-private-key-file has no effect yet: Comptroller has no controller serviceaccount-token',
    );
    expect(config.warnings.some((warning) => warning.includes('root-ca-file'))).toBe(false);
  });

  test.each([
    ['--kubecofig=x', '--kubecofig: unknown flag; did you mean --kubeconfig?'],
    ['--completely-else', '--completely-else: unknown flag'],
    [
      '--horizontal-pod-autoscaler-tolerance=1',
      '--horizontal-pod-autoscaler-tolerance: a flag of kube-controller-manager that Comptroller does not support yet; remove it',
    ],
    ['stray', 'argument 2: comptroller run takes flags only'],
    ['--secure-port', '--secure-port: it needs a value: --secure-port=...'],
    ['--secure-port=x', '--secure-port: a string of 1 characters is not an integer from 0 to 65535'],
    ['--secure-port=65536', '--secure-port: the number 65536 is not an integer from 0 to 65535'],
    ['--leader-elect=maybe', '--leader-elect: a string of 5 characters is not true or false'],
    [
      '--naming-mode=upsteam',
      '--naming-mode: a string of 7 characters is not "comptroller" or "upstream"; did you mean upstream?',
    ],
    [
      '--leader-elect-lease-duration=-15s',
      '--leader-elect-lease-duration: a string of 4 characters is not a duration such as 15s, 1m30s or 8h',
    ],
    ['--leader-elect-lease-duration=10s', '--leader-elect-lease-duration: it is not longer than the renew deadline'],
    [
      '--leader-elect-lease-duration=15500ms',
      '--leader-elect-lease-duration: it is not a whole number of seconds from 1s',
    ],
    ['--leader-elect-renew-deadline=2s', '--leader-elect-renew-deadline: it is not longer than 1.2 retry periods'],
    ['--profiling', '--profiling: true is refused: there is no profiler; remove it'],
    ['--bind-address=localhost', '--bind-address: it is not an IP address; use 127.0.0.1, 0.0.0.0 or ::'],
    ['--tls-cert-file=x', '--tls-cert-file: certificate and key go together; give both files or none'],
    ['--allocate-node-cidrs', '--allocate-node-cidrs: it needs --cluster-cidr'],
    [
      '--tls-cipher-suites=TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_3DES_EDE_CBC_SHA',
      '--tls-cipher-suites: one is unknown or insecure',
    ],
    ['--certificate-lifetime=48h', '--certificate-lifetime: it is not from 10m to 24h'],
    ['--kubeconfig=', '--kubeconfig: an empty string is not a text of 1 to 1024 characters'],
    ['--config=missing', '--config: the file cannot be read; check that it exists and who may read it'],
  ])('%s is refused', (flag, problem) => {
    expect(problems([flag])).toEqual([problem]);
  });

  test('a lease that leaves no time for writes', () => {
    const short = ['--leader-elect-lease-duration=5s', '--leader-elect-renew-deadline=4s'];
    expect(problems(short)).toEqual([
      '--leader-elect-lease-duration: it leaves no time for a write; make it at least 3s longer than two retry periods',
    ]);
    expect(problems([...short, '--leader-elect-retry-period=1s'])).toEqual([]);
  });

  test('kubeconfig is needed', () => {
    expect(() => loadConfig([], { readFile: () => '', controllers })).toThrow(
      'connection.kubeconfig: it is missing; give --kubeconfig=FILE',
    );
  });
});

describe('--controllers', () => {
  test.each([
    ['*', ['replicaset', 'root-ca-certificate-publisher', 'serviceaccount']],
    ['*,-replicaset', ['root-ca-certificate-publisher', 'serviceaccount']],
    ['replicaset-controller', ['replicaset']],
    ['root-ca-cert-publisher', ['root-ca-certificate-publisher']],
    ['-replicaset,replicaset,*', ['root-ca-certificate-publisher', 'serviceaccount']],
    ['replicaset,-replicaset', ['replicaset']],
    ['*,-nodeipam,-podgc', ['replicaset', 'root-ca-certificate-publisher', 'serviceaccount']],
    ['-replicaset', []],
  ])('%s', (list, enabled) => {
    expect(load([`--controllers=${list}`]).controllers).toEqual(enabled);
  });

  test.each([
    ['*,bootstrapsigner', '--controllers: bootstrap-signer is not part of Comptroller yet; remove it from the list'],
    ['replicasets', '--controllers: no controller is named so (entry 1); did you mean replicaset?'],
    ['constructor', '--controllers: no controller is named so (entry 1)'],
  ])('%s is refused', (list, problem) => {
    expect(problems([`--controllers=${list}`])).toEqual([problem]);
  });
});

describe('the file', () => {
  test.each([
    [
      `${FILE}serving:\n  securePrt: 1\n`,
      ['serving.securePrt in the configuration file: no such setting; did you mean securePort?'],
    ],
    [
      `${FILE}__proto__: {}\nconstructor: 1\n`,
      [
        '__proto__ in the configuration file: no such setting',
        'constructor in the configuration file: no such setting',
      ],
    ],
    [
      'kind: ComptrollerConfiguration\n',
      ['apiVersion in the configuration file: it is missing; set it to "comptroller.dev/v1"'],
    ],
    [
      `${FILE}serving: 3\nmode: off\n`,
      [
        'mode in the configuration file: a string of 3 characters is not "enforce"',
        'serving in the configuration file: the number 3 stands where a map of settings belongs',
      ],
    ],
    ['a: [\n', ['--config: the file is not YAML (BAD_INDENT, line 2, column 1)']],
    [`${FILE}mode: enforce\nmode: shadow\n`, ['--config: the file is not YAML (DUPLICATE_KEY, line 4, column 1)']],
    [
      `${FILE}a: &a [1]\nb: *a\n`,
      ['--config: the file holds no map of settings; start it with apiVersion and kind, without anchors'],
    ],
    ['- 1\n', ['--config: the file holds no map of settings; start it with apiVersion and kind, without anchors']],
    [`#${'x'.repeat(1_100_000)}`, ['--config: the file is larger than 1 MiB; it is not a configuration']],
  ])('%#', (file, expected) => {
    expect(problems(['--config=file'], file).filter((problem) => !problem.startsWith('kind'))).toEqual(expected);
  });

  test('every problem is named at once', () => {
    expect(problems(['--config=file', '--kubecofig=x', '--v=99'], `${FILE}modes: x\n`)).toHaveLength(3);
  });
});

test('--help and --version', () => {
  const io = { readFile: () => '', controllers };
  const help = loadConfig(['-h'], io);
  expect(help.kind === 'help' && help.text).toContain('--leader-elect-lease-duration duration');
  expect(loadConfig(['--version'], io)).toEqual({ kind: 'version' });
});

test('deploy/config.schema.json is the schema (npm run golden writes it)', () => {
  const path = new URL('../../deploy/config.schema.json', import.meta.url);
  expect(readFileSync(path, 'utf8')).toBe(schemaFile(CONTROLLERS));
});
