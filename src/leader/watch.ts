import type { Streams } from '#api/port.ts';
import type { Lease } from '#core/k8s/types.gen.ts';
import { pathOf } from '#core/resource.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { LeaseName } from './request.ts';

export interface LeaseWatch {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly at: LeaseName;
}

const SERVER_SECONDS = 300;
const SILENCE: Ms = 90_000;
const AGAIN: Ms = 1000;
/** A watch that is refused is not asked for much: without it a release is seen at the next poll. */
const AFTER_REFUSAL: Ms = 60_000;

/**
 * Calls `look` whenever nobody holds the lease any more, until `signal` aborts. Only a hint: what counts is what the
 * elector then reads. So a follower takes over within milliseconds of a release, though it polls every few seconds.
 */
export function watchLease({ streams, clock, at }: LeaseWatch): (signal: AbortSignal, look: () => void) => void {
  const query = new URLSearchParams({
    watch: 'true',
    fieldSelector: `metadata.name=${at.name}`,
    timeoutSeconds: String(SERVER_SECONDS),
    allowWatchBookmarks: 'true',
  });
  const path = `${pathOf('coordination.k8s.io/leases', { namespace: at.namespace })}?${query}`;
  return (signal, look) => {
    const again = async (): Promise<void> => {
      while (!signal.aborted) {
        const pause = await once(streams, path, signal, look);
        await sleep(clock, pause, signal);
      }
    };
    void again();
  };
}

/** One watch until it ends; returns how long to wait before the next. */
async function once(streams: Streams, path: string, signal: AbortSignal, look: () => void): Promise<Ms> {
  try {
    const { status, lines } = await streams.watch('leader', path, { signal, silence: SILENCE });
    if (status !== 200) return AFTER_REFUSAL;
    for await (const { type, object } of lines) {
      const free = type !== 'BOOKMARK' && ((object as Lease | null)?.spec?.holderIdentity ?? '') === '';
      if (type === 'ERROR') return AGAIN;
      if (free || type === 'DELETED') look();
    }
    return AGAIN;
  } catch {
    return AGAIN;
  }
}

function sleep(clock: Clock, delay: Ms, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delay, done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
