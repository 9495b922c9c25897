/** List, watch and memory of the cache, of pods as an API server serves them. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCache } from '#cache/cache.ts';
import { createDecoder } from '#cache/decode.ts';
import type { Cache } from '#cache/port.ts';
import { projectionOf } from '#cache/projections.ts';
import { fakeListWatch, type OpenWatch, settle } from '#kit/fake-list-watch.ts';
import { realClock } from '#kit/ledger.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { cpuEach, latenciesNow, micros, percentiles, type Row, rate } from './row.ts';
import { servedPod } from './served-pod.ts';

const PODS = 10_000;
const PAGE = 500;
const SYNC = 2_000;
const KEPT = 4_096;

export async function cache(): Promise<readonly Row[]> {
  return [...(await listDecode()), ...(await sync())];
}

async function listDecode(): Promise<readonly Row[]> {
  const page = Buffer.from(JSON.stringify({ items: Array.from({ length: PAGE }, (_, n) => servedPod(n, n + 1)) }));
  const { decode } = createDecoder('core/pods', projectionOf('core/pods'));
  const parse = (): void => void JSON.parse(page.toString());
  const all = (): void => {
    for (const item of (JSON.parse(page.toString()) as { items: unknown[] }).items)
      if (decode(item) === undefined) throw new Error('decoding a pod');
  };
  const [parsed, decoded] = [await latenciesNow(parse), await latenciesNow(all)];
  const times = (act: () => void) => cpuEach(PAGE * 10, () => Array.from({ length: 10 }, act));
  const [parsing, decoding] = [micros(await times(parse)), micros(await times(all))];
  const size = `${(page.length / PAGE / 1000).toFixed(1)} KB each`;
  return [
    {
      what: `a page of ${PAGE} pods, ${size}: JSON.parse alone`,
      result: `${percentiles(parsed)}, ${parsing} of CPU a pod`,
    },
    {
      what: `a page of ${PAGE} pods, ${size}: parsed, projected, frozen`,
      result: `${percentiles(decoded)}, ${decoding} of CPU a pod`,
    },
  ];
}

async function sync(): Promise<readonly Row[]> {
  const lines = Array.from({ length: PODS }, (_, n) => Buffer.from(JSON.stringify(servedPod(n, n + 1))));
  const changed = lines.map((_, n) => Buffer.from(JSON.stringify(servedPod(n, PODS + n + 2, 'Running'))));
  const abort = new AbortController();
  const { reader, streams, identities, watches } = fakeListWatch();
  const resources = [{ resource: 'core/pods', identity: 'reader' } as const];
  const made = createCache({ reader, streams, identities, resources, clock: realClock, ...recordingTelemetry() });
  const before = await heap();
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const started = made.start(abort.signal);
  await settle();
  const watch = watches.at(-1) as OpenWatch;
  await feed(watch, 'ADDED', lines);
  watch.bookmark(String(PODS + 1), true);
  await started;
  const synced = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const kept = ((await heap()) - before) / PODS;
  const again = performance.now();
  const applying = await cpuEach(PODS, async () => {
    await feed(watch, 'MODIFIED', changed);
    await reached(made, PODS * 2 + 1);
  });
  const applied = performance.now() - again;
  const after = ((await heap()) - before) / PODS;
  abort.abort();
  await settle();
  return [
    {
      what: `sync of ${PODS} pods, each parsed from its line`,
      result: `${synced.toFixed(0)} ms, ${((user + system) / 1000).toFixed(0)} ms of CPU`,
      target: { says: `${SYNC / 1000} s`, held: synced < SYNC },
    },
    {
      what: 'memory of a cached pod, after the sync and after a change of each',
      result: `${(kept / 1024).toFixed(2)} and ${(after / 1024).toFixed(2)} KiB`,
      target: { says: '4 KiB', held: Math.max(kept, after) <= KEPT },
    },
    {
      what: 'watch events, each parsed and applied',
      result: `${rate(PODS, applied)}, ${micros(applying)} of CPU each`,
    },
  ];
}

/** As chunks of a connection bring them: some, then the event loop turns. */
async function feed(watch: OpenWatch, type: 'ADDED' | 'MODIFIED', lines: readonly Buffer[]): Promise<void> {
  for (const [at, line] of lines.entries()) {
    watch.event(type, JSON.parse(line.toString()));
    if (at % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function reached(made: Cache, version: number): Promise<void> {
  while (Number(made.syncedRV('core/pods')) < version) await settle();
}

/** Bytes that are really in use. */
async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let times = 0; times < 3; times++) {
    collect();
    await settle();
  }
  return process.memoryUsage().heapUsed;
}
