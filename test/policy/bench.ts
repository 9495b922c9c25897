/**
 * How long a decision takes, for inputs of three sizes: inside the worker, through the worker one at a time, and in
 * batches. Run it on a quiet machine: `npx node test/policy/bench.ts`.
 */
import type { PolicyInput } from '#policy/port.ts';
import { caseInput, discard, scratch, signedBaseline, start } from './support.ts';

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

function quantile(sorted: readonly number[], q: number): string {
  return `${(sorted[Math.floor((sorted.length - 1) * q)] ?? 0).toFixed(0).padStart(5)} µs`;
}

const directory = scratch();
const { evaluator } = await start(await signedBaseline(directory));
for (const size of [2_300, 5_000, 50_000]) {
  const input = sized(size);
  const inside: number[] = [];
  const through: number[] = [];
  for (let at = 0; at < 6_000; at++) {
    const begin = performance.now();
    const [decision] = await evaluator.decide([input]);
    if (at < 1_000) continue;
    through.push((performance.now() - begin) * 1000);
    inside.push(decision?.micros ?? 0);
  }
  const rounds = Math.ceil(4_000_000 / size / 64);
  const begin = performance.now();
  const cpu = process.threadCpuUsage();
  for (let at = 0; at < rounds; at++) await evaluator.decide(Array.from({ length: 64 }, () => input));
  const { user, system } = process.threadCpuUsage(cpu);
  const each = ((performance.now() - begin) * 1000) / rounds / 64;
  inside.sort((a, b) => a - b);
  through.sort((a, b) => a - b);
  console.log(
    `${String(JSON.stringify(input).length).padStart(6)} bytes` +
      `  inside p50 ${quantile(inside, 0.5)} p99 ${quantile(inside, 0.99)}` +
      `  through the worker p50 ${quantile(through, 0.5)} p99 ${quantile(through, 0.99)}` +
      `  batches of 64: ${each.toFixed(1)} µs each, main thread ${((user + system) / rounds / 64).toFixed(1)} µs each`,
  );
}
await evaluator.close();
discard(directory);
