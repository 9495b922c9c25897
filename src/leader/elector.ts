import type { Lease } from '#core/k8s/types.gen.ts';
import type { Clock, Ms, Now } from '#core/time.ts';
import type { Anchors, OwnAnchor } from '#ledger/port.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import { fenceAdmits } from './fence.ts';
import { anchorsIn, type Candidate, epochOf, released, type Sighting, type Step, sight, stepLease } from './lease.ts';
import type { Epoch, Fence } from './port.ts';

export interface ElectorConfig extends Candidate {
  readonly renewDeadline: Ms;
  readonly retryPeriod: Ms;
  /** Kept free at the end of the lease; see `fenceAdmits`. */
  readonly margin: Ms;
  readonly jumpBound: Ms;
  /** Replicas have run here before: where there is no lease at the first look, somebody deleted it, and a holder may act. */
  readonly ranBefore?: boolean;
}

export type LeaseRead = { readonly ok: true; readonly lease: Lease | undefined } | { readonly ok: false };
/** `conflict`: the lease is not as we saw it. `failed`: it may or may not have been written. */
export type LeaseWritten =
  | { readonly ok: true; readonly lease: Lease | undefined }
  | { readonly ok: false; readonly why: 'conflict' | 'failed' };

export type Lost = 'renew-deadline' | 'lease-taken' | 'lease-deleted';
export type End =
  | { readonly kind: 'lost'; readonly why: Lost }
  | { readonly kind: 'released' }
  | { readonly kind: 'stopped' };

export interface ElectorParts {
  readonly config: ElectorConfig;
  readonly clock: Clock;
  readonly read: () => Promise<LeaseRead>;
  /** One attempt, bounded in time by its own deadline; never retried inside. */
  readonly write: (kind: 'create' | 'update', lease: Lease) => Promise<LeaseWritten>;
  /** Calls `look` when the lease may have changed, until `signal` aborts: only so that a release is seen at once. */
  readonly changes?: (signal: AbortSignal, look: () => void) => void;
  /** Requests under this reign on the wire, and lost ones whose time has not passed yet. */
  readonly inFlight: () => number;
  readonly anchor: () => OwnAnchor | undefined;
  /** `found` is what the lease told of ledgers before it was ours. */
  readonly onWon: (epoch: Epoch, found: Anchors) => void;
  readonly onLost: (why: Lost) => void;
  readonly meter: Meter;
  readonly log: Log;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
}

export interface Elector {
  readonly fence: Fence;
  /** Campaigns, then leads; resolves when that is over. One reign at most: a process that lost starts anew. */
  run(signal: AbortSignal): Promise<End>;
  /**
   * Closes the fence for good and gives the lease up, so that the next replica takes it at once. `busy`: something is
   * still in flight, so the lease is left to expire.
   */
  release(): Promise<'released' | 'not-held' | 'busy' | 'failed'>;
  /** Who held the lease when it was last seen; empty for nobody. */
  holder(): string;
  /** Why the health check `leaderElection` fails; undefined when it does not. */
  failing(): string | undefined;
}

export function createElector(parts: ElectorParts): Elector {
  return new LeaseElector(parts);
}

/** As upstream: a wait between tries is spread over 1 to 2.2 times the period. */
const JITTER = 1.2;
/** As upstream: this long after the lease ran out, a leader that has neither renewed nor stopped is unhealthy. */
const HEALTH_GRACE: Ms = 20_000;
const RELEASE_TRIES = 5;

class LeaseElector implements Elector {
  readonly fence: Fence;
  readonly #parts: ElectorParts;
  readonly #ended = Promise.withResolvers<End>();
  #seen: Sighting | undefined;
  /** The lease is not known to be as last seen: read before writing. */
  #stale = true;
  #reign: { readonly epoch: Epoch; renewedAt: Now } | undefined;
  #found: Anchors = {};
  #over = false;
  #turn: Promise<Ms> | undefined;
  #wake: () => void = () => {};
  #cancelDeadline: () => void = () => {};

  constructor(parts: ElectorParts) {
    this.#parts = parts;
    this.fence = {
      epoch: () => this.#reign?.epoch,
      admits: (timeout) => fenceAdmits(this.#reign?.renewedAt, parts.clock.now(), timeout, parts.config),
    };
  }

  run(signal: AbortSignal): Promise<End> {
    const stop = (): void => this.#finish({ kind: 'stopped' });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    void this.#loop(signal);
    return this.#ended.promise.finally(() => signal.removeEventListener('abort', stop));
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { meter, config, changes } = this.#parts;
    meter.set('leader_election_master_status', { name: config.name }, 0);
    changes?.(signal, () => this.#reign === undefined && this.#wake());
    while (!this.#over) {
      this.#turn = this.#reign === undefined ? this.#campaign() : this.#renew();
      const delay = await this.#turn;
      this.#turn = undefined;
      if (!this.#over) await this.#sleep(delay);
    }
  }

  /** One look at the lease, and a try for it where it is free. Returns when to look again. */
  async #campaign(): Promise<Ms> {
    const { clock, config, anchor } = this.#parts;
    if (!(await this.#look()) || this.#seen === undefined || this.#over) return this.#retry();
    const now = clock.now();
    const step = stepLease(this.#seen, config, now, anchor());
    if (step.kind === 'wait') return Math.min(this.#retry(), step.until - now.mono);
    // A lease that is ours already is a try whose answer was lost: its predecessor was noted then.
    if (step.kind !== 'renew') this.#found = anchorsIn(this.#seen.lease, anchor()?.directory ?? '');
    return this.#write(step);
  }

  async #renew(): Promise<Ms> {
    const { clock, config, anchor, meter } = this.#parts;
    // After a freeze the timers of the next try and of the deadline are both due, this one first.
    if (this.#reign !== undefined && clock.now().mono - this.#reign.renewedAt.mono >= config.renewDeadline)
      return this.#lose('renew-deadline');
    if (this.#stale) {
      meter.count('leader_election_slowpath_total', { name: config.name });
      const begun = clock.now();
      if (!(await this.#look())) return this.#again(begun);
    }
    if (this.#over || this.#seen === undefined) return 0;
    if (this.#seen.lease === undefined) return this.#lose('lease-deleted');
    const step = stepLease(this.#seen, config, clock.now(), anchor());
    return step.kind === 'renew' ? this.#write(step) : this.#lose('lease-taken');
  }

  async #look(): Promise<boolean> {
    const { clock, config, read } = this.#parts;
    const found = await read().catch((): LeaseRead => ({ ok: false }));
    if (!found.ok) return false;
    // The time is taken after the answer: no earlier than the change that it shows.
    this.#seen = sight(this.#seen, found.lease, clock.now().mono, config.leaseDuration, config.ranBefore);
    this.#stale = false;
    return true;
  }

  async #write(step: Exclude<Step, { kind: 'wait' }>): Promise<Ms> {
    const { clock, config, write } = this.#parts;
    const begun = clock.now();
    this.#stale = true;
    const done = await write(step.kind === 'create' ? 'create' : 'update', step.lease).catch(
      (): LeaseWritten => ({ ok: false, why: 'failed' }),
    );
    // An answer that shows no new version renewed nothing: followers saw no change.
    const renewal = done.ok && done.lease !== undefined && this.#isNews(done.lease) ? done.lease : undefined;
    if (renewal === undefined) return done.ok || done.why === 'conflict' ? config.retryPeriod / 20 : this.#again(begun);
    this.#seen = sight(this.#seen, renewal, clock.now().mono, config.leaseDuration);
    this.#stale = false;
    if (this.#over) return 0;
    if (this.#reign !== undefined) this.#reign.renewedAt = begun;
    // An answer that comes so late may tell of a reign that is over: not a win, look again.
    else if (!fenceAdmits(begun, clock.now(), 0, config)) return 0;
    else this.#win(renewal, begun);
    this.#armDeadline(begun);
    return this.#again(begun);
  }

  #isNews(lease: Lease): boolean {
    return (
      lease.spec?.holderIdentity === this.#parts.config.identity &&
      lease.metadata?.resourceVersion !== this.#seen?.lease?.metadata?.resourceVersion
    );
  }

  /** Who leads tries once in a period, counted from the try before: a slow disk or answer has been waited for already. */
  #again(begun: Now): Ms {
    if (this.#reign === undefined) return this.#retry();
    const { clock, config } = this.#parts;
    return Math.max(config.retryPeriod / 20, config.retryPeriod - (clock.now().mono - begun.mono));
  }

  #retry(): Ms {
    const { config, random = Math.random } = this.#parts;
    return config.retryPeriod * (1 + random() * JITTER);
  }

  #win(lease: Lease, begun: Now): void {
    const { config, meter, log, onWon } = this.#parts;
    const epoch = epochOf(lease);
    this.#reign = { epoch, renewedAt: begun };
    meter.set('leader_election_master_status', { name: config.name }, 1);
    log.info('winning leadership', { ...epoch, predecessor: this.#found.last?.origin });
    onWon(epoch, this.#found);
  }

  /** Leadership ends at the deadline also while an answer is awaited. */
  #armDeadline(begun: Now): void {
    const { clock, config } = this.#parts;
    this.#cancelDeadline();
    const left = config.renewDeadline - (clock.now().mono - begun.mono);
    this.#cancelDeadline = clock.after(left, () => this.#lose('renew-deadline'));
  }

  #lose(why: Lost): 0 {
    if (this.#over) return 0;
    this.#parts.log.error('losing leadership', { why });
    this.#finish({ kind: 'lost', why });
    this.#parts.onLost(why);
    return 0;
  }

  #finish(end: End): void {
    if (this.#over) return;
    this.#over = true;
    this.#reign = undefined;
    this.#cancelDeadline();
    this.#parts.meter.set('leader_election_master_status', { name: this.#parts.config.name }, 0);
    this.#wake();
    this.#ended.resolve(end);
  }

  #sleep(delay: Ms): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(Math.max(0, delay), () => this.#wake());
      this.#wake = () => {
        this.#wake = () => {};
        cancel();
        resolve();
      };
    });
  }

  async release(): Promise<'released' | 'not-held' | 'busy' | 'failed'> {
    if (this.#over) return 'not-held';
    this.#finish({ kind: 'released' });
    await this.#turn;
    if (this.#parts.inFlight() > 0) return 'busy';
    for (let tries = 0; tries < RELEASE_TRIES; tries++) {
      if (this.#stale && !(await this.#look())) continue;
      const lease = this.#seen?.lease;
      if (lease?.spec?.holderIdentity !== this.#parts.config.identity) return 'not-held';
      this.#stale = true;
      const freed = released(lease, this.#parts.clock.now(), this.#parts.anchor());
      const done = await this.#parts.write('update', freed).catch((): LeaseWritten => ({ ok: false, why: 'failed' }));
      if (done.ok) return 'released';
    }
    return 'failed';
  }

  holder(): string {
    return this.#seen?.lease?.spec?.holderIdentity ?? '';
  }

  failing(): string | undefined {
    if (this.#reign === undefined) return undefined;
    const since = this.#parts.clock.now().mono - this.#reign.renewedAt.mono;
    return since > this.#parts.config.leaseDuration + HEALTH_GRACE ? 'renewing the lease: it ran out' : undefined;
  }
}
