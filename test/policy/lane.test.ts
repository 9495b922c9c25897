import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { readBundle } from '#policy/bundle.ts';
import { createLane, type Job, type Lane, type LaneOptions } from '#policy/lane.ts';
import type { Judgement } from '#policy/result.ts';
import { bytesOf } from '#policy/suite.ts';
import type { WorkerSetup } from '#policy/worker.ts';
import { systemClock } from '#telemetry/clock.ts';
import { BUILD, caseInput } from './support.ts';

const open: Lane[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((lane) => lane.close()));
});

async function setup(data?: ArrayBuffer): Promise<WorkerSetup> {
  const { files } = await readBundle(BUILD);
  const module = await WebAssembly.compile(files['policy.wasm']);
  return { module, data: data ?? new Uint8Array(files['data.json']).buffer };
}

async function lane(over: Partial<LaneOptions> = {}): Promise<{ lane: Lane; lost: string[] }> {
  const lost: string[] = [];
  const created = createLane({
    setup: await setup(),
    clock: systemClock,
    batch: 64,
    batchBytes: 1_000_000,
    timeout: 5_000,
    onLost(jobs, why) {
      lost.push(why);
      for (const job of jobs) job.settle({ kind: 'error', code: 'POLICY_CRASHED', micros: 0 });
    },
    ...over,
  });
  open.push(created);
  return { lane: created, lost };
}

function judge(on: Lane, input: unknown): Promise<Judgement> {
  return new Promise((settle) => on.push({ text: new Uint8Array(bytesOf(input)), tenant: '', settle } satisfies Job));
}
const pod = () => caseInput('replicaset', 'creates a pod');

test('a worker that crashes is replaced, and the next input is judged', async () => {
  let workers = 0;
  const dying = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', () => process.exit(1));
    parentPort.postMessage('ready');`;
  const { lane: one, lost } = await lane({
    spawn: (given) =>
      ++workers === 1
        ? new Worker(dying, { eval: true, workerData: given })
        : new Worker(new URL('../../src/policy/worker.ts', import.meta.url), { workerData: given }),
  });
  expect(await judge(one, pod())).toMatchObject({ code: 'POLICY_CRASHED' });
  expect(lost).toEqual(['crash']);
  expect(await judge(one, pod())).toMatchObject({ kind: 'allow' });
  expect(workers).toBe(2);
});

test('a worker that cannot load refuses what waits, and is tried again for the next', async () => {
  let workers = 0;
  const { lane: one } = await lane({
    setup: await setup(new TextEncoder().encode('{').buffer),
    spawn: (given) => {
      workers++;
      return new Worker(new URL('../../src/policy/worker.ts', import.meta.url), { workerData: given, stderr: true });
    },
  });
  await expect(one.ready()).rejects.toThrow('loading the policy');
  expect(await judge(one, pod())).toMatchObject({ code: 'POLICY_CRASHED' });
  expect(await judge(one, pod())).toMatchObject({ code: 'POLICY_CRASHED' });
  expect(workers).toBe(3);
});

test('what is due in one turn of the loop crosses as one message', async () => {
  const { lane: one } = await lane({
    spawn: (given) => {
      const echo = `const { parentPort } = require('node:worker_threads');
        parentPort.on('message', ({ ends }) => parentPort.postMessage(ends.map(() => ({ kind: 'allow', warnings: [], micros: ends.length }))));
        parentPort.postMessage('ready');`;
      return new Worker(echo, { eval: true, workerData: given });
    },
  });
  await one.ready();
  const sizes = await Promise.all(Array.from({ length: 10 }, (_, at) => judge(one, { at })));
  expect(sizes.map(({ micros }) => micros)).toEqual(Array.from({ length: 10 }, () => 10));
});

test('drain finishes what is under way, close does not', async () => {
  const { lane: one } = await lane();
  const finished = Promise.all([judge(one, pod()), judge(one, pod())]);
  await one.drain();
  expect(await finished).toMatchObject([{ kind: 'allow' }, { kind: 'allow' }]);
  expect(await judge(one, pod())).toMatchObject({ code: 'POLICY_CRASHED' });
});
