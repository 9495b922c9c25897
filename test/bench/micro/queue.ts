/** The work queue: keys of many namespaces, added, taken in turns, done. */
import { DEFAULT_BACKOFF } from '#core/controller.ts';
import { realClock } from '#kit/ledger.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createQueue } from '#queue/queue.ts';
import { quantile } from '../spread.ts';
import { cpuEach, latenciesNow, micros, type Row, rate } from './row.ts';

const KEYS = 1_000;

export async function queue(): Promise<readonly Row[]> {
  return [await measure(1), await measure(100)];
}

async function measure(namespaces: number): Promise<Row> {
  const keys = Array.from({ length: KEYS }, (_, n) => `team-${n % namespaces}/app-${n}`);
  const { meter } = recordingTelemetry();
  const made = createQueue({ name: 'bench', backoff: DEFAULT_BACKOFF, clock: realClock, meter, onReady: () => {} });
  const all = (): void => {
    for (const key of keys) made.add(key);
    for (let key = made.take(); key !== undefined; key = made.take()) made.done(key);
    if (!made.idle()) throw new Error('emptying the queue');
  };
  const took = await latenciesNow(all);
  const cpu = await cpuEach(KEYS * 50, () => Array.from({ length: 50 }, all));
  made.stop();
  const each = `${rate(KEYS, quantile(took, 0.5) / 1000)} keys added, taken and done, ${micros(cpu)} of CPU each`;
  return { what: `queue, ${KEYS} keys of ${namespaces} namespaces`, result: each };
}
