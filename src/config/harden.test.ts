import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '#kit/gate.ts';
import type { Config } from './config.ts';
import { HARDENED_FLAGS, hardenedStart, MEMORY_FLAGS, MEMORY_VARIABLES } from './harden.ts';
import { processTitle } from './process-title.ts';

const node = process.execPath;

describe('hardenedStart', () => {
  const plain = { execPath: '/node', execArgv: ['--expose-gc'], argv: ['/node', '/main.ts', 'run', '--v=1'], env: {} };

  test('adds what is missing, keeps the rest, and takes away what loads foreign code', () => {
    const foreign = { NODE_OPTIONS: '--inspect', NODE_COMPILE_CACHE: '/tmp/cache' };
    const start = hardenedStart({ ...plain, env: { PATH: '/bin', ...foreign } });
    expect(start).toMatchObject({ kind: 'again', env: { PATH: '/bin', COMPTROLLER_HARDENED: '1' } });
    if (start.kind !== 'again') return;
    expect(start.args.slice(0, 5)).toEqual(['/node', ...HARDENED_FLAGS]);
    expect(start.args.slice(-4)).toEqual(['--expose-gc', '/main.ts', 'run', '--v=1']);
    expect(Object.keys(start.env).filter((name) => name.startsWith('NODE_'))).toEqual([]);
  });

  test('a hardened process stays as it is', () => {
    expect(hardenedStart({ ...plain, execArgv: [...HARDENED_FLAGS] })).toEqual({ kind: 'hardened' });
  });

  test('holds memory back by flags and variables, unless others were given', () => {
    const start = hardenedStart({
      ...plain,
      execArgv: ['--max-semi-space-size=64'],
      env: { MALLOC_ARENA_MAX: '8' },
    });
    if (start.kind !== 'again') throw new Error('it goes on as it is');
    const given = start.args.indexOf('--max-semi-space-size=64');
    // Of the same flag twice V8 takes the last.
    expect(start.args.slice(given - MEMORY_FLAGS.length, given)).toEqual(MEMORY_FLAGS);
    expect(start.env).toEqual({ ...MEMORY_VARIABLES, MALLOC_ARENA_MAX: '8', COMPTROLLER_HARDENED: '1' });
  });

  test('Node knows them, and the young generation is smaller by them', () => {
    const program = `process.stdout.write(String(require('node:v8').getHeapStatistics().heap_size_limit))`;
    const limit = (flags: readonly string[]): number => Number(execFileSync(node, [...flags, '-e', program]));
    expect(limit([]) - limit(MEMORY_FLAGS)).toBeGreaterThanOrEqual(16 * 2 ** 20);
  });

  test('never a third start', () => {
    expect(() => hardenedStart({ ...plain, env: { COMPTROLLER_HARDENED: '1' } })).toThrow('would not change');
  });
});

describe('a real process', () => {
  let dir = '';
  let script = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'harden-'));
    script = join(dir, 'main.ts');
    const harden = pathToFileURL(join(import.meta.dirname, 'harden.ts')).href;
    writeFileSync(
      script,
      `import { readFileSync } from 'node:fs';
      import { ensureHardened } from '${harden}';
      ensureHardened();
      let code = 'allowed';
      try { new Function('return 1')(); } catch { code = 'refused'; }
      const limit = /^Max core file size +(\\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
      process.title = process.argv[2];
      const state = { pid: process.pid, execArgv: process.execArgv, umask: process.umask(), code, limit, options: process.env.NODE_OPTIONS };
      process.on('SIGTERM', () => { console.log('ended'); process.exit(7); });
      setInterval(() => {}, 1000);
      console.log(JSON.stringify(state));
      `,
    );
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('hardens itself in place: same pid, streams and signals', async () => {
    const child = spawn(node, [script, 'title'], { env: { ...process.env, NODE_OPTIONS: '--no-warnings' } });
    const output = lines(child.stdout);
    const state = JSON.parse((await output.next()).value ?? '');
    expect(state).toMatchObject({ pid: child.pid, umask: 0o077, code: 'refused', limit: '0' });
    expect(state.execArgv).toEqual(expect.arrayContaining([...HARDENED_FLAGS]));
    expect(state.options).toBeUndefined();
    child.kill('SIGTERM');
    expect((await output.next()).value).toBe('ended');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(7);
  });

  test('scanners find the title: by the name of the process, and its effective flags', async () => {
    const title = processTitle(CONFIG);
    const child = spawn(node, [script, title]);
    await lines(child.stdout).next();
    const shown = execFileSync('ps', ['-C', 'kube-controller', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' });
    child.kill('SIGKILL');
    const own = shown.split('\n').find((line) => line.trim().startsWith(`${child.pid} `));
    expect(own?.trim()).toBe(`${child.pid} ${title}`);
  });

  test('a start that cannot be hardened fails', async () => {
    const failing = promisify(execFile)(node, [script], { env: { ...process.env, COMPTROLLER_HARDENED: '1' } });
    await expect(failing).rejects.toThrow('starting hardened');
  });
});

const CONFIG: Config = {
  mode: 'enforce',
  kubeconfig: '/etc/kubernetes/controller-manager.conf',
  controllers: ['replicaset', 'root-ca-certificate-publisher'],
  workers: new Map(),
  api: { qps: 20, burst: 30 },
  budgets: {
    verb: { rate: 1, burst: 1 },
    namespace: { rate: 1, burst: 1 },
    owner: { rate: 1, burst: 1 },
    bytes: { rate: 1, burst: 1 },
  },
  leaderElection: { enabled: true, leaseDuration: 1, renewDeadline: 1, retryPeriod: 1, name: 'x', namespace: 'y' },
  serving: { bindAddress: '127.0.0.1', port: 10_257, minVersion: 'TLSv1.3', ciphers: [] },
  cluster: { name: 'kubernetes', rootCaFile: '/etc/kubernetes/pki/ca.crt', terminatedPodGcThreshold: 12_500 },
  endpoints: { maxPerSlice: 100, sliceUpdatesBatchPeriod: 0, updatesBatchPeriod: 0 },
  namespaces: { syncPeriod: 1 },
  identity: { namingMode: 'comptroller', certificateLifetime: 1 },
  keeper: {},
  breaker: DEFAULT_LIMITS,
  policy: { keys: [] },
  stateDir: '/s',
  ledgerDir: '/l',
  log: { format: 'text', verbosity: 0 },
  warnings: [],
};

test('the title shows what is in effect, and nothing that is not', () => {
  expect(processTitle(CONFIG)).toBe(
    'kube-controller-manager --profiling=false --use-service-account-credentials=true --bind-address=127.0.0.1 ' +
      '--secure-port=10257 --tls-min-version=VersionTLS13 --leader-elect=true --root-ca-file=/etc/kubernetes/pki/ca.crt ' +
      '--kubeconfig=/etc/kubernetes/controller-manager.conf --controllers=replicaset,root-ca-certificate-publisher',
  );
  expect(processTitle({ ...CONFIG, controllers: ['pod-garbage-collector'] })).toContain(
    ' --terminated-pod-gc-threshold=12500 ',
  );
  const without = { ...CONFIG, controllers: ['replicaset'], kubeconfig: '/x --bind-address=127.0.0.1' };
  expect(processTitle(without)).not.toContain('root-ca-file');
  expect(processTitle(without)).not.toContain('--kubeconfig');
});

async function* lines(stream: NodeJS.ReadableStream): AsyncGenerator<string, undefined> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
  return undefined;
}

describe('what would undo it', () => {
  test.each([
    ['NODE_TLS_REJECT_UNAUTHORIZED', { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }],
    ['--inspect', { execArgv: [...HARDENED_FLAGS, '--inspect=0.0.0.0:9229'] }],
    ['--tls-keylog', { execArgv: [...HARDENED_FLAGS, '--tls-keylog=keys'] }],
  ] as const)('%s never stays', (name, change) => {
    const plain = { execPath: '/node', execArgv: [...HARDENED_FLAGS], argv: ['/node', 'main.ts'], env: {} };
    const start = hardenedStart({ ...plain, ...change });
    if (start.kind !== 'again') throw new Error(start.kind);
    expect(JSON.stringify(start)).not.toContain(name);
  });
});
