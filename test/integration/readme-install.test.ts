/**
 * README's "Install on a cluster of your own", command by command as it is written, on a control plane that was set up
 * by hand with openssl: nothing of `deploy/local` but the built programs takes part.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '#kit/wait.ts';
import { ensureBinaries } from '#local/build.ts';
import { freePorts } from '#local/ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const children: ChildProcess[] = [];
let directory: string;
let environment: Record<string, string>;

/** The blocks of shell in that section, in order. */
function blocks(): readonly string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## Install on a cluster of your own'), readme.indexOf('## Run\n'));
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] as string);
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
}

function certificate(name: string, subject: string, extension: string): void {
  writeFileSync(join(directory, `${name}.ext`), extension);
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.crt`,
  );
}

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { cwd: directory, stdio: 'ignore' });
  children.push(child);
  return child;
}

/** Runs shell as README tells it, with the reader's own first block replaced by this cluster's places. */
function shell(script: string): string {
  const functions = 'comptroller() { npm run -s comptroller -- "$@"; }\n';
  return execFileSync('bash', ['-euo', 'pipefail', '-c', functions + script], {
    cwd: ROOT,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function answers(script: string): boolean {
  try {
    return shell(script) !== '';
  } catch {
    return false;
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'comptroller-readme-'));
  const {
    etcd,
    'kube-apiserver': apiServer,
    kubectl,
  } = await ensureBinaries(['etcd', 'kube-apiserver', 'kubectl'], { progress: () => {} });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=by-hand',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  certificate('server', '/CN=kube-apiserver', 'subjectAltName=IP:127.0.0.1,IP:10.0.0.1\nextendedKeyUsage=serverAuth');
  certificate('admin', '/O=system:masters/CN=admin', 'extendedKeyUsage=clientAuth');
  openssl('genrsa', '-out', 'sa.key', '2048');
  writeFileSync(join(directory, 'client-ca.crt'), readFileSync(join(directory, 'ca.crt')));
  const [client, peer, secure, manager] = await freePorts(4);
  const server = `https://127.0.0.1:${secure}`;
  start(etcd as string, [
    `--data-dir=${directory}/etcd`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
  ]);
  start(apiServer as string, [
    `--etcd-servers=http://127.0.0.1:${client}`,
    `--secure-port=${secure}`,
    '--bind-address=127.0.0.1',
    `--tls-cert-file=${directory}/server.crt`,
    `--tls-private-key-file=${directory}/server.key`,
    `--client-ca-file=${directory}/client-ca.crt`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://by-hand',
    `--service-account-key-file=${directory}/sa.key`,
    `--service-account-signing-key-file=${directory}/sa.key`,
  ]);
  const programs = join(directory, 'bin');
  mkdirSync(programs);
  // The reader's kubectl is the administrator's, and finds this cluster by its usual means.
  execFileSync('ln', ['-s', kubectl as string, join(programs, 'kubectl')]);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'a',
    clusters: [{ name: 'a', cluster: { server, 'certificate-authority': join(directory, 'ca.crt') } }],
    users: [
      {
        name: 'a',
        user: { 'client-certificate': join(directory, 'admin.crt'), 'client-key': join(directory, 'admin.key') },
      },
    ],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  };
  writeFileSync(join(directory, 'kubeconfig'), JSON.stringify(config), { mode: 0o600 });
  environment = {
    PATH: `${programs}:${process.env.PATH}`,
    HOME: directory,
    KUBECONFIG: join(directory, 'kubeconfig'),
    SERVER: server,
    SERVER_CA: join(directory, 'ca.crt'),
    CLIENT_CA: join(directory, 'client-ca.crt'),
    DIR: join(directory, 'etc'),
    STATE: join(directory, 'state'),
    PORT: String(manager),
  };
  await until(() => answers('kubectl get --raw /readyz'), {
    timeout: 60_000,
    why: 'the API server made by hand',
    every: 200,
  });
});

afterAll(async () => {
  // Comptroller hands over in order; the throw-away servers need not.
  for (const [child, signal] of children
    .map((child, at) => [child, at < 2 ? 'SIGKILL' : 'SIGTERM'] as const)
    .reverse()) {
    const gone = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill(signal)) await gone;
  }
  rmSync(directory, { recursive: true, force: true });
});

describe('install on a cluster of your own', () => {
  test('every step of README works as it is written', async () => {
    const [places, tools, ca, policy, manifests, kubeconfig, run, see] = blocks();
    expect(places).toContain('export SERVER=');
    // The tools are this checkout's own: installing them is how this test came to run.
    expect(tools).toBe('npm ci\ncomptroller() { npm run -s comptroller -- "$@"; }\n');
    for (const block of [ca, policy, manifests, kubeconfig]) shell(block as string);
    const log = join(directory, 'comptroller.log');
    // The port is the one thing that differs from the text: 10257 may be taken on the machine that runs the tests.
    const command = (run as string).replace(
      'comptroller run',
      'exec node_modules/.bin/node src/cli/main.ts run --secure-port="$PORT" --logging-format=json',
    );
    const running = spawn('bash', ['-euc', command], {
      cwd: ROOT,
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(running);
    running.stderr.on('data', (chunk: Buffer) => appendFileSync(log, chunk));
    await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('controllers started'), {
      timeout: 60_000,
      why: 'Comptroller to lead',
    });
    const seen = shell(see as string);
    expect(seen).toContain('serviceaccount/default condition met');
    expect(seen).toContain('configmap/kube-root-ca.crt condition met');
    expect(seen).toContain('comptroller:replicaset');
    expect(seen).toMatch(/^policy-bundle +OK /m);
    expect(seen).toMatch(/ ok, \d+ warn, 0 fail, \d unknown/);
  });
});
