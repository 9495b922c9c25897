/** Puts Comptroller on a local cluster the way an operator would: manifests, keys, a signed bundle, then `comptroller run`. */
import type { KeyObject } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROLLERS } from '#controllers/registry.ts';
import { renderManifests } from '#identity/manifests.ts';
import type { NamingMode } from '#identity/profiles.ts';
import { signBundle } from '#policy/bundle.ts';
import { newKeyPair, writeKey } from '#policy/keys.ts';
import { applyAll } from './apply.ts';
import { ApiClient } from './client.ts';
import { serverEnvironment } from './env.ts';
import type { LocalCluster } from './local-cluster.ts';
import type { StartComptroller } from './manager-port.ts';
import { freePorts } from './ports.ts';
import type { ManagedProcess } from './supervisor.ts';
import { until } from './until.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = join(ROOT, 'src/cli/main.ts');
/** Said by `run` once it leads and its controllers are at work. */
const AT_WORK = '"msg":"controllers started"';

/** Where one installation keeps its things. A second replica on the same cluster shares keys, not state. */
export interface Installation {
  readonly directory: string;
  readonly bundle: string;
  readonly policyKey: string;
  readonly kubeconfig: string;
  readonly ledgers: string;
  /** Signs the bundle of this throw-away installation; it never touches the disk. */
  readonly signer: KeyObject;
}

export interface RunningManager extends ManagedProcess {
  readonly port: number;
  readonly ledgerDir: string;
  readonly stateDir: string;
}

export interface ManagerOptions {
  readonly replica?: string;
  readonly flags?: readonly string[];
  /** Instead of the sources: what `npm run build` made, `dist/src/cli/main.js`. */
  readonly program?: string;
  /** Of Node, before the program: `--cpu-prof`. */
  readonly nodeFlags?: readonly string[];
  /** Milliseconds until it must lead; a predecessor's lease may have to run out first. */
  readonly timeout?: number;
  /** False: returns when the process runs, as a follower perhaps. */
  readonly waitForLead?: boolean;
  /** Beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface InstallOptions {
  readonly mode?: NamingMode;
  /** Where Comptroller finds the API server; the cluster's own address by default. */
  readonly server?: string;
}

/** Applies the manifests as administrator, and makes what stays outside the cluster: keys, bundle, kubeconfig. */
export async function install(cluster: LocalCluster, options: InstallOptions = {}): Promise<Installation> {
  const { mode = 'comptroller', server = cluster.server } = options;
  const directory = join(cluster.directory, 'comptroller');
  const pair = newKeyPair('local-policy-signer', 'EdDSA');
  const at: Installation = {
    signer: pair.key,
    directory,
    bundle: join(directory, 'bundle'),
    policyKey: join(directory, 'policy-signer.public.json'),
    kubeconfig: join(directory, 'kubeconfig'),
    ledgers: join(directory, 'ledgers'),
  };
  mkdirSync(at.ledgers, { recursive: true, mode: 0o700 });
  cpSync(join(ROOT, 'policies/build'), at.bundle, { recursive: true });
  writeKey(at.policyKey, pair.publicJwk, false);
  await signBundle(at.bundle, pair.key, 'local-policy-signer');
  writeFileSync(at.kubeconfig, withoutUser(server, cluster.caFile), { mode: 0o600 });

  const client = new ApiClient({ server: cluster.server, caFile: cluster.caFile, ...cluster.adminKeys });
  try {
    await applyAll(
      client,
      renderManifests(CONTROLLERS, {
        mode,
        generations: new Map(),
        namespace: 'comptroller-system',
      }).flatMap(({ objects }) => objects),
    );
  } finally {
    await client.close();
  }
  return at;
}

/** Comptroller needs the server and its CA from a kubeconfig, and nobody's credentials. */
function withoutUser(server: string, caFile: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'local',
    clusters: [{ name: 'local', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'nobody' } }],
  });
}

/** Runs Comptroller with a keeper of its own; resolves when it leads and its controllers are at work. */
export async function startManager(
  cluster: LocalCluster,
  at: Installation,
  options: ManagerOptions = {},
): Promise<RunningManager> {
  const {
    replica = 'one',
    flags = [],
    nodeFlags = [],
    program = SOURCES,
    timeout = 40_000,
    waitForLead = true,
    env,
  } = options;
  const [port] = await freePorts(1);
  const ledgerDir = join(at.ledgers, replica);
  const stateDir = join(at.directory, `state-${replica}`);
  const args = [
    `--kubeconfig=${at.kubeconfig}`,
    `--root-ca-file=${cluster.rootCaFile}`,
    `--ledger-dir=${ledgerDir}`,
    `--state-dir=${stateDir}`,
    `--policy-bundle=${at.bundle}`,
    `--policy-key=${at.policyKey}`,
    `--keeper-ca-cert-file=${cluster.comptrollerCa.certFile}`,
    `--keeper-ca-key-file=${cluster.comptrollerCa.keyFile}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--logging-format=json',
    ...flags,
  ];
  const running = await cluster.run({
    // A log of its own for each start: the end of the one before says nothing about this one.
    name: `comptroller-${replica}-${port}`,
    command: process.execPath,
    args: [...nodeFlags, program, 'run', ...args],
    ...(env !== undefined && { env: { ...serverEnvironment(), ...env } }),
  });
  if (waitForLead)
    await until(() => atWork(running), { timeout, why: 'Comptroller to lead and start its controllers', every: 10 });
  return Object.assign(running, { port: port as number, ledgerDir, stateDir });
}

/** True once it leads; throws with the end of its log when it ended instead. */
async function atWork(running: ManagedProcess): Promise<boolean> {
  const log = readFileSync(running.logFile, 'utf8');
  if (log.includes(AT_WORK)) return true;
  const ended = await Promise.race([running.exited, Promise.resolve(undefined)]);
  if (ended !== undefined)
    throw new ManagerEnded(`Comptroller ended (${ended.code ?? ended.signal}):\n${log.slice(-2000)}`);
  return false;
}

export class ManagerEnded extends Error {}

/** For `npm run cluster -- up --manager comptroller`. */
export const startComptroller: StartComptroller = async (cluster) => {
  const running = await startManager(cluster, await install(cluster));
  return {
    pid: running.pid,
    async stop() {
      await running.kill('SIGTERM');
    },
  };
};
