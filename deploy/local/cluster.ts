import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathOf } from '#core/resource.ts';
import { type BinaryName, ensureBinaries, type Progress } from './build.ts';
import { ApiClient } from './client.ts';
import {
  apiServerArguments,
  etcdArguments,
  kwokArguments,
  managerArguments,
  type Plan,
  schedulerArguments,
  schedulerConfig,
} from './flags.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { BootTimes, ClusterOptions, LocalCluster, ManagerKind } from './local-cluster.ts';
import { allowKwok, nodesReady, registerNodes } from './nodes.ts';
import { type ClusterUser, createPki, issueClient, type KeyFiles, type Subject, USERS } from './pki.ts';
import { freePorts } from './ports.ts';
import { Store } from './store.ts';
import type { RunSpec } from './supervision.ts';
import { type ManagedProcess, Supervisor } from './supervisor.ts';
import { until } from './until.ts';

const AUDIT_POLICY = fileURLToPath(new URL('../audit-policy.yaml', import.meta.url));
const STAGES = ['kwok.yaml', 'node.yaml', 'pod.yaml'].map((file) =>
  fileURLToPath(new URL(`./stages/${file}`, import.meta.url)),
);
const SERVERS = ['etcd', 'kube-apiserver', 'kube-scheduler', 'kwok'] as const;

/** A server lost its port to somebody else between the look and the bind: worth another try with other ports. */
class PortTaken extends Error {}

/** Starts a control plane; its processes end with this one, whatever happens to it. */
export async function startCluster(options: ClusterOptions = {}): Promise<LocalCluster> {
  const { manager = 'none', progress = () => {} } = options;
  const names: readonly BinaryName[] = manager === 'upstream' ? [...SERVERS, 'kube-controller-manager'] : SERVERS;
  const binaries = await ensureBinaries(names, { progress });
  for (let tries = 1; ; tries++) {
    try {
      return await Cluster.boot(options, binaries);
    } catch (error) {
      if (!(error instanceof PortTaken) || tries === 3) throw error;
    }
  }
}

class Cluster implements LocalCluster {
  readonly name: string;
  readonly manager: ManagerKind;
  readonly boot: BootTimes = { api: 0, ready: 0 };
  readonly #plan: Plan;
  readonly #binaries: Readonly<Record<string, string>>;
  readonly #supervisor: Supervisor;
  readonly #client: ApiClient;
  readonly #progress: Progress;
  readonly #store: Store;
  #apiServer: ManagedProcess | undefined;
  #scheduler: ManagedProcess | undefined;
  #kwok: ManagedProcess | undefined;
  #nodes = 0;
  #issued = 0;

  private constructor(
    options: ClusterOptions,
    plan: Plan,
    binaries: Readonly<Record<string, string>>,
    supervisor: Supervisor,
  ) {
    this.name = options.name ?? 'local';
    this.manager = options.manager ?? 'none';
    this.#progress = options.progress ?? (() => {});
    this.#plan = plan;
    this.#binaries = binaries;
    this.#supervisor = supervisor;
    this.#client = new ApiClient({ server: this.server, caFile: this.caFile, ...this.adminKeys });
    const run = () => this.#runServer('etcd', etcdArguments(plan));
    this.#store = new Store({ directory: plan.directory, port: plan.ports.etcd, pki: plan.pki, run });
    for (const user of Object.keys(USERS) as ClusterUser[])
      this.#writeKubeconfig(this.kubeconfigFor(user), user, plan.pki.users[user]);
  }

  static async boot(options: ClusterOptions, binaries: Readonly<Record<string, string>>): Promise<LocalCluster> {
    const start = performance.now();
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), `comptroller-${options.name ?? 'local'}-`));
    mkdirSync(join(directory, 'kubeconfig'), { recursive: true, mode: 0o700 });
    const [supervisor, pki, ports] = await Promise.all([
      Supervisor.start(join(directory, 'logs'), options.keep === true ? {} : { remove: directory }),
      createPki(join(directory, 'pki')),
      freePorts(5),
    ]);
    const [etcd = 0, etcdPeer = 0, api = 0, scheduler = 0, manager = 0] = ports;
    const plan: Plan = {
      directory,
      pki,
      ports: { etcd, etcdPeer, api, scheduler, manager },
      auditPolicyFile: options.auditPolicyFile ?? AUDIT_POLICY,
      auditLog: join(directory, 'audit.log'),
      runtimeConfig: options.runtimeConfig,
    };
    try {
      const cluster = new Cluster(options, plan, binaries, supervisor);
      await cluster.#start(options.nodes ?? 4, start);
      return cluster;
    } catch (error) {
      await supervisor.end();
      throw error;
    }
  }

  get directory(): string {
    return this.#plan.directory;
  }
  get server(): string {
    return `https://127.0.0.1:${this.#plan.ports.api}`;
  }
  get caFile(): string {
    return this.#plan.pki.clusterCa.certFile;
  }
  get rootCaFile(): string {
    return this.#plan.pki.clusterCa.certFile;
  }
  get clusterCa(): KeyFiles {
    return this.#plan.pki.clusterCa;
  }
  get comptrollerCa(): KeyFiles {
    return this.#plan.pki.comptrollerCa;
  }
  get serving(): KeyFiles {
    return this.#plan.pki.serving;
  }
  get frontProxyClient(): KeyFiles {
    return this.#plan.pki.frontProxyClient;
  }
  get serviceAccountKeyFile(): string {
    return this.#plan.pki.serviceAccount.keyFile;
  }
  get auditLog(): string {
    return this.#plan.auditLog;
  }
  get adminKeys(): KeyFiles {
    return this.#plan.pki.users.admin;
  }
  get kubeconfig(): string {
    return this.kubeconfigFor('admin');
  }
  get stopped(): Promise<void> {
    return this.#supervisor.gone;
  }

  pids(): ReadonlyMap<string, number> {
    return this.#supervisor.pids();
  }

  kubeconfigFor(user: ClusterUser): string {
    return join(this.directory, 'kubeconfig', `${user}.yaml`);
  }

  async issue(subject: Subject, ca: KeyFiles = this.clusterCa): Promise<KeyFiles & { kubeconfig: string }> {
    const file = `issued-${++this.#issued}`;
    const keys = await issueClient(ca, this.#plan.pki.directory, file, subject);
    const kubeconfig = join(this.directory, 'kubeconfig', `${file}.yaml`);
    this.#writeKubeconfig(kubeconfig, subject.commonName, keys);
    return { ...keys, kubeconfig };
  }

  run(spec: RunSpec): Promise<ManagedProcess> {
    return this.#supervisor.run(spec);
  }

  async killApiServer(): Promise<void> {
    await this.#apiServer?.kill('SIGKILL');
    this.#apiServer = undefined;
  }

  async startApiServer(): Promise<void> {
    if (this.#apiServer !== undefined) throw new Error('starting the API server: it runs already');
    this.#apiServer = await this.#runServer('kube-apiserver', apiServerArguments(this.#plan));
    await this.#healthy(this.#apiServer, this.#client, '/readyz');
  }

  async restartApiServer(): Promise<void> {
    await this.killApiServer();
    await this.startApiServer();
  }

  stopEtcd(): Promise<void> {
    return this.#store.stop();
  }

  async startEtcd(): Promise<void> {
    await this.#store.start();
    if (this.#apiServer !== undefined) await this.#healthy(this.#apiServer, this.#client, '/readyz');
  }

  compactEtcd(): Promise<number> {
    return this.#store.compact();
  }

  keepStore(): void {
    this.#store.keep();
  }

  async restoreStore(): Promise<void> {
    await Promise.all([this.killApiServer(), this.#scheduler?.kill('SIGKILL'), this.#kwok?.kill('SIGKILL')]);
    await this.stopEtcd();
    this.#store.putBack();
    await this.startEtcd();
    await this.startApiServer();
    // A kwok of another process waits until the leases of the one before it have run out.
    await this.#client.call('DELETE', pathOf('coordination.k8s.io/leases', { namespace: 'kube-node-lease' }));
    await Promise.all([this.#startKwok(), this.#startScheduler()]);
  }

  async startUpstreamManager(flags: readonly string[] = []): Promise<ManagedProcess & { port: number }> {
    const binaries = await ensureBinaries(['kube-controller-manager'], { progress: this.#progress });
    const kubeconfig = this.kubeconfigFor('kube-controller-manager');
    const started = await this.#supervisor.run({
      name: 'kube-controller-manager',
      command: binaries['kube-controller-manager'],
      args: managerArguments(this.#plan, kubeconfig, flags),
    });
    await this.#healthyAt(started, this.#plan.ports.manager);
    return { ...started, port: this.#plan.ports.manager };
  }

  async addNodes(count: number): Promise<readonly string[]> {
    const names = await this.#registerNodes(count);
    await nodesReady(this.#client, names);
    return names;
  }

  async stop(): Promise<void> {
    await this.#supervisor.end();
    await this.#client.close();
  }

  /** Everything that can start at once does; what needs the API server starts the moment that it answers. */
  async #start(nodes: number, start: number): Promise<void> {
    const etcd = await this.#store.start();
    await Promise.race([this.startApiServer(), this.#failed(etcd)]);
    const api = performance.now() - start;
    await allowKwok(this.#client);
    const names = await this.#registerNodes(nodes);
    const kwok = await this.#startKwok();
    const waits = [this.#startScheduler(), Promise.race([nodesReady(this.#client, names), this.#failed(kwok)])];
    if (this.manager === 'upstream') waits.push(this.startUpstreamManager().then(() => {}));
    await Promise.all(waits);
    Object.assign(this.boot, { api: Math.round(api), ready: Math.round(performance.now() - start) });
  }

  async #startKwok(): Promise<ManagedProcess> {
    this.#kwok = await this.#runServer('kwok', kwokArguments(this.kubeconfigFor('kwok'), STAGES));
    return this.#kwok;
  }

  async #startScheduler(): Promise<void> {
    const kubeconfig = this.kubeconfigFor('kube-scheduler');
    const config = join(this.directory, 'scheduler.json');
    writeFileSync(config, JSON.stringify(schedulerConfig(kubeconfig)), { mode: 0o600 });
    const args = schedulerArguments(this.#plan, kubeconfig, config);
    this.#scheduler = await this.#runServer('kube-scheduler', args);
    await this.#healthyAt(this.#scheduler, this.#plan.ports.scheduler);
  }

  async #registerNodes(count: number): Promise<readonly string[]> {
    const names = Array.from({ length: count }, () => `node-${++this.#nodes}`);
    await registerNodes(this.#client, names, this.manager !== 'upstream');
    return names;
  }

  #runServer(name: (typeof SERVERS)[number], args: readonly string[]): Promise<ManagedProcess> {
    return this.#supervisor.run({ name, command: this.#binaries[name] ?? name, args });
  }

  async #healthyAt(of: ManagedProcess, port: number): Promise<void> {
    const client = new ApiClient({ server: `https://127.0.0.1:${port}`, caFile: this.caFile, ...this.adminKeys });
    try {
      await this.#healthy(of, client, '/healthz');
    } finally {
      await client.close();
    }
  }

  async #healthy(of: ManagedProcess, client: ApiClient, path: string): Promise<void> {
    // Until it listens, connections are refused.
    const look = async () => (await client.call('GET', path).catch(() => undefined))?.status === 200;
    await Promise.race([until(look, { timeout: 60_000, why: `${of.name} to be healthy` }), this.#failed(of)]);
  }

  /** Rejects when a server ends during the boot, with the end of what it said. */
  async #failed(of: ManagedProcess): Promise<never> {
    const { code, signal } = await of.exited;
    const said = readTail(of.logFile);
    const message = `starting ${of.name}: it ended with ${signal ?? code}\n${said}`;
    throw said.includes('address already in use') ? new PortTaken(message) : new Error(message);
  }

  #writeKubeconfig(file: string, user: string, keys: KeyFiles): void {
    writeKubeconfig(file, { cluster: this.name, server: this.server, caFile: this.caFile, user, keys });
  }
}

function readTail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-2000).trim();
  } catch {
    return '';
  }
}
