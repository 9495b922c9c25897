import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, type Ms, seconds } from '#core/time.ts';
import type { Meter } from './port.ts';

const EVERY: Ms = seconds(5);
const NANOSECONDS = 1e9;

/** Reports how late the event loop runs its timers, over each last five seconds. Returns the stopper. */
export function watchLoopDelay(clock: Clock, meter: Meter): () => void {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  let cancel: () => void;
  const report = (): void => {
    for (const quantile of [50, 99, 100]) {
      meter.set(
        'event_loop_delay_seconds',
        { quantile: String(quantile / 100) },
        histogram.percentile(quantile) / NANOSECONDS,
      );
    }
    histogram.reset();
    cancel = clock.after(EVERY, report);
  };
  cancel = clock.after(EVERY, report);
  return () => {
    cancel();
    histogram.disable();
  };
}
