/** The replicas of an arena, each started again when it ends, as systemd or a kubelet would. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Admin } from '#kit/admin.ts';
import { leaseOf } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { type Installation, type RunningManager, startManager } from '#local/manager.ts';
import type { Exit } from '#local/supervision.ts';
import type { Ended, Fleet, Replica } from './fault.ts';

export interface FleetParts {
  readonly cluster: LocalCluster;
  readonly admin: Admin;
  readonly at: Installation;
  readonly program: string;
  readonly names: readonly string[];
  readonly flags: readonly string[];
  environment(replica: string): Readonly<Record<string, string>> | undefined;
  say(line: string): void;
}

/** Starts again at once the first time, then waits, ever longer; who ran this long has recovered. */
const WAITS = [0, 500, 1000, 2000, 4000, 8000] as const;
const RECOVERED = 10_000;
const SAID_BYTES = 3000;

export class KeptFleet implements Fleet {
  readonly replicas: readonly KeptReplica[];
  readonly ended: Ended[] = [];
  readonly #admin: Admin;
  readonly #won = new Map<RunningManager, string>();

  constructor(parts: FleetParts) {
    this.#admin = parts.admin;
    this.replicas = parts.names.map((name) => new KeptReplica(name, parts, (ended) => this.ended.push(ended)));
  }

  /** Resolves when each has a process. */
  async start(): Promise<void> {
    for (const replica of this.replicas) replica.keep();
    await Promise.all(this.replicas.map((replica) => replica.up()));
  }

  /** No replica is started any more; the processes end with the cluster. */
  close(): void {
    for (const replica of this.replicas) replica.close();
  }

  async leader({ timeout }: { readonly timeout: number } = { timeout: 60_000 }): Promise<Replica> {
    const why = 'a replica to lead and be at work';
    return await until(() => this.#leading(), { timeout, every: 100, why }).catch((error: Error) => {
      throw new Error(`${error.message}; ${this.replicas.map(lastWords).join('; ')}`);
    });
  }

  kill(replica: Replica, signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    return this.#own(replica).kill(signal);
  }

  hold(replica: Replica): void {
    this.#own(replica).hold();
  }

  release(replica: Replica, flags: readonly string[] = []): Promise<void> {
    return this.#own(replica).release(flags);
  }

  #own(replica: Replica): KeptReplica {
    const found = this.replicas.find(({ name }) => name === replica.name);
    if (found === undefined) throw new Error(`looking for the replica ${replica.name}: this fleet has none`);
    return found;
  }

  /** Whom the Lease names, once its process says that its controllers are at work. */
  async #leading(): Promise<Replica | undefined> {
    // Whoever asks may have put the API server down.
    const lease = await leaseOf(this.#admin).catch(() => undefined);
    const holder = lease?.spec?.holderIdentity ?? '';
    if (holder === '') return undefined;
    return this.replicas.find(({ process }) => process !== undefined && this.#wonBy(process) === holder);
  }

  /** The identity under which a process leads and works, or did; undefined as long as it only follows. */
  #wonBy(process: RunningManager): string | undefined {
    const known = this.#won.get(process);
    if (known !== undefined) return known;
    const lines = readFileSync(process.logFile, 'utf8').split('\n');
    const won = lines.findLast((line) => line.includes('"msg":"winning leadership"'));
    if (won === undefined || !lines.some((line) => line.includes('"msg":"controllers started"'))) return undefined;
    const { holder } = JSON.parse(won) as { holder: string };
    this.#won.set(process, holder);
    return holder;
  }
}

/** What is worth knowing of a replica when it should lead and does not. */
function lastWords({ name, process }: Replica): string {
  if (process === undefined) return `${name} does not run`;
  const said = readFileSync(process.logFile, 'utf8').trimEnd().split('\n').slice(-3).join(' | ');
  return `${name} said last: ${said}`;
}

export class KeptReplica implements Replica {
  readonly name: string;
  readonly ledgerDir: string;
  readonly stateDir: string;
  process: RunningManager | undefined;
  readonly #parts: FleetParts;
  readonly #tell: (ended: Ended) => void;
  readonly #wanted = new Set<RunningManager>();
  #flags: readonly string[];
  #held: PromiseWithResolvers<void> | undefined;
  #up = Promise.withResolvers<void>();
  #closed = false;

  constructor(name: string, parts: FleetParts, tell: (ended: Ended) => void) {
    this.name = name;
    this.ledgerDir = join(parts.at.ledgers, name);
    this.stateDir = join(parts.at.directory, `state-${name}`);
    this.#parts = parts;
    this.#tell = tell;
    this.#flags = parts.flags;
  }

  /** Resolves when there is a process. */
  up(): Promise<void> {
    return this.#up.promise;
  }

  keep(): void {
    void this.#run().catch((error: unknown) => {
      // A cluster that is stopped refuses to start anything.
      if (!this.#closed) this.#parts.say(`replica ${this.name} is not started any more: ${String(error)}`);
    });
  }

  close(): void {
    this.#closed = true;
    this.#held?.resolve();
  }

  async kill(signal: NodeJS.Signals): Promise<Exit> {
    const { process } = this;
    if (process === undefined) throw new Error(`ending the replica ${this.name}: it does not run`);
    this.#wanted.add(process);
    return await process.kill(signal);
  }

  hold(): void {
    this.#held ??= Promise.withResolvers();
  }

  async release(flags: readonly string[]): Promise<void> {
    this.#flags = [...this.#flags, ...flags];
    this.#held?.resolve();
    this.#held = undefined;
    await this.up();
  }

  async #run(): Promise<void> {
    let quick = 0;
    while (!this.#closed) {
      await this.#held?.promise;
      if (this.#closed) return;
      const started = performance.now();
      const { wanted } = await this.#once();
      if (wanted || performance.now() - started > RECOVERED) quick = 0;
      else await pause(WAITS[Math.min(quick++, WAITS.length - 1)]);
    }
  }

  /** One life. */
  async #once(): Promise<Ended> {
    const { cluster, at, program } = this.#parts;
    const env = this.#parts.environment(this.name);
    const process = await startManager(cluster, at, {
      replica: this.name,
      program,
      flags: this.#flags,
      waitForLead: false,
      ...(env !== undefined && { env }),
    });
    this.process = process;
    this.#up.resolve();
    const exit = await process.exited;
    this.process = undefined;
    this.#up = Promise.withResolvers();
    const wanted = this.#wanted.has(process);
    const said = this.#closed ? '' : readFileSync(process.logFile, 'utf8').slice(-SAID_BYTES);
    const ended: Ended = { replica: this.name, exit, wanted, said };
    this.#tell(ended);
    return ended;
  }
}
