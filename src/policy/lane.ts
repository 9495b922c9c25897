import { Worker } from 'node:worker_threads';
import type { Clock, Ms } from '#core/time.ts';
import { createFairQueue } from './fair-queue.ts';
import type { Judgement } from './result.ts';
import type { Batch, WorkerMessage, WorkerSetup } from './worker.ts';

/** One input on its way to a worker. */
export interface Job {
  readonly text: Uint8Array;
  /** Whose turn it is when some have to wait: the namespace. */
  readonly tenant: string;
  settle(judgement: Judgement): void;
}

export interface LaneOptions {
  readonly setup: WorkerSetup;
  readonly clock: Clock;
  /** How many inputs, and bytes of them, cross as one message. */
  readonly batch: number;
  readonly batchBytes: number;
  /** How long one message may take before its worker is killed. */
  readonly timeout: Ms;
  /** What was under way when the worker was killed or crashed. */
  readonly onLost: (jobs: readonly Job[], why: 'timeout' | 'crash') => void;
  /** Default: a worker that loads the policy; tests have others. */
  readonly spawn?: (setup: WorkerSetup) => Worker;
}

/** One worker and what waits for it. After a loss the worker is replaced as soon as something waits. */
export interface Lane {
  push(job: Job): void;
  /** Resolves when the worker has loaded the policy; rejects when it cannot. */
  ready(): Promise<void>;
  /** Finishes what is under way, then stops the worker. */
  drain(): Promise<void>;
  /** Stops at once; what waits is settled as POLICY_CRASHED. */
  close(): Promise<void>;
}

/** A worker that has not loaded by then never will. */
const START_TIMEOUT: Ms = 10_000;
const CRASHED: Judgement = { kind: 'error', code: 'POLICY_CRASHED', micros: 0 };

interface Running {
  readonly worker: Worker;
  readonly started: Promise<void>;
  ready: boolean;
  flight: { readonly jobs: readonly Job[]; readonly cancel: () => void } | undefined;
}

export function createLane(options: LaneOptions): Lane {
  const queue = createFairQueue<Job>();
  const idle = new Set<() => void>();
  let running: Running | undefined;
  let scheduled = false;
  let closed = false;

  /** What becomes due in one turn of the event loop crosses together. */
  function schedule(): void {
    if (scheduled || closed) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  }

  function pump(): void {
    if (queue.size() === 0) {
      if (running?.flight === undefined) for (const done of idle) done();
      return;
    }
    if (closed) return;
    running ??= start();
    if (!running.ready || running.flight !== undefined) return;
    send(running, queue.take(options.batch, options.batchBytes));
  }

  function send(target: Running, jobs: readonly Job[]): void {
    const cancel = watch(target, options.timeout);
    target.flight = { jobs, cancel };
    const { texts, ends } = join(jobs);
    target.worker.postMessage({ texts, ends } satisfies Batch, [texts]);
  }

  /** A main thread that stood still must not kill a worker whose answer already waits: look once more after polling. */
  function watch(target: Running, timeout: Ms): () => void {
    let over = false;
    const cancel = options.clock.after(timeout, () => setImmediate(() => !over && lose(target, 'timeout')));
    return () => {
      over = true;
      cancel();
    };
  }

  function start(): Running {
    const { promise: started, resolve, reject } = Promise.withResolvers<void>();
    // Nobody has to wait for it: whoever does not learns of the loss through the jobs.
    started.catch(() => {});
    const target: Running = {
      worker: (options.spawn ?? spawn)(options.setup),
      started,
      ready: false,
      flight: undefined,
    };
    const cancel = watch(target, START_TIMEOUT);
    target.worker.on('message', (message: WorkerMessage) => {
      if (message !== 'ready') return landed(target, message);
      cancel();
      target.ready = true;
      resolve();
      pump();
    });
    const stopped = (): void => {
      cancel();
      reject(new Error('loading the policy in a worker'));
      lose(target, 'crash');
    };
    target.worker.once('error', stopped).once('exit', stopped);
    return target;
  }

  function landed(target: Running, judgements: readonly Judgement[]): void {
    const { flight } = target;
    if (flight === undefined) return;
    flight.cancel();
    target.flight = undefined;
    for (const [at, job] of flight.jobs.entries()) job.settle(judgements[at] ?? CRASHED);
    pump();
  }

  function lose(target: Running, why: 'timeout' | 'crash'): void {
    if (running !== target) return;
    running = undefined;
    target.flight?.cancel();
    void target.worker.terminate();
    const lost = target.flight?.jobs ?? [];
    // Without a policy loaded nothing can be judged: what waits is refused now, and the next input tries again.
    const hopeless = target.ready ? [] : queue.takeAll();
    options.onLost(lost, why);
    for (const job of hopeless) job.settle(CRASHED);
    if (closed) return;
    schedule();
  }

  return {
    push(job) {
      if (closed) return job.settle(CRASHED);
      queue.add(job);
      schedule();
    },
    ready() {
      running ??= start();
      return running.started;
    },
    async drain() {
      if (queue.size() > 0 || running?.flight !== undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        idle.add(resolve);
        await promise;
      }
      await this.close();
    },
    async close() {
      closed = true;
      const target = running;
      running = undefined;
      target?.flight?.cancel();
      for (const job of [...(target?.flight?.jobs ?? []), ...queue.takeAll()]) job.settle(CRASHED);
      for (const done of idle) done();
      await target?.worker.terminate();
    },
  };
}

/** The worker's own file has the extension of this one: sources run as .ts, a build as .js. */
function spawn(setup: WorkerSetup): Worker {
  const file = new URL('./worker.ts', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) file.pathname = file.pathname.replace(/\.ts$/, '.js');
  const worker = new Worker(file, {
    workerData: setup,
    env: {},
    stdin: false,
    // What a policy prints goes nowhere: it could hold values.
    stdout: true,
    stderr: true,
    name: 'policy',
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
  });
  worker.stdout.resume();
  worker.stderr.resume();
  return worker;
}

function join(jobs: readonly Job[]): { texts: ArrayBuffer; ends: number[] } {
  const texts = new ArrayBuffer(jobs.reduce((sum, { text }) => sum + text.length, 0));
  const all = new Uint8Array(texts);
  let end = 0;
  const ends = jobs.map(({ text }) => {
    all.set(text, end);
    end += text.length;
    return end;
  });
  return { texts, ends };
}
