/** How a process comes to lead: by lease, or because the operator says that no other replica runs. */
import type { Config } from '#config/config.ts';
import { type Ms, seconds } from '#core/time.ts';
import { sendLease } from '#gate/lease.ts';
import type { GateParts } from '#gate/ports.ts';
import { createElector, type Lost } from '#leader/elector.ts';
import { affordableTimeout } from '#leader/fence.ts';
import type { Epoch, Fence } from '#leader/port.ts';
import { leaseFound, leasePath, leaseRequest, leaseWritten } from '#leader/request.ts';
import { createSoleLeader } from '#leader/sole.ts';
import { watchLease } from '#leader/watch.ts';
import type { Anchors } from '#ledger/port.ts';
import type { Base, Pipeline } from './parts.ts';

/** What the API server may take for one write, where the lease is long enough. */
export const WRITE_TIMEOUT: Ms = seconds(6);
const LEASE_MARGIN: Ms = seconds(1);
export const JUMP_BOUND: Ms = seconds(2);
/** How long one write may take, so that the fence still lets it start after a missed renewal. */
export function writeTimeoutFor({ leaderElection: { enabled, leaseDuration, retryPeriod } }: Config): Ms {
  const limits = { leaseDuration, margin: LEASE_MARGIN, jumpBound: JUMP_BOUND };
  return enabled ? affordableTimeout(limits, retryPeriod, WRITE_TIMEOUT) : WRITE_TIMEOUT;
}

/**
 * How long one look at the lease or one write of it may take. As upstream half the renew deadline, but so that after a
 * renewal whose answer is lost there is time for another one, a retry period later, over another connection.
 */
export function leaseTimeout({ renewDeadline, retryPeriod }: Config['leaderElection']): Ms {
  const spare = 0.9 * renewDeadline - 2 * retryPeriod;
  return Math.round(Math.min(seconds(5), renewDeadline / 2, Math.max(spare, renewDeadline / 4)));
}

/** The two ways to have leadership: by lease, or because the operator says that no other replica runs. */
export interface Leadership {
  readonly fence: Fence;
  /** Begins; calls `won` once, and `lost` at most once after it. */
  start(won: (epoch: Epoch, found: Anchors) => void, lost: (why: Lost) => void): void;
  release(): Promise<unknown>;
  failing(): string | undefined;
  /** Who leads, as far as it was seen; empty for nobody. */
  holder(): string;
}

export function openLeadership(
  config: Config,
  { identity, opened }: Base,
  parts: GateParts & Pipeline,
  signal: AbortSignal,
): Leadership {
  const { leaderElection: election } = config;
  if (!election.enabled) {
    const sole = createSoleLeader(identity);
    const epoch = sole.fence.epoch() as Epoch;
    return {
      fence: sole.fence,
      start: (won) => won(epoch, {}),
      release: async () => sole.close(),
      failing: () => undefined,
      holder: () => identity,
    };
  }
  const at = { namespace: election.namespace, name: election.name };
  const timeout = leaseTimeout(election);
  const told: { won?: (epoch: Epoch, found: Anchors) => void; lost?: (why: Lost) => void } = {};
  const elector = createElector({
    config: {
      ...at,
      identity,
      leaseDuration: election.leaseDuration,
      renewDeadline: election.renewDeadline,
      retryPeriod: election.retryPeriod,
      margin: LEASE_MARGIN,
      jumpBound: JUMP_BOUND,
      ranBefore: opened.previous.length > 0,
    },
    clock: parts.clock,
    read: async () => leaseFound(await parts.reader.get('leader', leasePath(at), { timeout })),
    write: async (kind, lease) => leaseWritten(await sendLease(leaseRequest(kind, lease, at, timeout), at, parts)),
    changes: watchLease({ streams: parts.streams, clock: parts.clock, at }),
    inFlight: () => parts.writer.inFlight() + parts.lost.count(),
    anchor: () => ({ ...opened.ledger.anchor(), directory: opened.directoryId }),
    onWon: (epoch, found) => told.won?.(epoch, found),
    onLost: (why) => told.lost?.(why),
    meter: parts.meter,
    log: parts.log,
    random: parts.random.fraction,
  });
  return {
    fence: elector.fence,
    start(won, lost) {
      Object.assign(told, { won, lost });
      void elector.run(signal);
    },
    release: () => elector.release(),
    failing: () => elector.failing(),
    holder: () => elector.holder(),
  };
}
