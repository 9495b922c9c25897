import type { Lease } from '#core/k8s/types.gen.ts';
import type { Clock, Ms } from '#core/time.ts';
import { createElector, type Elector, type LeaseRead, type LeaseWritten } from '#leader/elector.ts';

/** A small seeded generator, so that one number of fast-check is a whole history. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Span {
  readonly replica: number;
  readonly from: Ms;
  readonly to: Ms;
}

interface Replica {
  readonly index: number;
  monoOffset: Ms;
  wallOffset: Ms;
  pausedUntil: Ms;
  restarts: number;
  look: () => void;
  /** Nothing that it sends arrives until then. */
  cutOffUntil: Ms;
  /** Its machine sleeps instead of its process being stopped; then its wall clock is never set, which would hide the sleep. */
  sleeper: boolean;
  elector: Elector;
  controller: AbortController;
}

/** A lease server and replicas in one simulated time: late, lost and reordered messages, stopped processes, set clocks. */
export class World {
  time: Ms = 0;
  readonly spans: Span[] = [];
  /** When each reign was won. */
  readonly won: { replica: number; at: Ms; transitions: number; lease: string }[] = [];
  faults = true;
  #lease: Lease | undefined;
  #version = 1;
  readonly #queue: { at: Ms; order: number; run: () => void }[] = [];
  #order = 0;
  readonly #random: () => number;
  readonly #replicas: Replica[] = [];

  constructor(seed: number, replicas: number) {
    this.#random = chance(seed);
    for (let index = 0; index < replicas; index++) this.#replicas.push(this.#start(index));
  }

  async runUntil(end: Ms): Promise<void> {
    for (let next = this.#pop(end); next !== undefined; next = this.#pop(end)) {
      this.time = Math.max(this.time, next.at);
      next.run();
      await new Promise(setImmediate);
    }
    this.time = end;
  }

  /** Which replicas would start a request of that length now. */
  leaders(timeout: Ms): number[] {
    return this.#replicas.filter((r) => r.elector.fence.admits(timeout)).map((r) => r.index);
  }

  stop(): void {
    for (const replica of this.#replicas) replica.controller.abort();
  }

  #start(index: number): Replica {
    const replica = {
      index,
      monoOffset: Math.floor(this.#random() * 1e6),
      wallOffset: Math.floor(this.#random() * 1e6),
      pausedUntil: 0,
      restarts: 0,
      cutOffUntil: 0,
      sleeper: this.#random() < 0.3,
    } as Replica;
    this.#campaign(replica);
    this.#act(replica);
    return replica;
  }

  #campaign(replica: Replica): void {
    const clock: Clock = {
      now: () => ({ wall: 1.7e12 + this.time + replica.wallOffset, mono: this.time + replica.monoOffset }),
      after: (delay, callback) => this.#timer(replica, delay, callback),
    };
    replica.controller = new AbortController();
    replica.elector = createElector({
      config: {
        identity: `host-${replica.index}_${replica.restarts}`,
        namespace: 'kube-system',
        name: 'kube-controller-manager',
        leaseDuration: 15_000,
        renewDeadline: 10_000,
        retryPeriod: 2000,
        margin: 1000,
        jumpBound: 2000,
      },
      clock,
      read: () => this.#call(replica, (): LeaseRead => ({ ok: true, lease: this.#lease }), { ok: false }),
      write: (kind, lease) => this.#call(replica, () => this.#store(kind, lease), { ok: false, why: 'failed' }),
      changes: (_signal, look) => {
        replica.look = look;
      },
      inFlight: () => this.spans.filter((span) => span.replica === replica.index && span.to > this.time).length,
      anchor: () => ({
        directory: String(replica.index).repeat(16),
        origin: `log-${replica.index}`,
        size: 1,
        root: `${'A'.repeat(43)}=`,
      }),
      onWon: ({ transitions, lease }) => this.won.push({ replica: replica.index, at: this.time, transitions, lease }),
      onLost: () => {},
      meter: { count: () => {}, set: () => {}, observe: () => {} },
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      random: this.#random,
    });
    void replica.elector.run(replica.controller.signal).then((end) => {
      if (end.kind === 'stopped') return;
      replica.restarts++;
      this.#later(replica, 3000 + this.#random() * 5000, () => this.#campaign(replica));
    });
  }

  /** The replica's work: asks the fence as a write would, is stopped, has its clock set, hands the lease over. */
  #act(replica: Replica): void {
    const timeout = Math.floor(this.#random() * 6000);
    if (replica.elector.fence.admits(timeout))
      this.spans.push({ replica: replica.index, from: this.time, to: this.time + timeout });
    const dice = this.faults ? this.#random() : 1;
    if (dice > 0.99 && dice < 1) replica.cutOffUntil = this.time + this.#random() * 30_000;
    if (dice < 0.004) this.#pause(replica, this.#random() * 30_000);
    else if (dice < 0.014 && dice >= 0.01) void replica.elector.release();
    else if (!replica.sleeper && dice < 0.008) replica.wallOffset += (this.#random() - 0.5) * 60_000;
    else if (!replica.sleeper && dice < 0.01) replica.wallOffset += (this.#random() - 0.5) * 4000;
    this.#later(replica, 50 + this.#random() * 400, () => this.#act(replica));
  }

  /** SIGSTOP: both clocks go on. Or the machine sleeps: the monotonic clock stands still, and its timers with it. */
  #pause(replica: Replica, length: Ms): void {
    replica.pausedUntil = this.time + length;
    if (replica.sleeper) replica.monoOffset -= length;
  }

  #timer(replica: Replica, delay: Ms, run: () => void): () => void {
    const due = this.time + replica.monoOffset + delay;
    let cancel = (): void => {};
    const wait = (left: Ms): void => {
      cancel = this.#later(replica, left, () => {
        const more = due - this.time - replica.monoOffset;
        if (more > 1) wait(more);
        else run();
      });
    };
    wait(delay);
    return () => cancel();
  }

  #call<T>(replica: Replica, serve: () => T, lost: T): Promise<T> {
    return new Promise((resolve) => {
      const slow = this.faults && this.#random() < 0.2;
      const there = this.#random() * (slow && this.#random() < 0.5 ? 12_000 : 20);
      const back = this.#random() * (slow ? 4900 : 20);
      const dropped = this.faults && (this.time < replica.cutOffUntil || this.#random() < 0.1);
      const never = dropped && (this.time < replica.cutOffUntil || this.#random() < 0.5);
      // The client gives up after five seconds; the server may still do it later.
      this.#later(replica, 5000, () => resolve(lost));
      if (never) return;
      this.#at(this.time + there, () => {
        const answer = serve();
        if (!dropped) this.#later(replica, back, () => resolve(answer));
      });
    });
  }

  #store(kind: 'create' | 'update', lease: Lease): LeaseWritten {
    const current = this.#lease;
    if (
      kind === 'create' ? current !== undefined : current?.metadata?.resourceVersion !== lease.metadata?.resourceVersion
    )
      return { ok: false, why: 'conflict' };
    // As the API server: what changes nothing gets no new version.
    if (current !== undefined && JSON.stringify(current) === JSON.stringify(lease)) return { ok: true, lease: current };
    const metadata = { ...lease.metadata, uid: 'lease-uid', resourceVersion: String(++this.#version) };
    this.#lease = { ...lease, metadata };
    for (const replica of this.#replicas) this.#later(replica, this.#random() * 20, () => replica.look?.());
    return { ok: true, lease: this.#lease };
  }

  /** Runs in the replica: not while its process is stopped. */
  #later(replica: Replica, delay: Ms, run: () => void): () => void {
    let cancelled = false;
    const attempt = (): void => {
      if (cancelled) return;
      if (replica.pausedUntil > this.time) this.#at(replica.pausedUntil, attempt);
      else run();
    };
    this.#at(this.time + delay, attempt);
    return () => {
      cancelled = true;
    };
  }

  #at(at: Ms, run: () => void): void {
    const entry = { at, order: this.#order++, run };
    let index = this.#queue.length;
    while (index > 0 && (this.#queue[index - 1]?.at ?? 0) > at) index--;
    this.#queue.splice(index, 0, entry);
  }

  #pop(end: Ms): { at: Ms; run: () => void } | undefined {
    return (this.#queue[0]?.at ?? Number.POSITIVE_INFINITY) <= end ? this.#queue.shift() : undefined;
  }
}
