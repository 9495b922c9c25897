import type { Cache } from '#cache/port.ts';
import { garbageCollector } from '#controllers/cluster/garbage-collector.ts';
import { deployment } from '#controllers/workloads/deployment.ts';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import type { Controller } from '#core/controller.ts';
import type { Lease } from '#core/k8s/types.gen.ts';
import { keyOf } from '#core/ref.ts';
import type { Ms } from '#core/time.ts';
import { ApiServer } from './api-server.ts';
import { Checks } from './checks.ts';
import { Cluster } from './cluster.ts';
import { SimulatedDisk } from './disk.ts';
import type { Snapshot } from './objects.ts';
import { LEASE, type LogLevel, type Policy, type RunningReplica, startReplica } from './replica.ts';
import { type Host, Sim } from './sim.ts';
import { Watches } from './watches.ts';
import { FAIR, type Weather } from './weather.ts';

/** One machine: its disk stays, its processes come and go. */
export interface Machine {
  readonly index: number;
  readonly disk: SimulatedDisk;
  starts: number;
  host: Host | undefined;
  running: RunningReplica | undefined;
  /** Until when nothing gets through to the API server, or back. */
  cutUntil: Ms;
}

/** What nobody should ever read in a log: a bug, not trouble. */
const BUGS: ReadonlySet<string> = new Set([
  'reconciling threw',
  'mapping threw',
  'folding a transition threw',
  'emitting an event threw',
  'reflecting a resource',
  'announcing a change: a listener threw',
  'recording a second outcome of one attempt',
  'rendering a record',
  'ending out of order',
  'looking for what is served threw',
]);

/** As the last leader left it, before the story began. */
const FREE = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: LEASE,
  spec: { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 3 },
};

const ALLOWS: Policy = { bundle: { version: 1, digest: 'a' }, denies: () => false };

/** The whole of it: an API server, machines that run the product, tenants, and what is in between. */
export class World {
  readonly sim: Sim;
  readonly server: ApiServer;
  readonly watches: Watches;
  readonly cluster: Cluster;
  readonly checks: Checks;
  readonly machines: Machine[] = [];
  readonly snapshots: Snapshot[] = [];
  readonly told: string[] = [];
  weather: Weather = FAIR;
  downUntil: Ms = 0;
  policy: Policy = ALLOWS;
  /** Then what takes away waits for a person. */
  somethingWentBack = false;
  /** When the last restore is over that was begun. */
  restoredAt: Ms = 0;
  /** Nobody is started any more. */
  closing = false;
  /** Also tells what the processes log. */
  readonly loud: boolean;

  constructor({ seed, machines }: { readonly seed: number; readonly machines: number }, loud: boolean) {
    this.loud = loud;
    this.sim = new Sim(seed);
    this.server = new ApiServer(this.sim);
    this.server.objects.create('coordination.k8s.io/leases', FREE);
    this.watches = new Watches(this.sim, this.server, () => this.weather);
    this.checks = new Checks(this.server);
    this.cluster = new Cluster(this.sim, this.server);
    for (let index = 0; index < machines; index++) {
      const machine: Machine = {
        index,
        disk: new SimulatedDisk(this.sim),
        starts: 0,
        host: undefined,
        running: undefined,
        cutUntil: 0,
      };
      this.machines.push(machine);
      this.checks.disks.set(`p${index}`, machine.disk);
      this.sim.after(this.sim.between(0, 500), () => this.#boot(machine));
    }
  }

  tell(what: string): void {
    this.told.push(`${(this.sim.time / 1000).toFixed(2).padStart(8)} ${what}`);
  }

  /** The process that holds the lease, as far as the server knows. */
  leader(): Machine | undefined {
    const lease = this.#lease() as Lease | undefined;
    return this.machines.find(({ host }) => host !== undefined && host.name === lease?.spec?.holderIdentity);
  }

  /** A person takes the Lease away under those who go by it. */
  deleteLease(): void {
    const lease = this.#lease();
    if (lease !== undefined) this.server.objects.remove('coordination.k8s.io/leases', lease);
    this.checks.forgetTold();
  }

  #lease() {
    return this.server.objects.get('coordination.k8s.io/leases', keyOf(LEASE));
  }

  kill(machine: Machine, withoutPower: boolean): void {
    if (machine.host === undefined) return;
    this.tell(`${machine.host.name} is killed${withoutPower ? ' by a power cut' : ''}`);
    machine.host.dead = true;
    if (withoutPower) machine.disk.cutPower();
    else machine.disk.flush();
    this.watches.trouble('broken', { host: machine.host });
    this.#gone(machine);
  }

  /** The machine goes on as it was at its last copy, without a word about what it did since. */
  putBack(machine: Machine): void {
    this.kill(machine, true);
    this.tell(`the disk of machine ${machine.index} is put back to its copy`);
    machine.disk.putBack();
    this.somethingWentBack = true;
  }

  stop({ running }: Machine): void {
    if (running === undefined) return;
    this.tell(`${running.host.name} is asked to stop`);
    this.sim.after(0, () => running.comptroller.stop(), running.host);
  }

  freeze({ host }: Machine, length: Ms): void {
    if (host === undefined) return;
    this.tell(`${host.name} is frozen for ${Math.round(length)} ms`);
    host.frozenUntil = this.sim.time + length;
  }

  /** All is as it was at that snapshot; the server was away meanwhile. */
  restore(snapshot: Snapshot, away: Ms): void {
    this.checks.restored = true;
    this.somethingWentBack = true;
    this.serverDown(away);
    this.restoredAt = this.sim.time + away - 1;
    this.sim.after(away - 1, () => {
      this.tell(`the cluster is restored to revision ${snapshot.revision} from ${this.server.objects.revision}`);
      this.server.objects.restore(snapshot);
      // No connection outlives what it was opened to.
      this.watches.trouble(this.sim.random() < 0.5 ? 'broken' : 'end');
      this.cluster.attendAll();
    });
  }

  serverDown(length: Ms): void {
    this.tell(`the API server is away for ${Math.round(length)} ms`);
    this.downUntil = Math.max(this.downUntil, this.sim.time + length);
    this.watches.trouble(this.sim.random() < 0.5 ? 'broken' : 'end');
  }

  /** Each process learns of a new bundle at its own time. */
  activate(policy: Policy): void {
    this.policy = policy;
    for (const { running } of this.machines) {
      if (running !== undefined)
        this.sim.after(this.sim.between(0, 2000), () => running.activate(this.policy), running.host);
    }
  }

  /** An operator looks at what is held, and lets it go. */
  releaseHolds(): void {
    this.checks.looked();
    for (const { running } of this.machines) {
      if (running === undefined) continue;
      const { host, pipeline } = running;
      this.sim.after(0, () => void release(pipeline), host);
    }
  }

  #boot(machine: Machine): void {
    if (this.closing) return;
    machine.starts += 1;
    const host: Host = {
      name: `p${machine.index}-${machine.starts}`,
      dead: false,
      frozenUntil: 0,
      monoOffset: Math.floor(this.sim.between(0, 1e6)),
      wallOffset: Math.floor(this.sim.between(-500, 500)),
    };
    machine.host = host;
    this.tell(`${host.name} starts`);
    const failed = (error: unknown): void => {
      this.tell(`${host.name} cannot start: ${String(error)}`);
      host.dead = true;
      this.#gone(machine);
    };
    this.sim.after(0, () => void this.#start(machine, host).catch(failed), host);
  }

  async #start(machine: Machine, host: Host): Promise<void> {
    const { disk } = machine;
    const running = await startReplica({
      sim: this.sim,
      server: this.server,
      watches: this.watches,
      weather: () => this.weather,
      cutUntil: () => Math.max(machine.cutUntil, this.downUntil),
      host,
      disk,
      directoryId: String(machine.index).repeat(16),
      logId: `${host.name.replace('-', 'n')}${'0'.repeat(10)}`.slice(0, 10),
      controllers: (cache) => this.#watched(host, cache),
      policy: this.policy,
      sending: () => (recorded) => this.checks.sending(host.name, disk, recorded),
      decided: (input, decision) => this.checks.decided(host.name, input, decision),
      says: (level, message, fields) => this.#hear(host, level, message, fields),
      ended: ({ kind }) => {
        this.tell(`${host.name} ended: ${kind}`);
        // What it wrote last may not be synced, but is written.
        host.dead = true;
        disk.flush();
        this.watches.trouble('broken', { host });
        this.#gone(machine);
      },
    });
    if (host.dead) return;
    machine.running = running;
    // It may have been told of a new bundle while it was starting.
    running.activate(this.policy);
    if (this.closing) this.stop(machine);
  }

  #hear({ name }: Host, level: LogLevel, message: string, fields: object | undefined): void {
    if (this.loud) this.tell(`${name} ${level}: ${message} ${JSON.stringify(fields ?? {})}`);
    if (level === 'error' && BUGS.has(message)) this.checks.fail(`${name}: ${message} ${JSON.stringify(fields)}`);
  }

  #gone(machine: Machine): void {
    machine.running = undefined;
    machine.host = undefined;
    this.sim.after(this.sim.between(200, 4000), () => this.#boot(machine));
  }

  /** The real controllers, with a look at what each decision rests on. */
  #watched(host: Host, cache: () => Cache): readonly Controller[] {
    return [deployment, replicaset, garbageCollector].map((controller) => ({
      ...controller,
      loops: controller.loops.map((loop) => ({
        ...loop,
        reconcile: (input: Parameters<typeof loop.reconcile>[0]) => {
          this.checks.reconciling(host.name, controller, loop.queue, input, cache());
          return loop.reconcile(input);
        },
      })),
    })) as readonly Controller[];
  }
}

/** By the door that the command line knocks at. */
async function release({ blast }: RunningReplica['pipeline']): Promise<void> {
  const user = { name: 'operator', uid: '', groups: [], extra: new Map() };
  const ask = (path: string, body: string) =>
    blast.routes.find((route) => route.path === path)?.handler({ path, query: new URLSearchParams(), user, body });
  const listed = JSON.parse((await ask('/breaker', ''))?.body ?? '{}') as { holds?: readonly { id: string }[] };
  for (const { id } of listed.holds ?? [])
    await ask('/breaker/release', JSON.stringify({ id, reason: 'looked at', count: 10_000 }));
}
