/** `node test/bench/ledger.ts [records]`: durable records a second and append latency of the real ledger on this disk. */
import { openTestLedger, someIntent, temporaryDirectory, testKeeper } from '../kit/ledger.ts';

const total = Number(process.argv[2] ?? 10_000);
const quantile = (sorted: readonly number[], q: number): number => sorted[Math.floor((sorted.length - 1) * q)] ?? 0;

async function measure(concurrency: number, count: number, outcomes: boolean): Promise<void> {
  const directory = await temporaryDirectory();
  const { ledger } = await openTestLedger(directory.path, testKeeper());
  const drafts = Array.from({ length: count }, (_, n) => someIntent(n));
  const latencies: number[] = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const before = performance.now();
      const recorded = await ledger.intent(drafts[n] as (typeof drafts)[number], 'write');
      latencies.push(performance.now() - before);
      if (!recorded.ok) throw new Error(recorded.code);
      if (outcomes) ledger.outcome(recorded.value, { kind: 'applied', status: 201, uid: `uid-${n}`, took: 5 });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await ledger.close('done');
  await directory.remove();
  latencies.sort((a, b) => a - b);
  const records = count * (outcomes ? 2 : 1);
  console.log(
    `concurrency ${concurrency}, ${outcomes ? 'intents and outcomes' : 'intents'}: ${Math.round(records / seconds)} records/s, ` +
      `p50 ${quantile(latencies, 0.5).toFixed(2)} ms, p99 ${quantile(latencies, 0.99).toFixed(2)} ms, ` +
      `CPU ${((user + system) / records).toFixed(0)} us a record`,
  );
}

await measure(1, Math.min(total, 2000), false);
await measure(64, total, false);
await measure(64, total, true);
