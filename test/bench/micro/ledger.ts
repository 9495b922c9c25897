/** Durable records a second, and how long a write waits for its own, of the real ledger on this disk (TMPDIR says which). */
import { verifyLedger } from '#ledger/verify.ts';
import { openTestLedger, someIntent, somePod, temporaryDirectory, testKeeper } from '../../kit/ledger.ts';
import { micros, percentiles, type Row, rate } from './row.ts';

const TARGET = 5_000;
const epoch = { lease: 'lease-uid', transitions: 1, holder: 'here' };

export async function ledger(): Promise<readonly Row[]> {
  const sizes = drafts(24).map(({ request }) => Buffer.byteLength(request.body));
  const bodies = `bodies of ${Math.min(...sizes)} to ${Math.max(...sizes)} bytes`;
  return [
    ...(await measure(`intents one at a time, ${bodies}`, 1, 2_000)),
    ...(await measure('intents, 64 at once', 64, 20_000)),
    ...(await measure('intents, 256 at once', 256, 20_000)),
    ...(await measure('intents with their outcomes, 64 at once', 64, 20_000, true)),
  ];
}

async function measure(what: string, concurrency: number, count: number, outcomes = false): Promise<readonly Row[]> {
  const directory = await temporaryDirectory();
  const { ledger } = await openTestLedger(directory.path, testKeeper());
  await ledger.note({ note: 'leadership', epoch, won: true });
  const all = drafts(count);
  const waited: number[] = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const before = performance.now();
      const recorded = await ledger.intent(all[n] as (typeof all)[number], 'write');
      waited.push((performance.now() - before) * 1000);
      if (!recorded.ok) throw new Error(recorded.code);
      if (outcomes) ledger.outcome(recorded.value, { kind: 'applied', status: 201, uid: `uid-${n}`, took: 5 });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  await ledger.close('done');
  const verified = performance.now();
  const { verdict } = await verifyLedger({ directory: directory.path });
  const checked = performance.now() - verified;
  await directory.remove();
  if (verdict !== 'ok') throw new Error(`verifying what was measured: ${verdict}`);
  const records = count * (outcomes ? 2 : 1);
  const held = (records * 1000) / ms >= TARGET;
  return [
    {
      what: `ledger: ${what}`,
      result:
        `${rate(records, ms)}, ${percentiles(waited.sort((a, b) => a - b))}, ` +
        `${micros((user + system) / records)} of CPU a record; verified at ${rate(records, checked)}`,
      ...(concurrency === 64 && { target: { says: `${TARGET} a second`, held } }),
    },
  ];
}

function drafts(count: number) {
  return Array.from({ length: count }, (_, n) => {
    const after = realisticPod(n);
    const plain = someIntent(n, { epoch });
    return { ...plain, after, request: { ...plain.request, body: JSON.stringify(after) } };
  });
}

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
