/**
 * `npx node test/bench/ledger.ts [records]`: durable records a second and append latency of the real ledger on this disk
 * (TMPDIR says which), for pod creates of 2 to 4 KB. The budget is 5,000 records a second (design 8).
 */
import { verifyLedger } from '#ledger/verify.ts';
import { openTestLedger, someIntent, somePod, temporaryDirectory, testKeeper } from '../kit/ledger.ts';

const total = Number(process.argv[2] ?? 20_000);
const quantile = (sorted: readonly number[], q: number): number => sorted[Math.floor((sorted.length - 1) * q)] ?? 0;
const epoch = { lease: 'lease-uid', transitions: 1, holder: 'here' };

/** A pod as real workloads have them: variables, probes, mounts. */
function realisticPod(n: number): ReturnType<typeof somePod> {
  const pod = somePod(`web-${n.toString(36).padStart(5, '0')}`);
  const [container] = pod.spec.containers as [(typeof pod.spec.containers)[number]];
  const env = Array.from({ length: 12 + (n % 12) }, (_, at) => ({ name: `SETTING_${at}`, value: `value-${n}-${at}` }));
  const probe = { httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' }, periodSeconds: 10, timeoutSeconds: 1 };
  const volumeMounts = Array.from({ length: 6 }, (_, at) => ({ name: `volume-${at}`, mountPath: `/srv/volume-${at}` }));
  const volumes = volumeMounts.map(({ name }) => ({ name, configMap: { name: `settings-${name}` } }));
  const spec = { ...pod.spec, volumes, serviceAccountName: 'web', terminationGracePeriodSeconds: 30 };
  const full = { ...container, env, volumeMounts, livenessProbe: probe, readinessProbe: probe };
  return { ...pod, spec: { ...spec, containers: [full] } };
}

function drafts(count: number) {
  return Array.from({ length: count }, (_, n) => {
    const after = realisticPod(n);
    const plain = someIntent(n, { epoch });
    return { ...plain, after, request: { ...plain.request, body: JSON.stringify(after) } };
  });
}

async function measure(concurrency: number, count: number, outcomes: boolean): Promise<void> {
  const directory = await temporaryDirectory();
  const { ledger } = await openTestLedger(directory.path, testKeeper());
  await ledger.note({ note: 'leadership', epoch, won: true });
  const all = drafts(count);
  const latencies: number[] = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const before = performance.now();
      const recorded = await ledger.intent(all[n] as (typeof all)[number], 'write');
      latencies.push(performance.now() - before);
      if (!recorded.ok) throw new Error(recorded.code);
      if (outcomes) ledger.outcome(recorded.value, { kind: 'applied', status: 201, uid: `uid-${n}`, took: 5 });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await ledger.close('done');
  const verified = performance.now();
  const { verdict } = await verifyLedger({ directory: directory.path });
  const checked = (performance.now() - verified) / 1000;
  await directory.remove();
  latencies.sort((a, b) => a - b);
  const records = count * (outcomes ? 2 : 1);
  console.log(
    `${String(concurrency).padStart(3)} at once, ${outcomes ? 'intents and outcomes' : 'intents'.padEnd(20)}: ` +
      `${String(Math.round(records / seconds)).padStart(6)} records/s, ` +
      `p50 ${quantile(latencies, 0.5).toFixed(2)} ms, p99 ${quantile(latencies, 0.99).toFixed(2)} ms, ` +
      `CPU ${((user + system) / records).toFixed(0)} us a record; ` +
      `verified (${verdict}) at ${Math.round(records / checked)} records/s`,
  );
}

const sizes = drafts(24).map(({ request }) => Buffer.byteLength(request.body));
console.log(`bodies of ${Math.min(...sizes)} to ${Math.max(...sizes)} bytes`);
await measure(1, Math.min(total, 3000), false);
for (const concurrency of [16, 64, 256]) await measure(concurrency, total, false);
await measure(64, total, true);
