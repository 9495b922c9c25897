import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverEnvironment } from './env.ts';
import { signal } from './processes.ts';
import type { Exit, Notice, Order, RunSpec, SupervisorOptions } from './supervision.ts';

/** A process that dies with the cluster, however the cluster ends. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<Exit>;
  /** Sends a signal (SIGTERM by default) and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
}

interface Entry {
  readonly spec: RunSpec;
  readonly logFile: string;
  readonly started: PromiseWithResolvers<ManagedProcess>;
  readonly ended: PromiseWithResolvers<Exit>;
  pid?: number;
}

/** The owner's side of the process that runs a cluster's servers. */
export class Supervisor {
  readonly #child: ChildProcess;
  readonly #logs: string;
  readonly #entries = new Map<number, Entry>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  #lastId = 0;

  private constructor(logs: string, options: SupervisorOptions) {
    mkdirSync(logs, { recursive: true, mode: 0o700 });
    const log = openSync(join(logs, 'supervisor.log'), 'a', 0o600);
    this.#logs = logs;
    this.#child = fork(fileURLToPath(new URL('./supervisor-process.ts', import.meta.url)), [JSON.stringify(options)], {
      detached: true,
      env: serverEnvironment(),
      execArgv: [],
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#child.on('message', (notice: Notice) => this.#take(notice));
    this.#child.once('error', (error) => this.#ready.reject(error));
    this.#child.once('exit', () => this.#lost());
  }

  /** Starts one; its servers write their logs into the folder `logs`. */
  static async start(logs: string, options: SupervisorOptions): Promise<Supervisor> {
    const supervisor = new Supervisor(logs, options);
    await supervisor.#ready.promise;
    return supervisor;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the supervisor and everything it ran are gone. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Pids of what runs now, by name, the supervisor's own included. */
  pids(): ReadonlyMap<string, number> {
    const found = new Map<string, number>([['supervisor', this.pid]]);
    for (const { spec, pid } of this.#entries.values()) if (pid !== undefined) found.set(spec.name, pid);
    return found;
  }

  run(spec: RunSpec): Promise<ManagedProcess> {
    const id = ++this.#lastId;
    const logFile = join(this.#logs, `${spec.name}.log`);
    const entry: Entry = {
      spec,
      logFile,
      started: Promise.withResolvers<ManagedProcess>(),
      ended: Promise.withResolvers<Exit>(),
    };
    this.#entries.set(id, entry);
    this.#order({ order: 'run', id, spec, logFile });
    return entry.started.promise;
  }

  /** Kills all and waits until they are gone. */
  async end(): Promise<void> {
    this.#order({ order: 'end' });
    await this.#gone.promise;
  }

  #order(order: Order): void {
    // A closed channel is no error here: the supervisor is ending, and its exit settles what is open.
    if (this.#child.connected) this.#child.send(order, () => {});
    else if (order.order === 'run') this.#fail(order.id, 'the supervisor of the cluster is gone');
  }

  #take(notice: Notice): void {
    if (notice.notice === 'ready') this.#ready.resolve();
    else if (notice.notice === 'failed') this.#fail(notice.id, notice.why);
    else this.#note(notice);
  }

  #note(notice: Extract<Notice, { notice: 'running' | 'exited' }>): void {
    const entry = this.#entries.get(notice.id);
    if (entry === undefined) return;
    if (notice.notice === 'running') {
      entry.pid = notice.pid;
      entry.started.resolve(this.#managed(notice.id, notice.pid, entry));
    } else {
      this.#entries.delete(notice.id);
      entry.ended.resolve(notice.exit);
    }
  }

  #managed(id: number, pid: number, { spec, logFile, ended }: Entry): ManagedProcess {
    const kill = (name: NodeJS.Signals = 'SIGTERM') => {
      this.#order({ order: 'signal', id, signal: name });
      return ended.promise;
    };
    return { name: spec.name, pid, logFile, exited: ended.promise, kill };
  }

  #fail(id: number, why: string): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    entry?.started.reject(new Error(`starting ${entry.spec.name}: ${why}`));
  }

  /** Where the kernel does not bind the servers to their parent, the owner kills what a killed supervisor left. */
  #lost(): void {
    this.#ready.reject(
      new Error(`starting the supervisor: it ended at once, see ${join(this.#logs, 'supervisor.log')}`),
    );
    for (const [id, { pid, ended }] of this.#entries) {
      if (pid === undefined) {
        this.#fail(id, 'the supervisor of the cluster is gone');
        continue;
      }
      signal(pid, 'SIGKILL');
      this.#entries.delete(id);
      ended.resolve({ code: null, signal: 'SIGKILL' });
    }
    this.#gone.resolve();
  }
}
