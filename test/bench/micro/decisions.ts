/** How long a decision with the shipped policies takes: inside the worker, through it one at a time, and in batches. */
import type { PolicyInput } from '#policy/port.ts';
import { caseInput, discard, scratch, signedBaseline, start } from '../../policy/support.ts';
import { quantile } from '../spread.ts';
import { cpuEach, latencies, micros, percentiles, type Row } from './row.ts';

/** Microseconds, for inputs of up to 6 KB: a larger one takes longer to read alone. */
const P99 = 100;
const USUAL = 6_000;
const BATCH = 64;

export async function decisions(): Promise<readonly Row[]> {
  const directory = scratch();
  const { evaluator } = await start(await signedBaseline(directory));
  const rows: Row[] = [];
  try {
    for (const input of [small(), ...[5_000, 50_000].map(sized)]) rows.push(...(await ofInput(evaluator, input)));
  } finally {
    await evaluator.close();
    discard(directory);
  }
  return rows;
}

type Evaluator = Awaited<ReturnType<typeof start>>['evaluator'];

async function ofInput(evaluator: Evaluator, input: PolicyInput): Promise<readonly Row[]> {
  const bytes = JSON.stringify(input).length;
  const size = `${(bytes / 1000).toFixed(1)} KB`;
  const inside: number[] = [];
  const through = await latencies(async () => {
    const [decision] = await evaluator.decide([input]);
    if (decision?.kind !== 'allow') throw new Error(`deciding: ${JSON.stringify(decision)}`);
    inside.push(decision.micros);
  });
  // What came first was compiled meanwhile.
  const warm = inside.slice(Math.floor(inside.length / 4)).sort((a, b) => a - b);
  const batches = Math.ceil(4_000_000 / bytes / BATCH);
  const batch = Array.from({ length: BATCH }, () => input);
  const began = performance.now();
  const cpu = await cpuEach(batches * BATCH, async () => {
    for (let at = 0; at < batches; at++) await evaluator.decide(batch);
  });
  const each = ((performance.now() - began) * 1000) / batches / BATCH;
  return [
    {
      what: `decision, ${size}, inside the worker`,
      result: percentiles(warm),
      ...(bytes <= USUAL && { target: { says: `p99 < ${P99} µs`, held: quantile(warm, 0.99) < P99 } }),
    },
    { what: `decision, ${size}, through the worker, one at a time`, result: percentiles(through) },
    {
      what: `decision, ${size}, in batches of ${BATCH}`,
      result: `${micros(each)} each, ${micros(cpu)} of CPU in both threads`,
    },
  ];
}

/** A ServiceAccount. */
const small = (): PolicyInput => caseInput('serviceaccount', 'creates the default ServiceAccount');

/** The pod of the shared case, with containers added until the input has that size. */
function sized(bytes: number): PolicyInput {
  const pod = structuredClone(caseInput('replicaset', 'creates a pod')) as unknown as {
    object: { spec: { containers: object[] } };
  };
  const { containers } = pod.object.spec;
  const model = containers[0];
  while (JSON.stringify(pod).length < bytes) {
    const env = Array.from({ length: 10 }, (_, at) => ({ name: `SETTING_${at}`, value: `value ${at}` }));
    containers.push({ ...model, name: `side-${containers.length}`, env });
  }
  return pod as unknown as PolicyInput;
}
